package backend_test

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/client"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// Whose token is revoked while the app shares is out of the room, also with a token to join that is still good; the
// recording has ended, links to clips do not work, and the app says why. Others go on.
func TestRevokedWhileSharing(t *testing.T) {
	b := newBench(t, with{alone: true})
	others := b.share(b.publish("den"), "", 1)
	token := b.token("--identity", "bob")
	c, err := client.New(b.backend.URL, token.Token)
	require.NoError(t, err)
	join, err := c.Token(b.ctx, api.TokenRequest{RoomName: "den"})
	require.NoError(t, err)
	src, err := publishtest.NewSource(b.ctx, t.TempDir(), publishtest.SourceOptions{Seconds: 2})
	require.NoError(t, err)
	t.Cleanup(func() { src.Close() })
	bob, err := publish.Start(b.ctx, publish.Config{BackendURL: b.backend.URL, UserToken: token.Token, Room: "den"}, src)
	require.NoError(t, err)
	t.Cleanup(func() { bob.Close(context.Background()) })
	b.eventually(time.Minute, "bob is recorded", func() bool {
		st := bob.Status()
		return st.Recording == publish.RecordingActive && st.ServerSeconds >= 3
	})
	id, err := bob.Save(b.ctx, 2, time.Now(), "")
	require.NoError(t, err)
	_, err = bob.WaitClip(b.ctx, id)
	require.NoError(t, err)
	link, err := c.CreateLink(b.ctx, id, time.Hour)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, b.status(link.URL))
	replay := bob.Status().ReplayID
	inside := func(video string) bool {
		lk := recorder.New(recorder.Options{URL: b.livekit.URL, APIKey: b.livekit.APIKey, APISecret: b.livekit.APISecret})
		_, _, err := lk.Tracks(b.ctx, recorder.Request{Room: "den", VideoTrack: video, Identities: []string{join.Identity}})
		return err == nil
	}
	video := bob.Status().VideoSID
	require.True(t, inside(video))

	b.command("token", "revoke", token.ID)
	require.NotEqual(t, http.StatusOK, b.status(link.URL), "the link still works")
	b.eventually(30*time.Second, "bob is out of the room", func() bool { return !inside(video) })
	b.eventually(30*time.Second, "the recording is over", func() bool { return b.over(replay) })
	b.eventually(30*time.Second, "the app says why", func() bool { return bob.Status().State == publish.StateFailed })
	require.Contains(t, bob.Status().Error, "You were removed from the room")
	require.Equal(t, publish.RecordingOff, bob.Status().Recording)

	again, err := backendtest.Publish(join.ServerURL, join.Token, b.loop)
	if err == nil { // LiveKit lets him in by the token of before; he does not stay
		t.Cleanup(func() { again.Close() })
		b.eventually(30*time.Second, "bob is out of the room again", func() bool { return !inside(again.VideoID) })
	}
	began := time.Now()
	b.eventually(30*time.Second, "alice is still recorded", func() bool {
		r, err := b.client.Replay(b.ctx, others)
		require.NoError(t, err)
		require.Equal(t, api.StateActive, r.State)
		return r.To != nil && r.To.After(began)
	})
}

// status is the HTTP status of a page.
func (b *bench) status(url string) int {
	b.Helper()
	req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, url, nil)
	require.NoError(b, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(b, err)
	require.NoError(b, resp.Body.Close())
	return resp.StatusCode
}

// over reports whether the service's database says that all recordings of a replay have ended, and well.
func (b *bench) over(replay string) bool {
	b.Helper()
	db, err := state.Open(b.ctx, filepath.Join(b.backend.Folder, "private"))
	require.NoError(b, err)
	defer db.Close()
	recordings, err := db.Recordings(b.ctx, replay)
	require.NoError(b, err)
	require.NotEmpty(b, recordings)
	for _, r := range recordings {
		require.Empty(b, r.Error)
		if r.State != api.StateEnded {
			return false
		}
	}
	return true
}
