package buffers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hindsight-app/hindsight/publish/backend/hls"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Kept is what all backends are to know alike of a recording, whoever finds it out first: state.Store.
type Kept interface {
	KeepLate(ctx context.Context, id string, late time.Duration) (time.Duration, error)
	KeepAhead(ctx context.Context, id string, ahead time.Duration) (time.Duration, error)
	SegmentTimes(ctx context.Context, recording string, from int) ([]state.SegmentTime, error)
	KeepSegmentTimes(ctx context.Context, recording string, list []state.SegmentTime) error
}

const (
	// readAtOnce is how many segments are read at the same time: after an update of the service it may be many.
	readAtOnce = 8
	// readPatience is how long a segment is tried again that is there and cannot be read.
	readPatience = 15 * time.Second
	// durationSlop is by how much the frames of a segment may last longer than it is said to.
	durationSlop = time.Second
)

// times are when the frames of a recording's segments begin and end, by the numbers of the segments. Viewers and clips
// count by them: the program times of LiveKit Egress are when it wrote, and differ from them by some frames. They are
// read once from each segment and kept, also of segments that are deleted: the numbers of those after them depend on
// it.
type times struct {
	by map[int]state.SegmentTime
	// settled is how many segments at the front are known, or known to be unreadable.
	settled int
	// unkept are those that are not kept yet, and since is since when one cannot be read.
	unkept map[int]state.SegmentTime
	since  map[int]time.Time
}

// date finds out when the segments' frames begin and end. It fails only where it cannot be known what is kept.
func (b *Buffers) date(ctx context.Context, r state.Recording, buf *buffer) error {
	t := &buf.times
	if t.settled == len(buf.entries) && len(t.unkept) == 0 {
		return nil
	}
	if t.by == nil {
		t.by, t.unkept, t.since = map[int]state.SegmentTime{}, map[int]state.SegmentTime{}, map[int]time.Time{}
	}
	if missing := t.missing(buf.entries); len(missing) > 0 && b.Kept != nil {
		if err := b.recall(ctx, r, t, buf.entries[missing[0]].Number()); err != nil {
			return err
		}
	}
	b.read(ctx, r, buf, t.missing(buf.entries))
	b.keep(ctx, r, t)
	for t.settled < len(buf.entries) && t.known(buf.entries[t.settled]) {
		t.settled++
	}
	return nil
}

// known reports whether nothing more is to be found out about a segment. Fragmented MP4 says itself when it was taken.
func (t *times) known(e hls.Entry) bool {
	_, ok := t.by[e.Number()]
	return ok || e.Header != ""
}

// missing are the segments of which nothing is known, by where they stand.
func (t *times) missing(entries []hls.Entry) (out []int) {
	for i := t.settled; i < len(entries); i++ {
		if !t.known(entries[i]) {
			out = append(out, i)
		}
	}
	return out
}

// recall takes what is kept of the segments from a number on.
func (b *Buffers) recall(ctx context.Context, r state.Recording, t *times, from int) error {
	list, err := b.Kept.SegmentTimes(ctx, r.ID, from)
	for _, k := range list {
		t.by[k.Number] = k
		delete(t.unkept, k.Number)
	}
	return err
}

// read looks into segments.
func (b *Buffers) read(ctx context.Context, r state.Recording, buf *buffer, which []int) {
	found, errs := make([]state.SegmentTime, len(which)), make([]error, len(which))
	var reads errgroup.Group
	reads.SetLimit(readAtOnce)
	for k, i := range which {
		e := buf.entries[i]
		found[k].Number = e.Number()
		if i < buf.pruned {
			continue // its file is deleted
		}
		reads.Go(func() error {
			found[k].First, found[k].End, errs[k] = b.timesOf(ctx, r, e, e.Wall.Sub(zero(r, buf, b.delay)))
			return nil
		})
	}
	_ = reads.Wait()
	t, now := &buf.times, time.Now()
	for k, f := range found {
		err := errs[k]
		if lost := errors.Is(err, fs.ErrNotExist) || errors.Is(err, hls.ErrDamaged); err != nil && !lost {
			since, again := t.since[f.Number]
			if !again && ctx.Err() == nil {
				t.since[f.Number] = now
			}
			if ctx.Err() != nil || !again || now.Sub(since) < readPatience {
				continue // it is tried again at the next look
			}
		}
		delete(t.since, f.Number)
		if t.unkept[f.Number] = f; f.End != 0 {
			t.by[f.Number] = f // whoever reads it finds the same
		}
	}
}

// timesOf reads when a segment's frames begin and end, which should be near a time.
func (b *Buffers) timesOf(ctx context.Context, r state.Recording, e hls.Entry, near time.Duration) (first,
	end time.Duration, err error) {
	f, err := b.storage.OpenSegment(ctx, r.ID, e.Name)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	first, end, err = hls.Times(f, near)
	if long := end - first; err == nil && (long <= 0 || long > e.Duration+durationSlop) {
		err = fmt.Errorf("%w: its frames last %v instead of %v", hls.ErrDamaged, long, e.Duration)
	}
	if err != nil {
		return 0, 0, err
	}
	return first, end, nil
}

// keep has what was found out known to all backends; where it fails it is tried again at the next look. That a segment
// is unreadable counts only then.
func (b *Buffers) keep(ctx context.Context, r state.Recording, t *times) {
	if len(t.unkept) == 0 {
		return
	}
	if b.Kept != nil {
		list := slices.SortedFunc(maps.Values(t.unkept), func(a, b state.SegmentTime) int { return a.Number - b.Number })
		if b.Kept.KeepSegmentTimes(ctx, r.ID, list) != nil || b.recall(ctx, r, t, list[0].Number) != nil {
			return
		}
	}
	for n, f := range t.unkept { // of a recording that is not in the database
		t.by[n] = f
	}
	clear(t.unkept)
}
