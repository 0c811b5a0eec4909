package buffers

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Shown is a segment as viewers see it. Its numbers follow from what the recorders have written and what the database
// knows, so that they are the same after a restart and in every backend.
type Shown struct {
	Segment
	// Number is its media sequence number (RFC 8216, 4.3.3.2).
	Number int
	// Jump says that its times do not continue those of the one before; Jumps is its discontinuity sequence number.
	Jump  bool
	Jumps int
	// Stored says that its file is not deleted.
	Stored bool
}

// View is what viewers see of a replay.
type View struct {
	// Segments are those of the recordings that are known, oldest first, those that are deleted as well: they count.
	Segments []Shown
	// Longest is the length of the longest segment that viewers could ever see.
	Longest time.Duration
	// Next and NextJumps are the numbers of the segment to come.
	Next, NextJumps int
	// Closed says that no recording goes on.
	Closed bool
}

// JumpFrom is how much between two segments of one recording is a gap; less is the grain of their times.
const JumpFrom = time.Second

// successorPatience is how long the segments of a recording wait for the last ones of the recording before it.
const successorPatience = 6 * time.Second

// soundSlop is by how much sound of a segment in MPEG-TS may begin before its frames and end after them: two frames of
// AAC.
const soundSlop = 50 * time.Millisecond

// span is all that a segment may hold something of, by its frames and by what the playlist says.
func (s Segment) span() (from, to time.Time) {
	from, to = s.From, s.To
	if s.told.From.IsZero() {
		return from, to
	}
	if s.told.From.Before(from) {
		from = s.told.From
	}
	if s.told.To.After(to) {
		to = s.told.To
	}
	return from.Add(-soundSlop), to.Add(soundSlop)
}

// Hidden reports whether a part of the segment was captured in a pause.
func (s Segment) Hidden(pauses []state.Span) bool {
	from, to := s.span()
	return slices.ContainsFunc(pauses, func(p state.Span) bool {
		return to.After(p.From) && (p.To.IsZero() || from.Before(p.To))
	})
}

// Visible are the segments that nothing was captured of in a pause.
func Visible(segments []Segment, pauses []state.Span) []Segment {
	return slices.DeleteFunc(slices.Clone(segments), func(s Segment) bool { return s.Hidden(pauses) })
}

// track is a recording with all of its segments.
type track struct {
	state.Recording
	segments []Segment
	pruned   int
	ended    bool // the recorder closed the playlist
	timed    bool // its times are known
	held     bool // there are segments behind these whose times are not known yet
}

func (b *Buffers) track(ctx context.Context, r state.Recording) (track, error) {
	buf := b.get(r.ID)
	buf.mu.Lock()
	defer buf.mu.Unlock()
	segments, ended, err := b.listFrom(ctx, r, buf, true)
	t := track{Recording: r, segments: segments, ended: ended || r.Over(), pruned: buf.pruned}
	counts := len(segments)
	if r.Shut > 0 {
		counts = min(counts, r.Shut-1)
	}
	if err == nil && buf.times.settled < counts {
		// Which of them a pause hides, and so the numbers of all that follow, is not known.
		t.segments, t.ended, t.held = segments[:buf.times.settled], false, true
	}
	// Before LiveKit has said when a recording began, its times are not known. One that ends without is taken as it is.
	t.timed = buf.measured || r.Late != 0 || r.Over() && r.Began.IsZero() || buf.pruned == len(segments)
	return t, err
}

// shown are the segments that viewers see, numbered from what was gone before.
func (t track) shown(pauses []state.Span, from state.Shown) (out []Shown, had state.Shown) {
	had = from
	list := t.segments
	if t.Shut > 0 {
		list = list[:min(t.Shut-1, len(list))]
	}
	var last *Segment
	for i, s := range list {
		if s.Hidden(pauses) {
			continue
		}
		// Headers are compared for a recorder that begins anew, the numbers for what is hidden or lost in between.
		jump := last == nil || s.Header != last.Header || s.From.Sub(last.To) > JumpFrom || list[i-1].Name != last.Name
		if jump {
			had.Jumps++
		}
		out = append(out, Shown{Segment: s, Number: had.Segments, Jump: jump, Jumps: had.Jumps, Stored: i >= t.pruned})
		had.Segments++
		had.Longest = max(had.Longest, s.To.Sub(s.From))
		last = &list[i]
	}
	return out, had
}

// View returns what viewers see of a replay. shut is called for a recording of which they see no more than so many
// segments from now on, since they see those of the next one.
func (b *Buffers) View(ctx context.Context, replay state.Replay, recordings []state.Recording, pauses []state.Span,
	shut func(ctx context.Context, id string, segments int) (int, error)) (v View, err error) {
	tracks := make([]track, len(recordings))
	v.Closed = true
	for i, r := range recordings {
		if tracks[i], err = b.track(ctx, r); err != nil {
			return View{}, err
		}
		v.Closed = v.Closed && tracks[i].ended
	}
	had := replay.Pruned
	for i, t := range tracks {
		if !t.timed {
			break // and nothing after it, whose numbers depend on it
		}
		yields := i+1 < len(tracks) && !t.held && (t.Shut > 0 || t.yields(tracks[i+1], time.Now()))
		if yields && t.Shut == 0 {
			n, err := shut(ctx, t.ID, len(t.segments))
			if err != nil {
				return View{}, err
			}
			t.Shut = n + 1
		}
		more, after := t.shown(pauses, had)
		v.Segments, had = append(v.Segments, more...), after
		if !yields {
			break
		}
	}
	v.Longest, v.Next, v.NextJumps = had.Longest, had.Segments, had.Jumps+1
	return v, nil
}

// yields reports whether viewers go on with the next recording: it has something to show, and nothing that belongs
// before it is still to come.
func (t track) yields(next track, now time.Time) bool {
	if len(next.segments) == 0 || !next.timed {
		return false
	}
	begin := next.segments[0]
	covered := len(t.segments) > 0 && !t.segments[len(t.segments)-1].To.Before(begin.From)
	return t.ended || covered || now.Sub(begin.To) > successorPatience
}

// Had returns how much of a recording that is to be deleted viewers could see.
func (b *Buffers) Had(ctx context.Context, r state.Recording, pauses []state.Span) (state.Shown, error) {
	t, err := b.track(ctx, r)
	if err == nil && t.held {
		err = errors.New("the stored segments cannot be read now")
	}
	if err != nil {
		return state.Shown{}, err
	}
	_, had := t.shown(pauses, state.Shown{})
	return had, nil
}

// OneKind are the segments at the end that are all MPEG-TS, or all fragmented MP4: a playlist cannot go from one with a
// header to one without (RFC 8216, 4.3.2.5).
func OneKind(list []Shown) []Shown {
	for i := len(list) - 1; i > 0; i-- {
		if (list[i].Header == "") != (list[i-1].Header == "") {
			return list[i:]
		}
	}
	return list
}
