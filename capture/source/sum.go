package source

import (
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// sumDelay is how far the leading stream may be ahead of the others before their sound is left out, in sample
	// frames (30 ms).
	sumDelay = 30 * media.SampleRate / 1000
	// astray is the error between a stream's place and its time that makes it be placed again once it lasts for
	// astrayFor, in sample frames (40 ms). What a busy machine held back comes all at once and takes no time.
	astray    = 40 * media.SampleRate / 1000
	astrayFor = 400 * time.Millisecond
	// follow is how slowly the common time goes after what streams say: their clock is not ours.
	follow = 128
)

// sum adds streams that a sound server renders in step into one. Each is placed by the time of its first block and
// counts samples from there, so that neither the jitter of arrivals nor a busy machine does harm. It has no clock and
// is used by one goroutine.
type sum struct {
	pcm func(media.PCM)
	// base is the time of frame number 0; done is the next frame to hand on.
	base time.Duration
	done int64
	// pending holds frames from done on, interleaved.
	pending []float32
	streams map[uint32]*place
}

// place is where a stream is.
type place struct {
	next   int64         // the frame that it continues with
	stamp  time.Duration // its newest time
	astray time.Duration // for how long all its times were far from its place
}

// off takes the time of a block that lies frames away from its place, and says whether the stream is really elsewhere.
func (p *place) off(frames int64, at, length time.Duration) bool {
	passed := max(at-p.stamp, 0)
	p.stamp = at
	if max(frames, -frames) <= astray {
		p.astray = 0
		return false
	}
	p.astray += min(passed, length)
	return p.astray >= astrayFor
}

// forget drops a stream that has ended.
func (s *sum) forget(stream uint32) { delete(s.streams, stream) }

// add takes a block whose first sample was captured at b.at; streams is how many there are in all.
func (s *sum) add(b appBlock, streams int) {
	if len(s.streams) == 0 { // a new begin
		s.base, s.done, s.pending, s.streams = b.at, 0, nil, map[uint32]*place{}
	}
	frames := int64(len(b.samples) / media.Channels)
	want := int64(media.DurationToSamples(b.at - s.base))
	p, known := s.streams[b.stream]
	if !known {
		p = &place{next: want, stamp: b.at}
		s.streams[b.stream] = p
	}
	if p.off(want-p.next, b.at, media.SamplesToDuration(int(frames))) || p.next < s.done {
		p.next, p.astray = max(want, s.done), 0
	}
	at := p.next
	p.next += frames
	if early := want - at; max(early, -early) <= astray {
		s.base += media.SamplesToDuration(int(early)) / follow
	}
	for need := int(at+frames-s.done) * media.Channels; len(s.pending) < need; {
		s.pending = append(s.pending, make([]float32, need-len(s.pending))...)
	}
	for i, v := range b.samples {
		s.pending[int(at-s.done)*media.Channels+i] += v
	}
	s.flush(b, at, streams)
}

// flush hands on what all streams have delivered, or what is older than the leading stream by the delay. Its time is
// that of the block just added, which has the newest stamp.
func (s *sum) flush(b appBlock, at int64, streams int) {
	lead, last := int64(0), int64(1)<<62
	for _, p := range s.streams {
		lead, last = max(lead, p.next), min(last, p.next)
	}
	if len(s.streams) < streams { // one of them has not begun; it may be paused
		last = lead - sumDelay
	}
	until := max(last, lead-sumDelay)
	if until <= s.done {
		return
	}
	n := int(until-s.done) * media.Channels
	pts := b.at - media.SamplesToDuration(int(at)) + media.SamplesToDuration(int(s.done))
	s.pcm(media.PCM{PTS: pts, Samples: s.pending[:n]})
	s.pending = s.pending[:copy(s.pending, s.pending[n:])]
	s.done = until
}

// appBlock is a block of a record stream with the time of its arrival.
type appBlock struct {
	stream  uint32
	samples []float32
	at      time.Duration
}
