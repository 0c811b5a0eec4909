//go:build linux

package sharetest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/livekit/protocol/auth"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// LiveKit's JavaScript client in Chromium sees the replay, hears of clips, and asks for one; testdata/viewer.html shows
// how.
func TestLiveKitsClientSeesAndAsks(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{})
	cfg := b.config(t)
	cfg.AllowClip = func(_ context.Context, viewer string, r api.ClipRequest, _ time.Time) (publish.ClipMaker, error) {
		switch r.Title {
		case "no":
			return nil, &publish.ClipRefusal{Code: api.RPCRefused, Message: "not now, " + viewer}
		case "here":
			return func(context.Context) (api.RoomClip, error) {
				return api.RoomClip{ClipID: "mine", Seconds: 4.5, URL: "https://replay.example.com/w/2"}, nil
			}, nil
		}
		return nil, nil
	}
	p, err := publish.Start(b.ctx, cfg, b.src)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(b.ctx) })
	me := p.Status().Identity
	state := api.RoomState{Replay: api.ReplayOn, Seconds: 60}
	p.Tell(state)
	b.eventually(t, func() bool { return p.Status().Recording == publish.RecordingActive }, "it is not recording")

	html, err := os.ReadFile(filepath.Join("testdata", "viewer.html"))
	require.NoError(t, err)
	page, err := stack.StartPage(b.ctx, t.Output(), html)
	require.NoError(t, err)
	t.Cleanup(func() { _ = page.Close() })
	token, err := auth.NewAccessToken(b.lk.APIKey, b.lk.APISecret).SetIdentity("browser").SetVideoGrant(&auth.VideoGrant{
		RoomJoin: true, Room: room}).ToJWT()
	require.NoError(t, err)
	tab := chromium(t, b.ctx)
	run := func(script string, out any, values ...any) {
		t.Helper()
		evaluate(t, tab, script, out, values...)
	}
	require.NoError(t, chromedp.Run(tab, chromedp.Navigate(page.URL)))
	run(`watch(%s, %s).then(() => true)`, nil, b.lk.URL, token)

	var seen struct {
		Replays map[string]map[string]string `json:"replays"`
		Clips   []api.RoomClip               `json:"clips"`
		Chat    []string                     `json:"chat"`
	}
	sees := func(what string, ok func() bool) {
		t.Helper()
		b.eventually(t, func() bool { run(`seen`, &seen); return ok() }, "the browser does not see %s", what)
	}
	sees("the replay", func() bool { return sameAttributes(seen.Replays[me], state.Attributes()) })
	state.Replay = api.ReplayPaused
	p.Tell(state)
	sees("the pause", func() bool { return sameAttributes(seen.Replays[me], state.Attributes()) })
	told := api.RoomClip{ClipID: "one", Seconds: 15, URL: "https://replay.example.com/w/1",
		ExpiresAt: time.Now().UTC().Truncate(time.Second)}
	// Neither somebody who does not share nor a link that is none makes a clip.
	forger, err := auth.NewAccessToken(b.lk.APIKey, b.lk.APISecret).SetIdentity("forger").SetVideoGrant(&auth.VideoGrant{
		RoomJoin: true, Room: room}).ToJWT()
	require.NoError(t, err)
	run(`(async () => {
		const other = new LivekitClient.Room();
		await other.connect(%s, %s);
		const clip = JSON.stringify({ clipId: 'forged', seconds: 1, url: 'https://evil.example.com' });
		await other.localParticipant.publishData(new TextEncoder().encode(clip),
			{ reliable: true, topic: 'hindsight.clip' });
		return true;
	})()`, nil, b.lk.URL, forger)
	script := told
	script.URL = "javascript:alert(1)"
	b.eventually(t, func() bool { return p.Announce(script, false) == nil }, "the room cannot be told")
	b.eventually(t, func() bool { return p.Announce(told, true) == nil }, "the room cannot be told")
	sees("the clip", func() bool { return len(seen.Clips) == 1 && len(seen.Chat) == 1 })
	require.Equal(t, told, seen.Clips[0])
	require.Equal(t, told.URL, seen.Chat[0])

	var got struct {
		api.RoomClip
		Code  api.RPCCode `json:"code"`
		Error string      `json:"error"`
	}
	run(`clip(%s, 7.5, "Goal")`, &got, me)
	require.Zero(t, got.Code, got.Error)
	require.Equal(t, []any{7.5, "Goal", "browser"}, []any{got.Seconds, got.Title, got.RequestedBy})
	require.Contains(t, got.URL, b.backend.URL())
	kept := b.backend.Clip(got.ClipID)
	require.Equal(t, []string{"Goal", "browser"}, []string{kept.Title, kept.RequestedBy})
	run(`clip(%s, 9, "here")`, &got, me)
	require.Equal(t, []any{api.RPCCode(0), "mine", 4.5, "here", "browser"}, []any{got.Code, got.ClipID, got.Seconds,
		got.Title, got.RequestedBy}, "made by the publisher: %s", got.Error)
	run(`clip(%s, 7.5, "no")`, &got, me)
	require.Equal(t, api.RPCRefused, got.Code)
	require.Equal(t, "not now, browser", got.Error)
}

// chromium is a tab of Debian's Chromium without a window.
func chromium(t *testing.T, ctx context.Context, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	require.NoError(t, err, "chromium is needed, run make setup")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.UserDataDir(wait.Folder(t)), chromedp.WSURLReadTimeout(time.Minute),
		chromedp.Flag("disable-dev-shm-usage", true))
	options = append(options, more...)
	allocator, end := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(end)
	tab, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(tab) // waits for the browser's end, so that its folder can go
		closeTab()
	})
	require.NoError(t, chromedp.Run(tab))
	return tab
}
