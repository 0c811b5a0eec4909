package web

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// A replay goes on with new tracks although the old recording cannot be stopped and the caller has gone away.
func TestReplayGoesOnThoughStoppingHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelved(t)
		s.Fake.Hangs, s.Fake.Says.EgressID = true, "EG_2"
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		rec, err := s.start(ctx, state.Token{Identity: "alice", Rooms: "*", Scopes: []state.Scope{state.Publish}},
			api.StartRequest{RoomName: "den", VideoTrackID: "TR_w",
				ReplayID: s.Rec.ReplayID})
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(began), stopTimeout)
		got, err := s.DB.RecordingOf(t.Context(), "EG_2")
		require.NoError(t, err)
		require.Equal(t, rec.ID, got.ID)
	})
}

// A start leaves an intent only where LiveKit may have begun though it did not say so.
func TestIntentsOfStarts(t *testing.T) {
	ctx := t.Context()
	s := newShelved(t)
	user := state.Token{Identity: "alice", Rooms: "*", Scopes: []state.Scope{state.Publish}}
	left := func() int {
		list, err := s.DB.IntentsBefore(ctx, time.Now().Add(time.Hour))
		require.NoError(t, err)
		return len(list)
	}
	s.Fake.Says.EgressID = "EG_2"
	_, err := s.start(ctx, user, api.StartRequest{RoomName: "den", VideoTrackID: "TR_x"})
	require.NoError(t, err)
	require.Zero(t, left())
	s.Fake.Fails = recorder.ErrTrack
	_, err = s.start(ctx, user, api.StartRequest{RoomName: "den", VideoTrackID: "TR_y"})
	require.ErrorIs(t, err, recorder.ErrTrack)
	require.Zero(t, left())
	s.Fake.Fails = recorder.ErrUnavailable
	_, err = s.start(ctx, user, api.StartRequest{RoomName: "den", VideoTrackID: "TR_z"})
	require.ErrorIs(t, err, recorder.ErrUnavailable)
	require.Equal(t, 1, left())
}

// shelved has calls without HTTP.
type shelved struct {
	*Server
	*shelftest.Shelf
}

func newShelved(t *testing.T) shelved {
	t.Helper()
	on := shelftest.New(t, 1, time.Now())
	s, _, _ := serve(t, on)
	return shelved{s, on}
}

var sharer = state.Token{Identity: "alice", Rooms: "*", Scopes: []state.Scope{state.Publish}}

func refusedWith(t *testing.T, err error, status int, kind string) {
	t.Helper()
	require.Error(t, err)
	f := asFailure(err)
	require.Equal(t, status, f.status, f.detail)
	require.Equal(t, kind, f.kind)
}

// Where the storage is nearly full nothing new begins.
func TestNothingBeginsWithoutSpace(t *testing.T) {
	ctx := t.Context()
	s := newShelved(t)
	require.NoError(t, s.checkSpace(noRecording))
	s.o.Space = buffers.Space{Storage: s.Files, Reserve: 1 << 62}
	refusedWith(t, s.checkSpace(noRecording), http.StatusInsufficientStorage, api.ProblemSpace)
	_, err := s.start(ctx, sharer, api.StartRequest{RoomName: "den", VideoTrackID: "TR_x"})
	refusedWith(t, err, http.StatusInsufficientStorage, api.ProblemSpace)
	_, err = s.startJob(ctx, sharer, api.RecordingRequest{RoomName: "den", Type: api.TypeTrack, TrackID: "TR_x"})
	refusedWith(t, err, http.StatusInsufficientStorage, api.ProblemSpace)
}

// Recordings are as many and as large as allowed; so are replays.
func TestRecordingsAreBounded(t *testing.T) {
	ctx := t.Context()
	s := newShelved(t)
	s.o.Space = buffers.Space{Storage: s.Files, Reserve: -1}
	old := state.Job{ID: state.NewID(), Identity: "alice", EgressID: "EG_old", State: api.StateActive, Created: time.Now()}
	_, err := s.Files.NewRecording(ctx, old.ID)
	require.NoError(t, err)
	require.NoError(t, s.Files.WriteFile(ctx, old.ID, "recording.mp4", make([]byte, 2e6)))
	require.NoError(t, s.DB.AddJob(ctx, old))
	s.o.MaxRecordings = 1
	refusedWith(t, s.checkJobQuota(ctx, "alice"), http.StatusForbidden, api.ProblemQuota)
	s.o.MaxRecordings, s.o.MaxRecordingBytes = 2, 2e6
	refusedWith(t, s.checkJobQuota(ctx, "alice"), http.StatusForbidden, api.ProblemQuota)
	s.o.MaxRecordingBytes++
	require.NoError(t, s.checkJobQuota(ctx, "alice"))
	require.NoError(t, s.checkJobQuota(ctx, "bob"))

	s.o.MaxReplays = 1
	s.Fake.Says.EgressID = "EG_2"
	_, err = s.start(ctx, sharer, api.StartRequest{RoomName: "attic", VideoTrackID: "TR_x"})
	refusedWith(t, err, http.StatusTooManyRequests, api.ProblemTooMany)
	_, err = s.start(ctx, sharer, api.StartRequest{RoomName: "den", VideoTrackID: "TR_x", ReplayID: s.Rec.ReplayID})
	require.NoError(t, err, "one's own goes on")
}
