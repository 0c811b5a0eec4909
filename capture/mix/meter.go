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

// add takes a block as it is after a gain.
func (m *meter) add(block []float32, gain float32) {
	peak, power := measure(block)
	m.peak = max(m.peak, peak*gain)
	m.sum += power * gain * gain
}

// end closes a block of the given length; what was not added to it was silence.
func (m *meter) end(frames int) {
	if m.frames += frames; m.frames < meterWindow {
		return
	}
	m.shownPeak = decibels(float64(m.peak))
	m.shownRMS = decibels(math.Sqrt(float64(m.sum) / float64(m.frames*media.Channels)))
	m.shown, m.peak, m.sum, m.frames = true, 0, 0, 0
}

func (m *meter) read() (peak, rms float64) {
	if !m.shown {
		return SilenceDB, SilenceDB
	}
	return m.shownPeak, m.shownRMS
}

// measure is the highest magnitude among samples and the sum of their squares. Their number is a multiple of 16.
func measure(samples []float32) (peak, power float32) {
	if hasAVX && len(samples) > 0 {
		return measureAVX(&samples[0], len(samples))
	}
	return measureGo(samples)
}

func measureGo(samples []float32) (peak, power float32) {
	for _, v := range samples {
		power += v * v
		if v < 0 {
			v = -v
		}
		if v > peak {
			peak = v
		}
	}
	return peak, power
}
