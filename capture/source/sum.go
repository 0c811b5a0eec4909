package source

import (
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// sumDelay is how far the leading stream may be ahead of the others before their sound is left out, in sample frames
	// (30 ms).
	sumDelay = 30 * media.SampleRate / 1000
	// astray is the error between a stream's place and its time that makes it be placed anew, in sample frames (40 ms).
	astray = 40 * media.SampleRate / 1000
)

// sum adds streams that a sound server renders in step into one. Each is placed by the time of its first block and counts
// samples from there, so that the jitter of arrivals does no harm. It has no clock and is used by one goroutine.
type sum struct {
	pcm func(media.PCM)
	// base is the time of frame number 0; done is the next frame to hand on.
	base time.Duration
	done int64
	// pending holds frames from done on, interleaved.
	pending []float32
	// next is the frame that each stream continues with.
	next map[uint32]int64
}

// forget drops a stream that has ended.
func (s *sum) forget(stream uint32) { delete(s.next, stream) }

// add takes a block whose first sample was heard at b.at; streams is how many there are in all.
func (s *sum) add(b heard, streams int) {
	if len(s.next) == 0 { // a new begin
		s.base, s.done, s.pending, s.next = b.at, 0, nil, map[uint32]int64{}
	}
	frames := int64(len(b.samples) / media.Channels)
	want := int64(media.DurationToSamples(b.at - s.base))
	at, known := s.next[b.stream]
	if !known || at < s.done || max(want-at, at-want) > astray {
		at = max(want, s.done)
	}
	s.next[b.stream] = at + frames
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
func (s *sum) flush(b heard, at int64, streams int) {
	lead, last := int64(0), int64(1)<<62
	for _, n := range s.next {
		lead, last = max(lead, n), min(last, n)
	}
	if len(s.next) < streams { // one of them has not begun; it may be paused
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
