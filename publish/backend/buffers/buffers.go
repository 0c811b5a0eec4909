// Package buffers knows what is stored of the replays: their segments and when they were captured, clips cut out of
// them, and how much space is left for more. It owns what it remembers of playlists, in memory; the files are the
// storage's. It has no goroutine and nothing to close: each recording has a mutex, held while its files are read.
package buffers

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/publish/backend/cut"
	"github.com/hindsight-app/hindsight/publish/backend/hls"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Segment is a stored piece of a replay.
type Segment struct {
	RecordingID, Name string
	// Header is the file of its header; empty for MPEG-TS.
	Header string
	// From and To are wall-clock times of the capture: of the first frame, and of the end of the last one. Of a segment
	// in MPEG-TS that cannot be read they are what the playlist says.
	From, To time.Time
	// Zero is the wall clock at PTS zero of the recording.
	Zero time.Time
	// told is what the playlist says of a segment in MPEG-TS, which is some frames off; widened where that is all there
	// is to tell what pauses hide.
	told state.Span
}

// toldSlop is by how much what the playlist says may be off.
const toldSlop = time.Second

// Storage holds the segments of recordings.
type Storage interface {
	ReadPlaylist(ctx context.Context, id string, offset int64) ([]byte, error)
	ReadLive(ctx context.Context, id string) ([]byte, error)
	OpenSegment(ctx context.Context, id, segment string) (io.ReadSeekCloser, error)
	Remove(ctx context.Context, id, segment string) error
}

// clockSlop is by how much the clocks of a recorder and of this service may differ.
const clockSlop = 5 * time.Second

// Buffers knows what is stored of each recording. The playlists are the only witnesses; the whole one is read on from
// where the last look ended, the live one tells what it does not have yet.
type Buffers struct {
	storage Storage
	delay   time.Duration
	// Kept, where it is set before the first call, has what is measured of a recording known to all backends.
	Kept Kept
	mu   sync.Mutex
	byID map[string]*buffer
}

// buffer is one recording. Its mutex is held while its files are read.
type buffer struct {
	mu       sync.Mutex
	playlist hls.Playlist
	offset   int64
	// tail are entries after those of the playlist, which only the live playlist has named yet.
	tail []hls.Entry
	// entries are all of them.
	entries []hls.Entry
	pruned  int // entries at the front that are deleted
	// late is by how much program times are later than the capture, once a segment has told.
	late     time.Duration
	measured bool
	times    times
	// newest is the last entry's name, and news when it came, by our clock.
	newest string
	news   time.Time
	// ahead is by how much the recorder's clock is at least ahead of ours, told by segments that end in the future; 0
	// while that is less than clockSlop.
	ahead time.Duration
}

// skew is by how much the recorder's clock differs from ours, as far as it is certain: it cannot have begun before it
// was asked to, and a segment does not come before its end. Less than clockSlop is left alone.
func (buf *buffer) skew(r state.Recording) time.Duration {
	if buf.ahead > 0 {
		return buf.ahead
	}
	if behind := r.Created.Sub(r.Began); !r.Began.IsZero() && !r.Created.IsZero() && behind > clockSlop {
		return -behind
	}
	return 0
}

// aheadSettles is after how many segments the recorder's clock is known as well as it ever will be.
const aheadSettles = 16

// heard keeps when the newest entry came.
func (b *Buffers) heard(ctx context.Context, r state.Recording, buf *buffer, last Segment) {
	buf.ahead = max(buf.ahead, r.Ahead)
	if last.Name == buf.newest {
		return
	}
	now := time.Now()
	ahead := last.To.Sub(now)
	if last.Header == "" && ahead > max(clockSlop, buf.ahead) && (buf.ahead == 0 || len(buf.entries) <= aheadSettles) {
		if b.Kept != nil {
			ahead, _ = b.Kept.KeepAhead(ctx, r.ID, ahead) // or it is 0
		}
		buf.ahead = max(buf.ahead, ahead)
	}
	if buf.news = now; buf.newest == "" {
		// The first look, maybe after a restart: it may have come long ago.
		if came := last.To.Add(-buf.skew(r)); came.Before(now) {
			buf.news = came
		}
	}
	buf.newest = last.Name
}

// DefaultDelay is how much later than the video the program time of a segment is, where LiveKit does not say when the
// recording began, as measured with LiveKit Egress 1.8.
const DefaultDelay = 700 * time.Millisecond

// New makes buffers that know nothing yet. delay is taken for a program time that is not explained; 0 is DefaultDelay.
func New(s Storage, delay time.Duration) *Buffers {
	return &Buffers{storage: s, delay: cmp.Or(delay, DefaultDelay), byID: map[string]*buffer{}}
}

func (b *Buffers) get(id string) *buffer {
	b.mu.Lock()
	defer b.mu.Unlock()
	buf := b.byID[id]
	if buf == nil {
		buf = &buffer{}
		b.byID[id] = buf
	}
	return buf
}

// Forget drops a recording that is deleted.
func (b *Buffers) Forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.byID, id)
}

// KeepOnly drops all recordings but these.
func (b *Buffers) KeepOnly(ids []string) {
	known := make(map[string]bool, len(ids))
	for _, id := range ids {
		known[id] = true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.byID, func(id string, _ *buffer) bool { return !known[id] })
}

// Segments returns what is stored of a recording, oldest first. ended is true once the recorder closed the playlist.
func (b *Buffers) Segments(ctx context.Context, r state.Recording) (out []Segment, ended bool, err error) {
	buf := b.get(r.ID)
	buf.mu.Lock()
	defer buf.mu.Unlock()
	return b.list(ctx, r, buf)
}

// list is Segments of a buffer that is locked.
func (b *Buffers) list(ctx context.Context, r state.Recording, buf *buffer) (out []Segment, ended bool, err error) {
	return b.listFrom(ctx, r, buf, false)
}

// listFrom lists a buffer that is locked, if all is set with the segments that are deleted, which are the first ones.
func (b *Buffers) listFrom(ctx context.Context, r state.Recording, buf *buffer, all bool) (out []Segment, ended bool,
	err error) {
	more, err := b.storage.ReadPlaylist(ctx, r.ID, buf.offset)
	if err != nil {
		return nil, false, err
	}
	buf.offset += int64(len(more))
	buf.playlist.Append(more)
	if len(more) > 0 {
		buf.merge()
	}
	if !buf.playlist.Ended {
		if err := b.readLive(ctx, r, buf); err != nil {
			return nil, false, err
		}
	}
	buf.pruned = min(max(buf.pruned, r.Pruned), len(buf.entries))
	if err := b.date(ctx, r, buf); err != nil {
		return nil, false, err
	}
	if !buf.measured && buf.pruned < len(buf.entries) {
		b.measure(ctx, r, buf)
	}
	if n := len(buf.entries); n > 0 {
		b.heard(ctx, r, buf, b.segment(r, buf, buf.entries[n-1])) // although it may be deleted
	}
	entries := buf.entries[buf.pruned:]
	if all {
		entries = buf.entries
	}
	if len(entries) == 0 {
		return nil, buf.playlist.Ended, nil
	}
	for _, e := range entries {
		out = append(out, b.segment(r, buf, e))
	}
	if skew := buf.skew(r); skew != 0 {
		for i := range out {
			out[i].move(-skew)
		}
	}
	return out, buf.playlist.Ended, nil
}

// segment dates an entry, by the recorder's clock.
func (b *Buffers) segment(r state.Recording, buf *buffer, e hls.Entry) Segment {
	s := Segment{RecordingID: r.ID, Name: e.Name, Header: e.Header, From: e.Wall, To: e.Wall.Add(e.Duration)}
	if e.Header != "" {
		return s
	}
	late := b.delay
	switch {
	case buf.measured:
		late = buf.late
	case r.Late != 0:
		late = r.Late
	}
	s.From, s.To, s.Zero = s.From.Add(-late), s.To.Add(-late), zero(r, buf, b.delay)
	s.told = state.Span{From: s.From, To: s.To}
	if t := buf.times.by[e.Number()]; t.End != 0 {
		s.From, s.To = s.Zero.Add(t.First), s.Zero.Add(t.End)
	} else {
		s.told = state.Span{From: s.From.Add(-toldSlop), To: s.To.Add(toldSlop)}
	}
	return s
}

// move dates a segment in MPEG-TS later.
func (s *Segment) move(by time.Duration) {
	if s.Header == "" {
		s.From, s.To, s.Zero = s.From.Add(by), s.To.Add(by), s.Zero.Add(by)
		s.told = state.Span{From: s.told.From.Add(by), To: s.told.To.Add(by)}
	}
}

// Liveness returns when the newest segment came, by our clock, also where it is deleted; zero if none has come. skew is
// by how much the recorder's clock is ahead of ours.
func (b *Buffers) Liveness(ctx context.Context, r state.Recording) (news time.Time, skew time.Duration, closed bool,
	err error) {
	buf := b.get(r.ID)
	buf.mu.Lock()
	defer buf.mu.Unlock()
	_, closed, err = b.list(ctx, r, buf)
	return buf.news, buf.skew(r), closed, err
}

// readLive takes what only the live playlist names. LiveKit Egress, from 1.9 on, uploads the whole playlist to a bucket
// the more rarely the longer it is, after each (hours + 1) segments, but the live one after every segment.
func (b *Buffers) readLive(ctx context.Context, r state.Recording, buf *buffer) error {
	text, err := b.storage.ReadLive(ctx, r.ID)
	if err != nil || len(text) == 0 {
		return err
	}
	var live hls.Playlist
	live.Append(text)
	if more := hls.Continue(buf.entries, live.Entries); len(more) > 0 {
		buf.tail = append(buf.tail, more...)
		buf.merge()
	}
	return nil
}

// merge puts the tail behind the playlist, without what that has named in the meantime.
func (buf *buffer) merge() {
	whole := buf.playlist.Entries
	if len(whole) > 0 {
		last := whole[len(whole)-1].Number()
		buf.tail = slices.DeleteFunc(buf.tail, func(e hls.Entry) bool { return e.Number() <= last })
	}
	buf.entries = slices.Concat(whole, buf.tail)
	if len(buf.tail) == 0 {
		buf.entries = whole
	}
}

// zero is the wall clock at PTS zero.
func zero(r state.Recording, buf *buffer, delay time.Duration) time.Time {
	if !r.Began.IsZero() {
		return r.Began.Add(-cut.ClockBase)
	}
	// LiveKit has not told: the first segment began at about running time zero.
	return buf.entries[0].Wall.Add(-delay - cut.ClockBase)
}

// measure compares the program time of the oldest stored segment with its first frame's PTS. Segments that are pruned
// already, after a restart, and those that cannot be read, are skipped.
func (b *Buffers) measure(ctx context.Context, r state.Recording, buf *buffer) {
	if exact := buf.entries[buf.pruned].Header != ""; exact || r.Began.IsZero() || r.Late != 0 {
		b.skipDeleted(ctx, r, buf)
		buf.late, buf.measured = r.Late, exact || r.Late != 0
		return
	}
	for buf.pruned < len(buf.entries) {
		e := buf.entries[buf.pruned]
		if !buf.times.known(e) {
			return // it is tried again at the next look
		}
		t := buf.times.by[e.Number()]
		if t.End == 0 {
			buf.pruned++
			continue
		}
		late := e.Wall.Sub(zero(r, buf, b.delay).Add(t.First))
		if b.Kept != nil {
			var err error
			if late, err = b.Kept.KeepLate(ctx, r.ID, cmp.Or(late, 1)); err != nil {
				return
			}
		}
		buf.late, buf.measured = late, true
		return
	}
}

func (b *Buffers) skipDeleted(ctx context.Context, r state.Recording, buf *buffer) {
	for ; buf.pruned < len(buf.entries); buf.pruned++ {
		f, err := b.storage.OpenSegment(ctx, r.ID, buf.entries[buf.pruned].Name)
		if err == nil {
			f.Close()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
}

// Prune deletes the segments that end before t and returns how many are left. keep is called with how many are pruned,
// for other backends and the next start.
func (b *Buffers) Prune(ctx context.Context, r state.Recording, t time.Time,
	keep func(ctx context.Context, id string, pruned int) error) (left int, err error) {
	buf := b.get(r.ID)
	buf.mu.Lock()
	defer buf.mu.Unlock()
	list, _, err := b.list(ctx, r, buf)
	if err != nil {
		return 0, err
	}
	old := slices.IndexFunc(list, func(s Segment) bool { return !s.To.Before(t) })
	if old < 0 {
		old = len(list)
	}
	for i, s := range list[:old] {
		if err := b.storage.Remove(ctx, r.ID, s.Name); err != nil {
			return len(list) - i, err
		}
		buf.pruned++
	}
	if r.Pruned != buf.pruned {
		err = keep(ctx, r.ID, buf.pruned)
	}
	return len(list) - old, err
}
