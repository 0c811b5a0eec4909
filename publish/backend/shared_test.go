package backend_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/storage/s3test"
	"github.com/hindsight-app/hindsight/publish/client"
)

// Two backends on one PostgreSQL and one bucket, which LiveKit Egress writes to: a replay that one of them started is
// saved by the other, and kept by it when the first is killed. To viewers both say the same.
func TestSharedReplayOnRealStack(t *testing.T) {
	ctx := t.Context()
	database, err := stack.StartPostgres(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { database.Close() })
	url, err := database.NewDatabase(ctx)
	require.NoError(t, err)
	s3, err := s3test.Start(ctx)
	require.NoError(t, err)
	t.Cleanup(s3.Close)
	o := stack.BackendOptions{Env: []string{"HINDSIGHT_DATABASE=" + url, "HINDSIGHT_STORAGE=" + s3.URL("team"),
		"HINDSIGHT_REPLAY=6s"}}
	for k, v := range s3.Env() {
		o.Env = append(o.Env, k+"="+v)
	}
	b := newBench(t, with{egress: true, backend: o})
	pub := b.publish("den")
	started, err := b.client.Start(b.ctx, api.StartRequest{RoomName: "den", VideoTrackID: pub.VideoID,
		AudioTrackID: pub.AudioID})
	require.NoError(t, err)
	b.waitBuffered(started.ReplayID, 8)
	b.hidden(b.livekit.APISecret, b.backend.Token, b.password(url), s3.Env()["AWS_SECRET_ACCESS_KEY"])

	viewer := b.rewinds(started.ReplayID, api.ClipsAnyone)
	b.plays(viewer, b.shows(viewer, time.Now().Add(-10*time.Second)), "video/mp2t")
	first := b.backend
	o.LiveKit, o.Identity, o.Program = b.livekit, "alice", program
	second, err := stack.StartBackend(b.ctx, t.TempDir(), o)
	require.NoError(t, err)
	t.Cleanup(func() {
		second.Close()
		if t.Failed() {
			t.Logf("the second backend's last words:\n%s", second.Tail(6000))
		}
	})
	b.backend = second
	b.client, err = client.New(second.URL, first.Token)
	require.NoError(t, err)
	again, err := b.client.Start(b.ctx, api.StartRequest{RoomName: "den", VideoTrackID: pub.VideoID,
		AudioTrackID: pub.AudioID})
	require.NoError(t, err)
	require.Equal(t, started.EgressID, again.EgressID, "one of them has started it already")
	clip, file := b.save(started.ReplayID, 5, time.Now())
	b.check(clip, file, 5, pub)
	checkRange(b, clip)
	for _, one := range []*stack.Backend{first, second, first, second} { // of which each knows what the other says
		b.backend = one
		b.at(viewer)
		b.plays(viewer, b.shows(viewer, time.Now().Add(-10*time.Second)), "video/mp2t")
	}
	require.NoError(t, b.client.SetPoster(b.ctx, clip.ClipID, jpegOf(t)))

	require.NoError(t, first.Signal(syscall.SIGKILL))
	<-first.Done()
	stored := func() (out []string) {
		keys, err := s3.Keys(b.ctx, "team/segments/")
		require.NoError(t, err)
		for _, k := range keys {
			if strings.HasSuffix(k, ".ts") {
				out = append(out, k)
			}
		}
		slices.Sort(out)
		return out
	}
	oldest := stored()[0]
	b.eventually(90*time.Second, "the second backend deletes what is too old", func() bool {
		b.looks(viewer)
		return stored()[0] > oldest
	})
	// The buffer has 6 s, and a segment is as old before it is stored where the machine is slow: none may be shown.
	b.plays(viewer, b.shows(viewer, time.Now().Add(-10*time.Second)), "video/mp2t")

	// The database is lost while the replay runs; a new one is made from what lies in the bucket.
	require.NoError(t, second.Close())
	url, err = database.NewDatabase(ctx)
	require.NoError(t, err)
	o.Env = append(o.Env, "HINDSIGHT_DATABASE="+url)
	repair := exec.CommandContext(b.ctx, program, "repair", "--json")
	repair.Env = append(os.Environ(), o.Env...)
	out, err := repair.Output()
	require.NoError(t, err)
	require.JSONEq(t, `{"replays":1,"recordings":1,"takes":0,"clips":1,"posters":1,"unknown":0,
		"revokedLinks":0,"revokedSignIns":0,"revokedInvitations":0}`, string(out))
	b.startBackend(o)
	clips, err := b.client.Clips(b.ctx)
	require.NoError(t, err)
	require.Len(t, clips.Clips, 1)
	_, err = b.client.Video(b.ctx, clips.Clips[0].ClipID, io.Discard)
	require.NoError(t, err)
	link, err := b.client.CreateLink(b.ctx, clips.Clips[0].ClipID, 0)
	require.NoError(t, err)
	resp, err := http.Get(link.URL + "/poster.jpg")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode, "the poster is lost")
	clip, file = b.save(started.ReplayID, 5, time.Now())
	b.check(clip, file, 5, pub)
	require.NoError(t, b.calls().DeleteClip(b.ctx, clip.ClipID))
	left, err := s3.Keys(b.ctx, "team/clips/")
	require.NoError(t, err)
	require.Len(t, left, 3, "the other clip, its note and its poster")
	stopped, err := b.client.Stop(b.ctx, api.StopRequest{ReplayID: started.ReplayID})
	require.NoError(t, err)
	require.Equal(t, api.StateEnded, stopped.State)
}

// jpegOf is a gray image.
func jpegOf(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, 64, 36)), nil))
	return out.Bytes()
}
