package statetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// What was asked for is there after a restart, and a recording that is over stays as it is.
func Jobs(t *testing.T, open func() *state.Store) {
	ctx := t.Context()
	s := open()
	at := time.Now().UTC().Truncate(time.Microsecond)
	first := state.Job{ID: state.NewID(), Identity: "alice", EgressID: "EG_1", Fingerprint: "x",
		State: api.StateStarting, Created: at,
		Request: api.RecordingRequest{RoomName: "den", Type: api.TypeTrackComposite, VideoTrackID: "TR_v",
			Outputs: api.RecordingOutputs{Segments: true, Streams: []string{"rtmp://host/app/…"}}},
		Streams: []api.RecordingStream{{URL: "rtmp://host/app/…", State: api.StateActive}}}
	second := state.Job{ID: state.NewID(), Identity: "bob", EgressID: "EG_2", State: api.StateActive,
		Created: at.Add(time.Second),
		Request: api.RecordingRequest{RoomName: "den", Type: api.TypeTrack, TrackID: "TR_a"}}
	require.NoError(t, s.AddJob(ctx, first))
	require.NoError(t, s.AddJob(ctx, second))
	require.Error(t, s.AddJob(ctx, state.Job{ID: state.NewID(), EgressID: "EG_1"}), "an egress is one recording")
	s = open()
	got, err := s.Job(ctx, first.ID)
	require.NoError(t, err)
	require.Equal(t, first, got)
	got, err = s.JobOf(ctx, "EG_2")
	require.NoError(t, err)
	require.Equal(t, second, got)

	mine, err := s.JobsOf(ctx, "alice", 10)
	require.NoError(t, err)
	require.Equal(t, []state.Job{first}, mine)
	everybodys, err := s.AllJobs(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, []state.Job{second, first}, everybodys)

	require.NoError(t, s.StopJob(ctx, first.ID, at.Add(time.Minute)))
	first.State, first.Ended, first.Began = api.StateEnded, at.Add(2*time.Minute), at.Add(time.Second)
	require.NoError(t, s.UpdateJob(ctx, first))
	late := first
	late.State = api.StateActive
	require.ErrorIs(t, s.UpdateJob(ctx, late), state.ErrNotFound, "it is over")
	got, err = s.Job(ctx, first.ID)
	require.NoError(t, err)
	first.Stopped = at.Add(time.Minute)
	require.Equal(t, first, got)
	running, err := s.RunningJobs(ctx)
	require.NoError(t, err)
	require.Equal(t, []state.Job{second}, running)
	ids, err := s.RecordingIDs(ctx)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{first.ID, second.ID}, ids)

	require.NoError(t, s.DeleteJob(ctx, first.ID))
	_, err = s.Job(ctx, first.ID)
	require.ErrorIs(t, err, state.ErrNotFound)
	require.ErrorIs(t, s.DeleteJob(ctx, first.ID), state.ErrNotFound)
}
