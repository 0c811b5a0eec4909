// Package replay keeps the last seconds of encoded packets in memory.
//
// A Ring is bounded by time and by bytes. What it drops are whole groups of frames from the old end, so that what is
// left always begins with an IDR; a stream that sends no IDR is dropped as a whole when it exceeds the bounds. Packets
// are immutable and shared: a Snapshot copies pointers, never data, and the writer continues at once. The Ring has no
// goroutines; its methods may be called from any.
package replay

import (
	"slices"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// slack is kept beyond the asked length, for a press that is served a little later.
const slack = time.Second

// preroll is how much sound is kept and handed out before the start of a window: a decoder needs the packet before to
// be in full swing (two AAC frames).
const preroll = 2 * 1024 * time.Second / media.SampleRate

// lateSound is by how much sound that is still coming may lag behind the video: a busy machine mixes up to a second
// late.
const lateSound = 1500 * time.Millisecond

// Ring is the buffer. It holds video and the AAC tracks; other tracks are ignored.
type Ring struct {
	mu       sync.Mutex
	length   time.Duration
	maxBytes int64
	video    queue
	sound    [media.TrackCount]queue // the AAC tracks; the others stay empty
	bytes    int64
	needKey  bool
	pins     map[*time.Duration]struct{}
}

// New makes an empty ring of the given length and at most maxBytes bytes of packet data.
func New(length time.Duration, maxBytes int64) *Ring {
	return &Ring{length: length, maxBytes: maxBytes, needKey: true, pins: map[*time.Duration]struct{}{}}
}

// SetBounds changes the length and the bound in bytes. A shorter ring drops its oldest at the next packet.
func (r *Ring) SetBounds(length time.Duration, maxBytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.length, r.maxBytes = length, maxBytes
}

// Write adds a packet. It returns true when the ring waits for an IDR frame that should be asked for.
func (r *Ring) Write(p *media.Packet) (wantKey bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case p.Track == media.Video:
		if r.needKey && !p.Key {
			return true
		}
		r.needKey = false
		r.video.push(p)
	case p.Track.ForClips():
		r.sound[p.Track].push(p)
	default:
		return false
	}
	r.bytes += int64(len(p.Data))
	if p.Key || r.bytes > r.maxBytes {
		r.trim()
	}
	return r.needKey
}

// Pin keeps what is not older than from, beyond the ring's length and in as much more memory, until release is called.
// It is for clips that end later than their beginning would be kept.
func (r *Ring) Pin(from time.Duration) (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pin := &from
	r.pins[pin] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.pins, pin)
	}
}

// bounds are the oldest time that is kept while the newest frame is at last, and the most bytes.
func (r *Ring) bounds(last time.Duration) (oldest time.Duration, maxBytes int64) {
	oldest = last - r.length - slack
	for p := range r.pins {
		oldest = min(oldest, *p)
	}
	more := float64(last-oldest) / float64(r.length+slack)
	return oldest, int64(float64(r.maxBytes) * max(more, 1))
}

// trim drops what is out of bounds.
func (r *Ring) trim() {
	for r.video.len() > 0 {
		oldest, maxBytes := r.bounds(r.video.last().PTS)
		second := r.video.secondKey()
		tooMuch := r.bytes > maxBytes
		if second == 0 { // one group of frames only
			span := r.video.last().PTS - r.video.at(0).PTS
			if !tooMuch && (span <= 2*r.length+slack || len(r.pins) > 0) {
				break
			}
			r.drop(&r.video, r.video.len())
			r.needKey = true
			break
		}
		if !tooMuch && r.video.at(second).PTS > oldest {
			break
		}
		r.drop(&r.video, second)
	}
	r.trimSound()
}

func (r *Ring) trimSound() {
	for t := range r.sound {
		q := &r.sound[t]
		if q.len() == 0 {
			continue
		}
		oldest := q.last().PTS - r.length - slack
		if r.video.len() > 0 {
			oldest = r.video.at(0).PTS - preroll
		}
		n := 0
		for n < q.len() && (q.at(n).PTS < oldest || r.bytes > r.maxBytes && r.video.len() == 0) {
			n++
		}
		r.drop(q, n)
	}
}

func (r *Ring) drop(q *queue, n int) {
	for i := range n {
		r.bytes -= int64(len(q.at(i).Data))
	}
	q.drop(n)
}

// Buffered is how much time of video is held, and how many bytes all packets take.
func (r *Ring) Buffered() (time.Duration, int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.video.len() == 0 {
		return 0, r.bytes
	}
	last := r.video.last()
	return last.PTS + last.Duration - r.video.at(0).PTS, r.bytes
}

// Reaches says whether the newest frame, and the newest sound where that is asked for, go as far as t.
func (r *Ring) Reaches(t time.Duration, sound bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	reach := func(q *queue) bool { return q.len() > 0 && q.last().PTS+q.last().Duration >= t }
	return reach(&r.video) && (!sound || reach(&r.sound[media.AAC]))
}

// Clear forgets everything.
func (r *Ring) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.video, r.sound, r.bytes, r.needKey = queue{}, [media.TrackCount]queue{}, 0, true
}

// Snapshot is a part of a ring at one moment.
type Snapshot struct {
	// Video begins with the IDR at or before Start, Sound (the mix) a little before Start.
	Video, Sound []*media.Packet
	// Sources are the sources of the mix each for itself, where they are held.
	Sources [][]*media.Packet
	// Start and End are the window: times of frames.
	Start, End time.Duration
}

// NotBefore is the snapshot without what is older than a moment: it begins with the first keyframe from then on. It
// returns false when there is none.
func (s Snapshot) NotBefore(t time.Duration) (Snapshot, bool) {
	since := func(p *media.Packet) bool { return p.PTS >= t }
	first := slices.IndexFunc(s.Video, func(p *media.Packet) bool { return p.Key && since(p) })
	if first < 0 {
		return s, false
	}
	if len(s.Video) > 0 && s.Video[0].PTS < t {
		s.Video = s.Video[first:]
		s.Start = s.Video[0].PTS
	}
	old := func(list []*media.Packet) []*media.Packet {
		n := slices.IndexFunc(list, since)
		if n < 0 {
			n = len(list)
		}
		return list[n:]
	}
	s.Sound = old(s.Sound)
	sources := s.Sources
	s.Sources = nil
	for _, source := range sources {
		s.Sources = append(s.Sources, old(source))
	}
	return s, true
}

// Snapshot takes the last length that ends at or before end (0: the newest). The window begins and ends at frames; it
// is shorter when less is held. Where sound is held, the window ends no later than the sound. It returns false when
// no frame is held.
func (r *Ring) Snapshot(length, end time.Duration) (Snapshot, bool) {
	return r.SnapshotSince(length, end, 0)
}

// SnapshotSince is Snapshot of what is not older than since as well: the end of another snapshot, for one that begins
// with the frame behind it.
func (r *Ring) SnapshotSince(length, end, since time.Duration) (Snapshot, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.video.len() == 0 {
		return Snapshot{}, false
	}
	last := r.video.last()
	limit := last.PTS + last.Duration
	if end > 0 {
		limit = min(limit, end)
	}
	if mix := &r.sound[media.AAC]; mix.len() > 0 {
		s := mix.last()
		// Sound that stopped long ago (all sources off) must not hold the video back.
		if heard := s.PTS + s.Duration; limit-heard < lateSound {
			limit = min(limit, heard)
		}
	}
	stop := r.video.before(limit, true)
	if stop == 0 {
		return Snapshot{}, false
	}
	out := Snapshot{End: r.video.at(stop-1).PTS + r.video.at(stop-1).Duration}
	if out.End-since < time.Millisecond {
		return Snapshot{}, false
	}
	from := r.video.nearest(max(out.End-length, since), stop)
	out.Start = r.video.at(from).PTS
	for !r.video.at(from).Key {
		from--
	}
	out.Video = r.video.slice(from, stop)
	heard := func(t media.Track) []*media.Packet {
		q := &r.sound[t]
		return q.slice(q.before(out.Start-preroll, false), q.before(out.End, false))
	}
	out.Sound = heard(media.AAC)
	for _, t := range []media.Track{media.DesktopAAC, media.MicAAC} {
		if s := heard(t); len(s) > 0 {
			out.Sources = append(out.Sources, s)
		}
	}
	return out, true
}
