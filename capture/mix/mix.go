// Package mix turns any number of sound sources into one track: gain, mute, drift correction, sum, limiter, levels.
//
// It is a step function without a clock: sources push what they capture with its time, and whoever owns the clock asks
// for one block after the other, and may ask first whether all of it has come. A source that is missing, late or broken
// is silence in the block. Sources run on their own crystals; each one's rate is estimated from its time stamps and
// corrected by resampling, so that it stays in step for hours without a click.
//
// The Mixer owns its inputs. It has no goroutines. Push, the setters and Level may be called from any goroutine, Mix
// from one at a time.
package mix

import (
	"math"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Latency is by how much a mixed block is older than the block asked for: the limiter looks that far ahead.
const Latency = time.Duration(lookahead*hop) * time.Second / media.SampleRate

// Reach is how long after its begin a block can be mixed: inputs hold a little more of what they were given.
const Reach = (capacity - media.SampleRate/10) * time.Second / media.SampleRate

// SilenceDB is the level that stands for silence, in dB of full scale.
const SilenceDB = -100

// Mixer sums inputs.
type Mixer struct {
	inputs  []*Input
	limiter Limiter
	own     []Limiter // of each input alone
	block   []float32 // one input's sound
	echo    echo
}

// New makes a mixer without inputs.
func New() *Mixer { return &Mixer{} }

// AddInput adds a source. It must not be called after the first Mix.
func (m *Mixer) AddInput() *Input {
	in := newInput()
	m.inputs, m.own = append(m.inputs, in), append(m.own, Limiter{})
	return in
}

// Mix makes the block of len(dst)/2 sample frames whose inputs were captured from pts on. What it writes is the mix
// Latency earlier; it returns that earlier time, the PTS of dst's first sample. len(dst) must be a multiple of 2*48.
//
// Each of own that is not nil is as long as dst and gets what one input adds, in the order of the inputs, at the same
// time and below the same ceiling.
func (m *Mixer) Mix(pts time.Duration, dst []float32, own ...[]float32) time.Duration {
	clear(dst)
	if len(m.block) < len(dst) {
		m.block = make([]float32, len(dst))
	}
	block := m.block[:len(dst)]
	for i, in := range m.inputs {
		if !m.echo.read(in, pts, block) {
			in.read(pts, block)
		}
		in.level(pts, block)
		if i < len(own) && own[i] != nil {
			copy(own[i], block)
			m.own[i].Process(own[i])
		}
		for j, v := range block {
			dst[j] += v
		}
	}
	m.limiter.Process(dst)
	return pts - Latency
}

// Awaits says whether a source that runs has not yet brought all of the block of so many sample frames from pts on, but
// has brought something that was captured after since. A source that is muted, missing or silent for longer is not
// waited for.
func (m *Mixer) Awaits(pts time.Duration, frames int, since time.Duration) bool {
	for _, in := range m.inputs {
		if in.awaited(pts+m.echo.late(in), frames, since) {
			return true
		}
	}
	return m.echo.awaited(pts, frames, since)
}

// factor converts dB to what samples are multiplied by.
func factor(db float64) float32 { return float32(math.Pow(10, db/20)) }

// decibels converts a factor to dB, not below SilenceDB.
func decibels(gain float64) float64 {
	if gain <= 1e-5 {
		return SilenceDB
	}
	return 20 * math.Log10(gain)
}
