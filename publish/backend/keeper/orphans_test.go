package keeper

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// finding is a recorder that tells what it writes, until it is stopped.
type finding struct {
	*shelftest.Recorder
	writes map[string]string // recording → egress
}

func (f *finding) Writing(_ context.Context, id string) (out []string, err error) {
	if e, ok := f.writes[id]; ok {
		out = append(out, e)
	}
	return out, nil
}

func (f *finding) Stop(_ context.Context, egress string) error {
	for id, e := range f.writes {
		if e == egress {
			delete(f.writes, id)
		}
	}
	return nil
}

// A recorder that nobody wrote down is stopped and its folder goes; what runs for a recording that is known goes on.
func TestOrphansAreStopped(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 1, time.Now())
	rec := &finding{s.Fake, map[string]string{s.Rec.ID: "EG_1"}}
	s.o.Recorder = rec
	lost := state.NewID()
	folder, err := s.Files.NewRecording(ctx, lost)
	require.NoError(t, err)
	rec.writes[lost] = "EG_lost"
	require.NoError(t, s.DB.AddIntent(ctx, lost))
	require.NoError(t, s.DB.AddIntent(ctx, s.Rec.ID))
	ids := func() (out []string) {
		list, err := s.DB.IntentsBefore(ctx, time.Now().Add(time.Hour))
		require.NoError(t, err)
		for _, i := range list {
			out = append(out, i.ID)
		}
		slices.Sort(out)
		return out
	}
	s.orphans(ctx, time.Now())
	require.Len(t, rec.writes, 2, "a start that may still be on its way was taken for an orphan")
	s.orphans(ctx, time.Now().Add(s.orphanAfter()+time.Second))
	require.Equal(t, map[string]string{s.Rec.ID: "EG_1"}, rec.writes)
	require.Equal(t, []string{lost}, ids(), "it is watched for a while")
	s.orphans(ctx, time.Now().Add(orphanForgotten+time.Second))
	require.Empty(t, ids())
	require.NoDirExists(t, folder)
	require.DirExists(t, s.Folder)
}

// Gaps are what no segment covers, wherever it is.
func TestGaps(t *testing.T) {
	zero := time.Unix(1000, 0).UTC()
	at := func(s float64) time.Time { return zero.Add(time.Duration(s * float64(time.Second))) }
	seg := func(from, to float64) buffers.Segment { return buffers.Segment{From: at(from), To: at(to)} }
	for _, c := range []struct {
		segments []buffers.Segment
		want     []state.Span
	}{
		{[]buffers.Segment{seg(0, 4), seg(4.02, 8), seg(8.3, 12)}, nil},
		{[]buffers.Segment{seg(8, 12), seg(0, 4)}, []state.Span{{From: at(4), To: at(8)}}},
		{[]buffers.Segment{seg(0, 9), seg(2, 3), seg(11, 12)}, []state.Span{{From: at(9), To: at(10)}}},
		{[]buffers.Segment{seg(-4, 1), seg(3, 5), seg(7, 20)},
			[]state.Span{{From: at(1), To: at(3)}, {From: at(5), To: at(7)}}},
		{nil, nil},
	} {
		require.Equal(t, c.want, gaps(c.segments, at(0), at(10)))
	}
}
