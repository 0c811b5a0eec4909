package backend_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
)

// sharp is how far a clip of the embedded recorder may be from the moment it shows.
const sharp = 100 * time.Millisecond

// share starts or continues a replay of what is published, and waits until some seconds of it are stored.
func (b *bench) share(pub *backendtest.Publisher, replay string, seconds float64) string {
	b.Helper()
	began := time.Now()
	started, err := b.client.Start(b.ctx, api.StartRequest{RoomName: "den", VideoTrackID: pub.VideoID,
		AudioTrackID: pub.AudioID,
		ReplayID:     replay})
	require.NoError(b, err)
	b.eventually(60*time.Second, "what is shared is stored", func() bool {
		r, err := b.client.Replay(b.ctx, started.ReplayID)
		require.NoError(b, err)
		require.NotEqual(b, api.StateFailed, r.State, r.LastError)
		return r.To != nil && r.To.Sub(began).Seconds() >= seconds
	})
	return started.ReplayID
}

// Without Egress the backend records by itself: clips show the moment they should, also after livekit-server and the
// backend were killed.
func TestReplayWithoutEgress(t *testing.T) {
	b := newBench(t, with{alone: true})
	pub := b.publish("den")
	replay := b.share(pub, "", 8)
	clip, file := b.save(replay, 6, time.Now())
	b.checkClip(clip, file, 6, pub, "opus", sharp)

	b.kill(b.livekit.Proc)
	b.again(&b.livekit.Proc)
	require.NoError(t, pub.Close())
	again := b.publish("den")
	require.Equal(t, replay, b.share(again, replay, 5))

	b.killBackend()
	b.eventually(60*time.Second, "the recording of the killed backend is over", func() bool {
		r, err := b.client.Replay(b.ctx, replay)
		require.NoError(t, err)
		return r.State == api.StateEnded
	})
	require.Equal(t, replay, b.share(again, replay, 8))
	clip, file = b.save(replay, 6, b.landed(replay))
	b.checkClip(clip, file, 6, again, "opus", sharp)
	r, err := b.client.Replay(b.ctx, replay)
	require.NoError(t, err)
	b.savesWhole(replay, r.To.Sub(*r.From).Seconds()-0.5, *r.To)

	stopped, err := b.client.Stop(b.ctx, api.StopRequest{ReplayID: replay})
	require.NoError(t, err)
	require.Equal(t, api.StateEnded, stopped.State)
}
