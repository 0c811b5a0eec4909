package buffers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/hls"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// shelf is a recording of LiveKit Egress, whose program times and lengths are off as those are.
type shelf struct {
	*shelftest.Shelf
	t *testing.T
}

var off = []time.Duration{0, 120 * time.Millisecond, -90 * time.Millisecond, 33 * time.Millisecond}

func newShelf(t *testing.T, count int, began time.Time) *shelf {
	t.Helper()
	s := &shelf{shelftest.New(t, count, began), t}
	s.list(count)
	return s
}

// list writes the playlist of so many segments.
func (s *shelf) list(count int) {
	s.t.Helper()
	var b strings.Builder
	b.WriteString("#EXTM3U\n")
	for i := range count {
		at := s.Began.Add(time.Duration(i)*shelftest.SegmentLength + 1500*time.Millisecond + off[i%len(off)])
		fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:%.3f,\n%s\n", at.UTC().Format(time.RFC3339Nano),
			(shelftest.SegmentLength - off[i%len(off)]/2).Seconds(), segmentName(i))
	}
	require.NoError(s.t, s.Files.WriteFile(s.t.Context(), s.Rec.ID, recorder.Playlist, []byte(b.String())))
}

func segmentName(i int) string { return fmt.Sprintf("s_%05d.ts", i) }

// backend is what one backend knows of the shelf, as it is after a start.
func (s *shelf) backend() (*buffers.Buffers, *reading) {
	r := &reading{Storage: s.Files}
	b := buffers.New(r, 0)
	b.Kept = s.DB
	return b, r
}

// reading counts how often segments are opened, and may fail for one of them.
type reading struct {
	*storage.Storage
	opened atomic.Int32
	fails  string
}

func (r *reading) OpenSegment(ctx context.Context, id, segment string) (io.ReadSeekCloser, error) {
	if segment == r.fails {
		return nil, errors.New("the bucket does not answer")
	}
	r.opened.Add(1)
	return r.Storage.OpenSegment(ctx, id, segment)
}

// recording is the recording as the database has it now.
func (s *shelf) recording() state.Recording {
	s.t.Helper()
	list, err := s.DB.Recordings(s.t.Context(), s.Rec.ReplayID)
	require.NoError(s.t, err)
	return list[0]
}

// shows is what viewers see with a backend.
func (s *shelf) shows(b *buffers.Buffers, pauses ...state.Span) []buffers.Shown {
	s.t.Helper()
	v, err := b.View(s.t.Context(), state.Replay{ID: s.Rec.ReplayID}, []state.Recording{s.recording()}, pauses,
		s.DB.ShutRecording)
	require.NoError(s.t, err)
	for i := range v.Segments {
		v.Segments[i].Stored = false // that may differ
	}
	return v.Segments
}

// The program times of LiveKit Egress are some frames off, and so are its lengths; segments are dated by their frames,
// as clips are cut.
func TestSegmentsAreDatedByTheirFrames(t *testing.T) {
	s := newShelf(t, 6, time.Now().Add(-time.Minute).Truncate(time.Millisecond))
	b, files := s.backend()
	list := s.shows(b)
	require.Len(t, list, 6)
	for i, seg := range list {
		f, err := s.Files.OpenSegment(t.Context(), s.Rec.ID, seg.Name)
		require.NoError(t, err)
		whole, err := hls.ReadSegment(f)
		require.NoError(t, errors.Join(err, f.Close()))
		require.True(t, seg.Zero.Add(whole.Video[0].PTS).Equal(seg.From), "segment %d begins at %v", i, seg.From)
		require.WithinDuration(t, list[0].From.Add(time.Duration(i)*shelftest.SegmentLength), seg.From, time.Microsecond)
		require.WithinDuration(t, seg.From.Add(shelftest.SegmentLength), seg.To, time.Microsecond)
	}
	opened := files.opened.Load()
	require.Equal(t, list, s.shows(b))
	require.Equal(t, opened, files.opened.Load(), "segments are read again")
}

// Another backend, one that was started anew, and one that has never seen the segments that are deleted say the same,
// without a look into segments that one of them has seen.
func TestAllBackendsDateAlike(t *testing.T) {
	s := newShelf(t, 8, time.Now().Add(-time.Minute))
	s.list(6)
	first, _ := s.backend()
	old := s.shows(first)
	require.Len(t, old, 6)
	_, err := first.Prune(t.Context(), s.recording(), old[2].To.Add(time.Millisecond), s.DB.SetPruned)
	require.NoError(t, err)
	second, files := s.backend()
	require.Equal(t, old, s.shows(second))
	s.list(8)
	now := s.shows(second)
	require.Equal(t, old, now[:6])
	require.Equal(t, now, s.shows(first))
	require.LessOrEqual(t, files.opened.Load(), int32(1+2), "the oldest that is stored, and two that are new")

	// What nobody had looked into when it was deleted, or is damaged, stays dated as it is for all.
	other := newShelf(t, 8, time.Now().Add(-time.Minute))
	require.NoError(t, other.DB.SetPruned(t.Context(), other.Rec.ID, 2))
	require.NoError(t, other.Files.WriteFile(t.Context(), other.Rec.ID, segmentName(4), []byte("nonsense")))
	first, _ = other.backend()
	second, _ = other.backend()
	old = other.shows(first)
	require.Len(t, old, 8)
	require.InDelta(t, 1.94, old[1].To.Sub(old[1].From).Seconds(), 1e-6)
	require.WithinDuration(t, old[3].From.Add(shelftest.SegmentLength), old[4].From, 200*time.Millisecond)
	require.Equal(t, old, other.shows(second))
}

// A segment that touches a pause by its frames, by what the playlist says, or by a bit of sound, is not for viewers.
func TestPausesHideByBothTimes(t *testing.T) {
	s := newShelf(t, 6, time.Now().Add(-time.Minute))
	b, _ := s.backend()
	all := s.shows(b)
	hides := func(from, to time.Time) (out []int) {
		t.Helper()
		left := map[string]bool{}
		for _, seg := range s.shows(b, state.Span{From: from, To: to}) {
			left[seg.Name] = true
		}
		for i := range all {
			if !left[segmentName(i)] {
				out = append(out, i)
			}
		}
		return out
	}
	ms := time.Millisecond
	// The first segment is dated by both alike. Of the second one the playlist says that it begins 120 ms later and ends
	// 60 ms later, and of the third that it begins 90 ms earlier.
	require.Equal(t, []int{1}, hides(all[1].From.Add(60*ms), all[1].From.Add(70*ms)), "by its frames")
	require.Equal(t, []int{1, 2}, hides(all[1].To.Add(20*ms), all[1].To.Add(30*ms)), "by the playlist")
	require.Equal(t, []int{1, 2}, hides(all[2].From.Add(-80*ms), all[2].From.Add(-70*ms)))
	require.Equal(t, []int{3, 4}, hides(all[4].From.Add(20*ms), all[4].From.Add(30*ms)), "by its sound")
	require.Equal(t, []int{3}, hides(all[3].From.Add(time.Second), all[3].From.Add(time.Second+ms)))
}

// While a segment cannot be read, viewers see what is before it; then the rest, under the numbers that it would have
// had.
func TestViewersWaitForWhatCannotBeRead(t *testing.T) {
	s := newShelf(t, 6, time.Now().Add(-time.Minute))
	other, _ := s.backend()
	b, files := s.backend()
	files.fails = segmentName(3)
	require.Len(t, s.shows(b), 3)
	list, _, err := b.Segments(t.Context(), s.recording())
	require.NoError(t, err)
	require.Len(t, list, 6, "clips are made of what there is")
	files.fails = ""
	require.Len(t, s.shows(b), 6)
	require.Equal(t, s.shows(other), s.shows(b))
}
