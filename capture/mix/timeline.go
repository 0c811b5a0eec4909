package mix

import (
	"math"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// timeline estimates which frame of a source was captured at which time, from jittering time stamps. It is a
// delay-locked loop of second order (F. Adriaensen, "Using a DLL to filter time", 2005): a steady difference in rate
// leaves no error.
type timeline struct {
	valid bool
	// anchor is the estimated time in s of frame number n; rate is source frames a nominal frame.
	anchor float64
	n      int64
	rate   float64
	heard  float64 // s of sound since the last jump
	stamp  float64 // the newest time stamp in s
	tail   int64   // the frame that has it
	astray float64 // s for which all stamps were far from what was expected
}

const (
	// bandFast and bandSlow are the loop's bandwidths in Hz in the first seconds and after.
	bandFast, bandSlow = 0.5, 0.05
	fastFor            = 4.0 // s
	// maxDrift bounds the estimated rate: no sound device is off by more than 0.2 %.
	maxDrift = 0.002
	// trustedLate and trustedEarly are the largest errors in s that move the estimate. A busy machine stamps late,
	// never early, so that the early stamps are the true ones.
	trustedLate, trustedEarly = 0.002, 0.010
	// farOff is an error in s that no delay explains: the source jumped. An error beyond jumpAfter counts as a jump
	// when it lasts for astrayFor seconds; until then the count of samples is believed, not the stamps. What a busy
	// machine held back comes all at once and takes no time.
	farOff, astrayFor = 1.5, 0.4
)

// push tells the loop that frame number n was captured at pts and that frames follow. It returns whether the source
// jumped.
func (t *timeline) push(pts time.Duration, n int64, frames int, discont bool) bool {
	at, length := pts.Seconds(), float64(frames)/media.SampleRate
	if t.valid && !discont {
		// What was held back comes all at once, and only the stamp of the last of it says when that was captured.
		passed := max(at-t.stamp, 0)
		if passed > length/2 {
			t.follow()
		}
		t.stamp, t.tail = at, n
		t.heard += length
		e := math.Abs(t.late()) * media.SampleRate
		if e <= jumpAfter {
			t.astray = 0
			return false
		}
		if t.astray += min(passed, length); t.astray < astrayFor && e < farOff*media.SampleRate {
			return false
		}
	}
	jumped := t.valid
	*t = timeline{valid: true, anchor: at, n: n, rate: 1, stamp: at, tail: n}
	return jumped
}

// late is how much later in s than expected the newest stamp is.
func (t *timeline) late() float64 {
	return t.stamp - t.anchor - float64(t.tail-t.n)/(media.SampleRate*t.rate)
}

// follow moves the estimate towards the newest stamp, unless that is far off.
func (t *timeline) follow() {
	e := t.late()
	if math.Abs(e)*media.SampleRate > jumpAfter {
		return
	}
	band := bandSlow
	if t.heard < fastFor {
		band = bandFast
	}
	dt := float64(t.tail-t.n) / media.SampleRate
	w := min(2*math.Pi*band*dt, 0.5)
	e = min(max(e, -trustedEarly), trustedLate)
	t.anchor, t.n = t.anchor+dt/t.rate+math.Sqrt2*w*e, t.tail
	if dt > 0 {
		// A positive error means that the source is slower than thought: fewer frames a second.
		t.rate = min(max(t.rate-w*w*e/dt, 1-maxDrift), 1+maxDrift)
	}
}

// index is the source's frame number, with fraction, that was captured at pts.
func (t *timeline) index(pts time.Duration) float64 {
	return float64(t.n) + (pts.Seconds()-t.anchor)*media.SampleRate*t.rate
}
