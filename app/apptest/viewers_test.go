package apptest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/rewindtest"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// testViewers has viewers clip what the real program shares through a real server: one in the room, whose clip is made
// here and uploaded, and one with a watch link, about whom the user is asked in the window.
func testViewers(t *testing.T, m *machine) {
	ctx := t.Context()
	lk, err := stack.StartLiveKit(ctx, t.TempDir(), stack.LiveKitOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { lk.Close() })
	backend, err := stack.StartBackend(ctx, t.TempDir(), stack.BackendOptions{LiveKit: lk})
	require.NoError(t, err)
	t.Cleanup(func() { backend.Close() })
	dir := t.TempDir()
	r := m.start(t, dir, "HINDSIGHT_SHARING_BACKEND_URL="+backend.URL, "HINDSIGHT_TOKEN="+backend.Token,
		"HINDSIGHT_SHARING_ROOM=studio", "HINDSIGHT_SHARING_VIEWER_CLIPS=anyone",
		"HINDSIGHT_SHARING_VIEWER_CLIP_FROM=local", "HINDSIGHT_SHARING_AT_LAUNCH=true")
	s := r.until(t, "it is live", func(s session.Snapshot) bool {
		return s.State == session.Live && s.Share.Recording == session.ServerActive && s.Share.ServerSeconds > 6 &&
			s.BufferedSeconds > 6
	})
	call := func(viewer, request string, wait time.Duration, out any) (refused string) {
		v, err := publishtest.View(ctx, lk.URL, lk.APIKey, lk.APISecret, "studio", viewer)
		require.NoError(t, err)
		defer v.Close()
		require.Eventually(t, func() bool { return v.Sees(s.Share.Identity) }, time.Minute, 50*time.Millisecond)
		said, _, err := v.Call(s.Share.Identity, api.TopicClip, request, wait)
		if err != nil {
			return err.Error()
		}
		require.NoError(t, json.Unmarshal([]byte(said), out))
		return ""
	}
	clips := func() []string {
		found, err := filepath.Glob(filepath.Join(dir, "clips", "*.mp4"))
		require.NoError(t, err)
		return found
	}
	var clip api.RoomClip
	require.Empty(t, call("ann", `{"seconds": 4, "title": "A goal"}`, time.Minute, &clip))
	require.InDelta(t, 4, clip.Seconds, 0.1)
	require.Equal(t, []string{"A goal", "ann"}, []string{clip.Title, clip.RequestedBy})
	resp, err := http.Get(clip.URL + "/video")
	require.NoError(t, err)
	video, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	got := filepath.Join(t.TempDir(), "got.mp4")
	require.NoError(t, os.WriteFile(got, video, 0o600))
	there, err := mp4.Inspect(got)
	require.NoError(t, err)
	require.InDelta(t, clip.Seconds, there.Seconds, 0.01)
	require.Len(t, clips(), 1, "made here")
	here, err := mp4.Inspect(clips()[0])
	require.NoError(t, err)
	require.Equal(t, "A goal", here.Title)
	require.Nil(t, r.until(t, "it is none of the user's own", func(session.Snapshot) bool { return true }).LastSave)

	// What cannot be uploaded while the viewer waits is said, and does not stay.
	r.call(t, control.Request{Command: control.Set, Set: []config.Assignment{{Key: "clips.upload_kbps",
		Value: "100"}}}, nil)
	require.Contains(t, call("bob", `{"seconds": 5}`, 15*time.Second, &clip), "ask for fewer seconds")
	require.Eventually(t, func() bool { return len(clips()) == 1 }, time.Minute, 50*time.Millisecond)

	testAsked(t, m, r, backend)
	testLinksEndWithTheShare(t, r)
}

// watchLink has the command line make a watch link.
func (r *running) watchLink(t *testing.T, args ...string) (url string) {
	t.Helper()
	out, err := r.ctl(t, append([]string{"watch-link"}, args...)...)
	require.NoError(t, err, out)
	require.Contains(t, out, "shows no later share")
	url, _, _ = strings.Cut(out, "\n")
	return url
}

// ctl runs hindsightctl.
func (r *running) ctl(t *testing.T, args ...string) (out string, err error) {
	c := exec.CommandContext(t.Context(), buildCtl(t, t.Context()), args...)
	c.Env = append(os.Environ(), r.env...)
	text, err := c.CombinedOutput()
	return string(text), err
}

// testLinksEndWithTheShare changes what is published while a viewer with a watch link looks: the same replay goes on.
// Once sharing is turned off, the link shows what is left and no later share, is still listed, and can be revoked.
func testLinksEndWithTheShare(t *testing.T, r *running) {
	v := &rewindtest.Viewer{URL: strings.Replace(r.watchLink(t, "--expires", "7d"), "/watch?", "/index.m3u8?", 1)}
	look := func() rewindtest.Playlist {
		p, err := v.Look(t.Context())
		require.NoError(t, err)
		return p
	}
	active := func(s session.Snapshot) bool {
		return s.State == session.Live && s.Share.Recording == session.ServerActive
	}
	before := r.until(t, "it is live", active).Share
	from := look().Entries[0].Wall
	r.call(t, control.Request{Command: control.Set, Set: []config.Assignment{{Key: "sharing.stream_quality",
		Value: "lower"}}}, nil)
	after := r.until(t, "it is published anew", func(s session.Snapshot) bool {
		return active(s) && s.Share.EgressID != before.EgressID
	}).Share
	require.Equal(t, before.ReplayID, after.ReplayID)
	again := time.Now()
	require.Eventually(t, func() bool {
		p := look()
		require.False(t, p.Ended, "players would stop")
		require.Equal(t, from, p.Entries[0].Wall, "what was before")
		return p.To().After(again)
	}, time.Minute, 200*time.Millisecond, "what is after")

	r.call(t, control.Request{Command: control.Share}, nil)
	r.until(t, "it is not shared", func(s session.Snapshot) bool { return s.Share.State == session.ShareOff })
	require.Eventually(t, func() bool { return look().Ended }, time.Minute, 200*time.Millisecond)
	var links []api.WatchLink
	r.call(t, control.Request{Command: control.WatchLinks}, &links)
	require.Len(t, links, 2)
	require.True(t, links[0].Ended && links[1].Ended)
	r.call(t, control.Request{Command: control.Share, On: true}, nil)
	next := r.until(t, "it is live again", active).Share
	require.NotEqual(t, before.ReplayID, next.ReplayID)
	require.True(t, look().Ended)
	r.call(t, control.Request{Command: control.UnwatchLink, Text: links[1].LinkID}, nil)
	_, err := v.Look(t.Context())
	require.ErrorIs(t, err, rewindtest.StatusError(http.StatusNotFound))

	// The server's limit is one of the command line, too.
	out, err := r.ctl(t, "watch-link", "--expires", "91d")
	require.ErrorContains(t, err, "exit status 2")
	require.Contains(t, out, "between 1 minute and 90 days")
}

// testAsked has a viewer with a watch link ask twice: the user allows one clip and denies the other.
func testAsked(t *testing.T, m *machine, r *running, backend *stack.Backend) {
	link := r.watchLink(t, "--clips", "ask")
	replay, secret, ok := strings.Cut(link, "/watch?")
	require.True(t, ok, link)
	send := func(method, path, body string, out any) int {
		req, err := http.NewRequestWithContext(t.Context(), method, replay+path+"?"+secret, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.NoError(t, json.NewDecoder(resp.Body).Decode(out))
		return resp.StatusCode
	}
	dialogs := func(n int) func() bool {
		return func() bool {
			var at control.ShowAnswer
			r.call(t, control.Request{Command: control.Show}, &at)
			return at.Dialogs == n
		}
	}
	asks := func() (id string) {
		t.Helper()
		var clip api.ViewerClip
		require.Equal(t, http.StatusAccepted, send("POST", "/clips", `{"seconds": 3, "title": "From the link"}`, &clip))
		require.Equal(t, api.ViewerClipAsked, clip.State)
		require.Eventually(t, dialogs(1), 20*time.Second, 100*time.Millisecond, "it is not asked:\n%s", r.Tail(2000))
		return clip.ClipID
	}
	becomes := func(id string, want api.ViewerClipState) (clip api.ViewerClip) {
		t.Helper()
		require.Eventually(t, func() bool {
			send("GET", "/clips/"+id, "", &clip)
			return clip.State == want
		}, time.Minute, 100*time.Millisecond, "%+v", clip)
		return clip
	}
	id := asks()
	for _, key := range []string{"Tab", "Tab", "space"} { // Deny, Allow
		require.NoError(t, m.desktop.Press(t.Context(), key))
	}
	clip := becomes(id, api.ViewerClipReady)
	require.Contains(t, clip.URL, backend.URL)
	require.Eventually(t, dialogs(0), 20*time.Second, 100*time.Millisecond)

	id = asks()
	require.NoError(t, m.desktop.Press(t.Context(), "Escape"))
	require.Contains(t, becomes(id, api.ViewerClipFailed).Reason, "no")
	require.Eventually(t, dialogs(0), 20*time.Second, 100*time.Millisecond)
	require.NotContains(t, r.Tail(1<<20), "notification could not be shown", "nor taken away")
}
