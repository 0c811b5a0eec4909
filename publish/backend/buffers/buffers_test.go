package buffers_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
)

// Times of segments come from the PTS and the recording's beginning, not from the late program times.
func TestSegmentsAreTimedByCapture(t *testing.T) {
	began := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	s := shelftest.New(t, 3, began)
	list, _, err := buffers.New(s.Files, 0).Segments(t.Context(), s.Rec)
	require.NoError(t, err)
	require.Len(t, list, 3)
	for i, seg := range list {
		// ffmpeg shifts the first frame by its B-frames' delay.
		require.WithinDuration(t, began.Add(time.Duration(i)*shelftest.SegmentLength), seg.From, 100*time.Millisecond)
	}
}

// A recorder whose segments are all deleted, on a full disk, is heard all the same, also by a backend that has just
// started.
func TestDeletedSegmentsAreSignsOfLife(t *testing.T) {
	ctx := t.Context()
	s := shelftest.New(t, 3, time.Now().Add(-6*time.Second))
	b := buffers.New(s.Files, 0)
	left, err := b.Prune(ctx, s.Rec, time.Now().Add(time.Hour), s.DB.SetPruned)
	require.NoError(t, err)
	require.Zero(t, left)
	s.Rec.Pruned = s.Count
	for what, b := range map[string]*buffers.Buffers{"the one that deleted": b, "another": buffers.New(s.Files, 0)} {
		news, _, closed, err := b.Liveness(ctx, s.Rec)
		require.NoError(t, err)
		require.False(t, closed)
		require.WithinDuration(t, time.Now(), news, 5*time.Second, what)
	}
}

// A reserve that the storage does not have lacks; one that is turned off never does.
func TestSpaceLacks(t *testing.T) {
	s := shelftest.New(t, 1, time.Now())
	missing, reserve, err := buffers.Space{Storage: s.Files, Reserve: 1 << 62}.Lacking()
	require.NoError(t, err)
	require.Positive(t, missing)
	require.EqualValues(t, 1<<62, reserve)
	for _, off := range []buffers.Space{{Storage: s.Files, Reserve: -1}, {Storage: s.DB}} {
		missing, _, err = off.Lacking()
		require.NoError(t, err)
		require.Zero(t, missing)
	}
}
