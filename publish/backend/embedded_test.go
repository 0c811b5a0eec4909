package backend_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/client"
)

// sharp is how far a clip of the embedded recorder may be from the moment it shows.
const sharp = 100 * time.Millisecond

// newEmbeddedBench is a livekit-server that stands alone, and a backend that finds out by itself that it has to record.
func newEmbeddedBench(t *testing.T) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	b := &bench{T: t, ctx: ctx, dir: t.TempDir()}
	var err error
	b.livekit, err = stack.StartLiveKit(ctx, t.TempDir(), stack.LiveKitOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { b.livekit.Close() })
	b.startBackend(stack.BackendOptions{LiveKit: b.livekit, Identity: "alice"})
	t.Cleanup(func() {
		b.backend.Close()
		if t.Failed() {
			t.Logf("the backend's last words:\n%s", b.backend.Tail(6000))
		}
	})
	return b
}

// share starts or continues a replay of what is published, and waits until some seconds of it are stored.
func (b *bench) share(pub *backendtest.Publisher, replay string, seconds float64) string {
	b.Helper()
	began := time.Now()
	started, err := b.client.Start(b.ctx, api.StartRequest{RoomName: "den", VideoTrackID: pub.VideoID, AudioTrackID: pub.AudioID,
		ReplayID: replay})
	require.NoError(b, err)
	b.eventually(60*time.Second, "what is shared is stored", func() bool {
		r, err := b.client.Replay(b.ctx, started.ReplayID)
		require.NoError(b, err)
		require.NotEqual(b, api.StateFailed, r.State, r.LastError)
		return r.To != nil && r.To.Sub(began).Seconds() >= seconds
	})
	return started.ReplayID
}

// Without Egress the backend records by itself: clips show the moment they should, also across a reconnect of the
// publisher and after the backend was killed.
func TestReplayWithoutEgress(t *testing.T) {
	b := newEmbeddedBench(t)
	pub := b.publish("den")
	replay := b.share(pub, "", 8)
	clip, file := b.save(replay, 6, time.Now())
	b.checkClip(clip, file, 6, pub, "opus", sharp)

	require.NoError(t, pub.Close())
	again := b.publish("den")
	require.Equal(t, replay, b.share(again, replay, 5))
	b.savesAll(replay)

	require.NoError(t, b.backend.Signal(syscall.SIGKILL))
	<-b.backend.Done()
	token := b.backend.Token
	b.startBackend(stack.BackendOptions{LiveKit: b.livekit, Identity: "alice", Program: b.backend.Program})
	var err error
	b.client, err = client.New(b.backend.URL, token)
	require.NoError(t, err)
	b.eventually(60*time.Second, "the recording of the killed backend is over", func() bool {
		r, err := b.client.Replay(b.ctx, replay)
		require.NoError(t, err)
		return r.State == api.StateEnded
	})
	require.Equal(t, replay, b.share(again, replay, 8))
	clip, file = b.save(replay, 6, time.Now())
	b.checkClip(clip, file, 6, again, "opus", sharp)
	b.savesAll(replay)

	stopped, err := b.client.Stop(b.ctx, api.StopRequest{ReplayID: replay})
	require.NoError(t, err)
	require.Equal(t, api.StateEnded, stopped.State)
}

// savesAll saves a replay from its beginning on, over all its recordings, and wants a file that decodes from end to end
// without complaint.
func (b *bench) savesAll(replay string) {
	b.Helper()
	r, err := b.client.Replay(b.ctx, replay)
	require.NoError(b, err)
	seconds := time.Since(*r.From).Seconds() - 0.5
	clip, file := b.save(replay, seconds, time.Now())
	require.InDelta(b, seconds, clip.Seconds, 0.1)
	streams, length, err := backendtest.Probe(b.ctx, file)
	require.NoError(b, err)
	require.Len(b, streams, 2)
	require.InDelta(b, seconds, length.Seconds(), 0.1)
	_, err = backendtest.FindMarks(b.ctx, file)
	require.NoError(b, err)
}
