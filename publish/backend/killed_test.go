package backend_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
)

// The recorder is killed in the middle of a replay. A save over all of it then holds what was recorded, in one
// piece, and names what is missing.
func TestKilledOnRealStack(t *testing.T) {
	b := newBench(t, with{egress: true})
	pub := b.publish("den")
	req := api.StartRequest{RoomName: "den", VideoTrackID: pub.VideoID, AudioTrackID: pub.AudioID}
	started, err := b.client.Start(b.ctx, req)
	require.NoError(t, err)
	b.waitBuffered(started.ReplayID, 8)

	whole, err := b.client.Replay(b.ctx, started.ReplayID)
	require.NoError(t, err)

	require.NoError(t, b.egress.Signal(syscall.SIGKILL))
	<-b.egress.Done()
	b.startEgress(false)
	b.eventually(2*time.Minute, "the killed recorder is given up", func() bool {
		r, err := b.client.Replay(b.ctx, started.ReplayID)
		require.NoError(t, err)
		return r.State == api.StateFailed && r.LastError != ""
	})
	req.ReplayID = started.ReplayID
	again, err := b.client.Start(b.ctx, req)
	require.NoError(t, err)
	require.Equal(t, started.ReplayID, again.ReplayID)
	require.NotEqual(t, started.EgressID, again.EgressID)
	resumed := time.Now()
	b.eventually(90*time.Second, "segments of the new recorder", func() bool {
		r, err := b.client.Replay(b.ctx, started.ReplayID)
		require.NoError(t, err)
		return r.To != nil && r.To.After(resumed.Add(6*time.Second))
	})
	pressed := time.Now()
	seconds := pressed.Sub(*whole.From).Seconds() - 1
	clip, file := b.save(started.ReplayID, seconds, pressed)
	require.InDelta(t, seconds, clip.Seconds, 0.2)
	require.Len(t, clip.Gaps, 1, "%+v", clip.Gaps)
	require.WithinDuration(t, resumed, clip.Gaps[0].To, 10*time.Second)
	require.False(t, clip.Gaps[0].From.Before(whole.To.Add(-time.Second)), "what was recorded before the kill is missing")
	streams, length, err := backendtest.Probe(b.ctx, file)
	require.NoError(t, err)
	require.Len(t, streams, 2)
	require.InDelta(t, seconds, length.Seconds(), 0.2)
}
