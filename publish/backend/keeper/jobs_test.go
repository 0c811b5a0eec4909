package keeper

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// A recorder that was killed is given up, and what it says later changes nothing.
func TestDeadJobsAreGivenUp(t *testing.T) {
	s := newShelf(t, 1, time.Now())
	ctx := context.Background()
	add := func(id string, created, stopped time.Time) {
		job := state.Job{ID: id, Identity: "alice", EgressID: "EG_" + id, State: api.StateActive, Created: created,
			Request: api.RecordingRequest{RoomName: "den", Type: api.TypeTrackComposite}}
		require.NoError(t, s.DB.AddJob(ctx, job))
		if !stopped.IsZero() {
			require.NoError(t, s.DB.StopJob(ctx, id, stopped))
		}
	}
	long := time.Now().Add(-time.Hour)
	add("fine", long, time.Time{})
	add("stopping", long, time.Now())
	add("dead", long, long)
	s.refreshJobs(ctx, true)
	states := func() map[string]api.State {
		out := map[string]api.State{}
		list, err := s.DB.JobsOf(ctx, "alice", 10)
		require.NoError(t, err)
		for _, job := range list {
			out[job.ID] = job.State
			if !job.Over() && !job.Stopped.IsZero() {
				out[job.ID] = api.StateStopping
			}
		}
		return out
	}
	require.Equal(t, map[string]api.State{"fine": api.StateActive, "stopping": api.StateStopping,
		"dead": api.StateFailed}, states())

	// A recorder that never finds the tracks, and a LiveKit that has lost its memory.
	s.Fake.Says.State = api.StateStarting
	job, err := s.DB.Job(ctx, "fine")
	require.NoError(t, err)
	require.NoError(t, s.askJob(ctx, job))
	s.Fake.JobErr = recorder.ErrUnknown
	add("forgotten", time.Now(), time.Time{})
	s.refreshJobs(ctx, true)
	require.Equal(t, map[string]api.State{"fine": api.StateFailed, "stopping": api.StateFailed,
		"dead": api.StateFailed, "forgotten": api.StateStopping}, states())
	s.refreshJobs(ctx, true)
	require.Equal(t, api.StateFailed, states()["forgotten"])
}

// A recording that cannot be stopped is given up only after some attempts, whether LiveKit knows it or not.
func TestJobThatCannotBeStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newShelf(t, 1, time.Now())
		job := state.Job{ID: state.NewID(), Identity: "alice", EgressID: "EG_t", State: api.StateActive, Created: time.Now()}
		require.NoError(t, s.DB.AddJob(ctx, job))
		kept := func() state.Job {
			got, err := s.DB.Job(ctx, job.ID)
			require.NoError(t, err)
			return got
		}
		s.Fake.Hangs, s.Fake.JobErr = true, recorder.ErrUnknown
		require.ErrorIs(t, s.askJob(ctx, job), context.DeadlineExceeded)
		require.False(t, kept().Stopped.IsZero())
		require.ErrorIs(t, s.askJob(ctx, kept()), context.DeadlineExceeded)
		require.False(t, kept().Over(), "it may run on")

		s.Fake.Says, s.Fake.JobErr = recorder.Status{EgressID: "EG_t", State: api.StateActive}, nil
		job.Stopped = time.Now().Add(-finishPatience - time.Second)
		require.ErrorIs(t, s.askJob(ctx, job), context.DeadlineExceeded)
		require.False(t, kept().Over())
		job.Stopped = job.Stopped.Add(-stopPatience)
		require.ErrorIs(t, s.askJob(ctx, job), context.DeadlineExceeded)
		require.Equal(t, api.StateFailed, kept().State)
	})
}

// A recorder that uploads a long recording after its end is not dead.
func TestUploadOfALongRecordingIsAwaited(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 1, time.Now())
	job := state.Job{ID: state.NewID(), Identity: "alice", EgressID: "EG_long", State: api.StateActive,
		Created: time.Now().Add(-9 * time.Hour), Stopped: time.Now().Add(-time.Hour)}
	require.NoError(t, s.DB.AddJob(ctx, job))
	s.Fake.Says, s.Fake.Ending = recorder.Status{EgressID: "EG_long", State: api.StateActive}, true
	s.refreshJobs(ctx, true)
	got, err := s.DB.Job(ctx, job.ID)
	require.NoError(t, err)
	require.Equal(t, api.StateActive, got.State, got.Error)
	job.Created = job.Stopped.Add(-2 * time.Minute) // a short one has no such upload
	require.NoError(t, s.askJob(ctx, job))
	got, err = s.DB.Job(ctx, job.ID)
	require.NoError(t, err)
	require.Equal(t, api.StateFailed, got.State)
}

// A recording that was given up is fine once LiveKit says that it is complete.
func TestFinishedJobIsNoFailure(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 1, time.Now())
	job := state.Job{ID: state.NewID(), Identity: "alice", EgressID: "EG_t", State: api.StateActive,
		Created: time.Now().Add(-time.Hour), Stopped: time.Now().Add(-time.Minute)}
	_, err := s.Files.NewRecording(ctx, job.ID)
	require.NoError(t, err)
	require.NoError(t, s.DB.AddJob(ctx, job))
	s.Fake.JobErr = recorder.ErrUnknown
	s.refreshJobs(ctx, true)
	failed, err := s.DB.Job(ctx, job.ID)
	require.NoError(t, err)
	require.Equal(t, api.StateFailed, failed.State)
	s.Notify(ctx, recorder.Status{EgressID: "EG_t", State: api.StateActive})
	s.Notify(ctx, recorder.Status{EgressID: "EG_t", State: api.StateEnded})
	got, err := s.DB.Job(ctx, job.ID)
	require.NoError(t, err)
	require.Equal(t, api.StateEnded, got.State)
	require.Empty(t, got.Error)
	require.True(t, got.Ended.After(failed.Ended), "its file has changed since")
	require.ErrorIs(t, s.DB.FinishedJob(ctx, job.ID, time.Now()), state.ErrNotFound)
}

// Recordings end when they are as long as allowed, and go when they are old.
func TestRecordingsEndAndGo(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 1, time.Now())
	old := state.Job{ID: state.NewID(), Identity: "alice", EgressID: "EG_old", State: api.StateActive,
		Created: time.Now().Add(-s.o.MaxRecording - time.Second)}
	_, err := s.Files.NewRecording(ctx, old.ID)
	require.NoError(t, err)
	require.NoError(t, s.Files.WriteFile(ctx, old.ID, "recording.mp4", make([]byte, 2e6)))
	require.NoError(t, s.DB.AddJob(ctx, old))
	s.Fake.Says = recorder.Status{EgressID: "EG_old", State: api.StateActive}
	s.refreshJobs(ctx, true)
	got, err := s.DB.Job(ctx, old.ID)
	require.NoError(t, err)
	require.False(t, got.Stopped.IsZero(), "it is longer than recordings may be")

	s.o.KeepRecordings = time.Hour
	s.tidyJobs(ctx)
	_, err = s.DB.Job(ctx, old.ID)
	require.NoError(t, err, "one that runs is not old")
	got.State, got.Ended = api.StateEnded, time.Now().Add(-2*time.Hour)
	require.NoError(t, s.DB.UpdateJob(ctx, got))
	s.tidyJobs(ctx)
	_, err = s.DB.Job(ctx, old.ID)
	require.ErrorIs(t, err, state.ErrNotFound)
	files, err := s.Files.Files(ctx, old.ID)
	require.NoError(t, err)
	require.Empty(t, files)
}
