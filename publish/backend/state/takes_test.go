package state

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
)

func TestTakes(t *testing.T) { onBoth(t, keepsTakes) }

// What was asked for is there after a restart, and a recording that is over stays as it is.
func keepsTakes(t *testing.T, open func() *Store) {
	ctx := t.Context()
	s := open()
	at := time.Now().UTC().Truncate(time.Microsecond)
	first := Take{ID: NewID(), Identity: "alice", EgressID: "EG_1", Fingerprint: "x", State: api.StateStarting,
		Created: at,
		Request: api.RecordingRequest{RoomName: "den", Type: api.TypeTrackComposite, VideoTrackID: "TR_v",
			Outputs: api.RecordingOutputs{Segments: true, Streams: []string{"rtmp://host/app/…"}}},
		Streams: []api.RecordingStream{{URL: "rtmp://host/app/…", State: api.StateActive}}}
	second := Take{ID: NewID(), Identity: "bob", EgressID: "EG_2", State: api.StateActive, Created: at.Add(time.Second),
		Request: api.RecordingRequest{RoomName: "den", Type: api.TypeTrack, TrackID: "TR_a"}}
	require.NoError(t, s.AddTake(ctx, first))
	require.NoError(t, s.AddTake(ctx, second))
	require.Error(t, s.AddTake(ctx, Take{ID: NewID(), EgressID: "EG_1"}), "an egress is one recording")
	s = open()
	got, err := s.Take(ctx, first.ID)
	require.NoError(t, err)
	require.Equal(t, first, got)
	got, err = s.TakeOf(ctx, "EG_2")
	require.NoError(t, err)
	require.Equal(t, second, got)

	mine, err := s.TakesOf(ctx, "alice", 10)
	require.NoError(t, err)
	require.Equal(t, []Take{first}, mine)
	everybodys, err := s.AllTakes(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, []Take{second, first}, everybodys)

	require.NoError(t, s.StopTake(ctx, first.ID, at.Add(time.Minute)))
	first.State, first.Ended, first.Began = api.StateEnded, at.Add(2*time.Minute), at.Add(time.Second)
	require.NoError(t, s.UpdateTake(ctx, first))
	late := first
	late.State = api.StateActive
	require.ErrorIs(t, s.UpdateTake(ctx, late), ErrNotFound, "it is over")
	got, err = s.Take(ctx, first.ID)
	require.NoError(t, err)
	first.Stopped = at.Add(time.Minute)
	require.Equal(t, first, got)
	running, err := s.RunningTakes(ctx)
	require.NoError(t, err)
	require.Equal(t, []Take{second}, running)
	ids, err := s.RecordingIDs(ctx)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{first.ID, second.ID}, ids)

	require.NoError(t, s.DeleteTake(ctx, first.ID))
	_, err = s.Take(ctx, first.ID)
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorIs(t, s.DeleteTake(ctx, first.ID), ErrNotFound)
}
