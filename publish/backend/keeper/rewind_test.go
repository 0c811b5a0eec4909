package keeper

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// A viewer's clip has nothing of a segment that was recorded in a pause; the owner's has all.
func TestViewersClipLeavesOutPauses(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 8, time.Now().Add(-16*time.Second))
	end := s.stored(t)[7].To
	require.NoError(t, s.DB.Pause(ctx, s.Rec.ReplayID, s.Began.Add(5*time.Second)))
	require.NoError(t, s.DB.Resume(ctx, s.Rec.ReplayID, s.Began.Add(7*time.Second)))
	for _, asker := range []string{"", "a viewer of link x"} {
		c := s.Clip(t, "alice", 14*time.Second, end, time.Now())
		c.Asker = asker
		ok, err := s.DB.AddClip(ctx, c, 10)
		require.NoError(t, err)
		require.True(t, ok)
		s.clips(ctx)
		s.ended(<-s.finished)
		got, err := s.DB.Clip(ctx, c.ID)
		require.NoError(t, err)
		require.Equal(t, api.ClipReady, got.State, got.Reason)
		require.InDelta(t, 14, got.To.Sub(got.From).Seconds(), 0.1)
		if asker == "" {
			require.Empty(t, got.Gaps)
			continue
		}
		require.Len(t, got.Gaps, 1)
		require.WithinDuration(t, s.Began.Add(4*time.Second), got.Gaps[0].From, 100*time.Millisecond)
		require.WithinDuration(t, s.Began.Add(8*time.Second), got.Gaps[0].To, 100*time.Millisecond)
	}
}

// deciding is a database where somebody decides about a clip after the first look for what is needed.
type deciding struct {
	*state.Store
	decide func()
}

func (d *deciding) AllAsks(ctx context.Context) ([]state.Ask, error) {
	defer d.looked()
	return d.Store.AllAsks(ctx)
}

func (d *deciding) WaitingClips(ctx context.Context) ([]state.Clip, error) {
	defer d.looked()
	return d.Store.WaitingClips(ctx)
}

func (d *deciding) looked() {
	if d.decide != nil {
		d.decide()
		d.decide = nil
	}
}

// What a viewer asks for stays while the publisher allows it.
func TestSegmentsStayWhileAClipIsAllowed(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 5, time.Now().Add(-time.Hour))
	c := s.Clip(t, "alice", 2*time.Second, s.Began.Add(3*time.Second), time.Now())
	ask := state.Ask{ID: c.ID, ReplayID: s.Rec.ReplayID, State: state.Asked, From: c.Start(), To: c.Pressed,
		Created: time.Now()}
	ok, err := s.DB.AddAsk(ctx, ask, 10, 9)
	require.NoError(t, err)
	require.True(t, ok)
	s.o.State = &deciding{s.DB, func() {
		ok, err := s.DB.Allow(ctx, c, 10)
		require.NoError(t, err)
		require.True(t, ok)
	}}
	s.prune(ctx)
	require.Len(t, s.stored(t), 5)
}

// Before the files of a recording go, what viewers could see of it is counted; and what they ask for stays.
func TestPlaylistsCountWhatIsPruned(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 5, time.Now().Add(-time.Hour))
	over := s.Rec
	over.State, over.Ended = api.StateEnded, time.Now().Add(-50*time.Minute)
	require.NoError(t, s.DB.UpdateRecording(ctx, s.Rec, over))
	next := state.Recording{ID: state.NewID(), ReplayID: s.Rec.ReplayID, EgressID: "EG_2", VideoTrack: "TR_v",
		State: api.StateActive, Created: time.Now()}
	require.NoError(t, s.DB.AddRecording(ctx, next))
	ask := state.Ask{ID: state.NewID(), ReplayID: s.Rec.ReplayID, State: state.Asked, From: s.Began.Add(time.Second),
		To: s.Began.Add(3 * time.Second), Created: time.Now()}
	ok, err := s.DB.AddAsk(ctx, ask, 10, 9)
	require.NoError(t, err)
	require.True(t, ok)
	s.prune(ctx)
	require.Len(t, s.stored(t), 5, "a viewer's clip may be allowed yet")
	require.NoError(t, s.DB.Deny(ctx, ask.ID))
	s.prune(ctx)
	replay, err := s.DB.Replay(ctx, s.Rec.ReplayID)
	require.NoError(t, err)
	require.Equal(t, state.Shown{Segments: 5, Jumps: 1, Longest: shelftest.SegmentLength}, replay.Pruned)
	left, err := s.DB.Recordings(ctx, replay.ID)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// Of very many recordings of a replay the oldest go before their time, and are counted; what runs stays.
func TestRecordingsOfAReplayAreFew(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 3, time.Now().Add(-6*time.Second))
	over := s.Rec
	over.State, over.Ended = api.StateEnded, time.Now()
	require.NoError(t, s.DB.UpdateRecording(ctx, s.Rec, over))
	for i := range maxRecordings {
		r := state.Recording{ID: state.NewID(), ReplayID: s.Rec.ReplayID, EgressID: state.NewID(), VideoTrack: "TR_v",
			State: api.StateFailed, Created: time.Now(), Ended: time.Now()}
		if i%2 == 0 {
			r.State, r.Ended = api.StateActive, time.Time{}
		}
		require.NoError(t, s.DB.AddRecording(ctx, r))
	}
	s.prune(ctx)
	left, err := s.DB.Recordings(ctx, s.Rec.ReplayID)
	require.NoError(t, err)
	require.Equal(t, maxRecordings, len(left))
	require.NoDirExists(t, s.Folder)
	replay, err := s.DB.Replay(ctx, s.Rec.ReplayID)
	require.NoError(t, err)
	require.Equal(t, 3, replay.Pruned.Segments)
}
