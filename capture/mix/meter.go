package mix

import (
	"math"

	"github.com/hindsight-app/hindsight/capture/media"
)

// meterWindow is how long a level is gathered before it is shown (100 ms), in sample frames.
const meterWindow = media.SampleRate / 10

type meter struct {
	peak, sum           float32
	frames              int
	shownPeak, shownRMS float64
	shown               bool
}

func (m *meter) add(l, r float32) {
	m.peak = max(m.peak, l, -l, r, -r)
	m.sum += l*l + r*r
}

// end closes a block of the given length; what was not added to it was silence.
func (m *meter) end(frames int) {
	if m.frames += frames; m.frames < meterWindow {
		return
	}
	m.shownPeak = DB(float64(m.peak))
	m.shownRMS = DB(math.Sqrt(float64(m.sum) / float64(m.frames*media.Channels)))
	m.shown, m.peak, m.sum, m.frames = true, 0, 0, 0
}

func (m *meter) read() (peak, rms float64) {
	if !m.shown {
		return SilenceDB, SilenceDB
	}
	return m.shownPeak, m.shownRMS
}
