package mix

import (
	"math"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// capacity is how much of a source is kept, in sample frames: it bounds memory when nobody mixes.
	capacity = 2 * media.SampleRate
	// jumpAfter is the error between a source's time and its expected time that no rate explains: the device was
	// away, or the clock jumped. In sample frames (40 ms).
	jumpAfter = 40 * media.SampleRate / 1000
	// settle is the time constant in s with which the reading position approaches its target.
	settle = 1.0
	// maxCorrection bounds the resampling ratio; 0.5 % is not audible as a change of pitch.
	maxCorrection = 0.005
	// fade is the length of a fade around a gap in sample frames (5 ms).
	fade = 5 * media.SampleRate / 1000
)

// Input is one source of a Mixer.
type Input struct {
	mu      sync.Mutex
	ring    []float32 // interleaved, capacity frames
	written int64     // frames pushed since the beginning
	line    timeline
	pos     float64 // frame to read next
	reading bool
	fadeIn  int // frames of fade-in still to play

	target   float32                  // wanted gain
	silenced func(time.Duration) bool // mutes what was heard at the time
	gain     float32                  // gain at the end of the last block
	mono     bool                     // both sides are to become their mean
	width    float32                  // of the stereo image at the end of the last block: 1 as heard, 0 mono
	meter    meter
	resting  bool   // nothing follows what was pushed
	side     *Input // gets all that is pushed as well
	kernels  *kernelTable
}

func newInput() *Input {
	return &Input{ring: make([]float32, capacity*media.Channels), target: 1, gain: 1, width: 1, kernels: kernels()}
}

// SetGain sets the gain in dB. The change is a ramp over the next block, without a click.
func (in *Input) SetGain(db float64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.target = factor(db)
}

// SetMono makes both sides the mean of what is heard on them. The change is a ramp over the next block, without a
// click.
func (in *Input) SetMono(mono bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.mono = mono
}

// MuteWhile mutes the input where silenced returns true for the time at which a block begins, whatever SetGain says.
// The change is a ramp over that block. silenced is asked for each block and must neither wait nor call the input.
func (in *Input) MuteWhile(silenced func(pts time.Duration) bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.silenced = silenced
}

// wanted is the gain that the block from pts on ends with.
func (in *Input) wanted(pts time.Duration) float32 {
	if in.silenced != nil && in.silenced(pts) {
		return 0
	}
	return in.target
}

// Push takes a block of sound with its time. It never blocks; what is older than two seconds is forgotten. A block
// without samples says that none follows for now.
func (in *Input) Push(p media.PCM) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.side != nil {
		in.side.Push(p)
	}
	if in.resting = len(p.Samples) == 0; in.resting {
		return
	}
	if in.line.push(p.PTS, in.written, len(p.Samples)/media.Channels, p.Discont) {
		in.reading = false // a jump: position again, with a fade
	}
	for i := 0; i < len(p.Samples); {
		at := int(in.written % capacity)
		n := copy(in.ring[at*media.Channels:], p.Samples[i:])
		i += n
		in.written += int64(n / media.Channels)
	}
}

// Level is the peak and RMS of the last 100 ms after gain, in dB of full scale; silence while muted.
func (in *Input) Level() (peak, rms float64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.meter.read()
}

// read fills dst with what was captured from pts on; silence where there is nothing.
func (in *Input) read(pts time.Duration, dst []float32) {
	in.mu.Lock()
	defer in.mu.Unlock()
	frames := len(dst) / media.Channels
	n := in.position(pts, frames)
	ratio := in.ratio(pts)
	for i := 0; i < n; i++ {
		dst[2*i], dst[2*i+1] = in.at(in.pos)
		in.pos += ratio
	}
	for i := 0; i < n && (in.fadeIn > 0 || n < frames); i++ {
		f := in.envelope(i, n, frames)
		dst[2*i], dst[2*i+1] = dst[2*i]*f, dst[2*i+1]*f
	}
	clear(dst[2*n:])
	if n < frames {
		in.reading = false
	}
}

// level brings the block from pts on to the wanted gain and measures it.
func (in *Input) level(pts time.Duration, block []float32) {
	in.mu.Lock()
	defer in.mu.Unlock()
	frames := len(block) / media.Channels
	in.narrow(block)
	wanted := in.wanted(pts)
	in.meter.add(block, wanted)
	from, step := in.gain, (wanted-in.gain)/float32(frames)
	in.gain = wanted
	for i := 0; i < frames && (from != 1 || step != 0); i++ {
		g := from + step*float32(i+1)
		block[2*i], block[2*i+1] = block[2*i]*g, block[2*i+1]*g
	}
	in.meter.end(frames)
}

// narrow brings a block to the wanted width.
func (in *Input) narrow(block []float32) {
	wanted := float32(1)
	if in.mono {
		wanted = 0
	}
	frames := len(block) / media.Channels
	from, step := in.width, (wanted-in.width)/float32(frames)
	in.width = wanted
	for i := 0; i < frames && (from != 1 || step != 0); i++ {
		mid, side := (block[2*i]+block[2*i+1])/2, (block[2*i]-block[2*i+1])/2
		side *= from + step*float32(i+1)
		block[2*i], block[2*i+1] = mid+side, mid-side
	}
}

// awaited says whether the source runs, and has brought something since the given time, but not yet all that was
// captured from pts on.
func (in *Input) awaited(pts time.Duration, frames int, since time.Duration) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.resting || in.wanted(pts)+in.gain == 0 || !in.line.valid || in.line.index(since) >= float64(in.written) {
		return false
	}
	in.locate(pts)
	return in.ready() < frames
}

// locate makes sure that the reading position fits the time.
func (in *Input) locate(pts time.Duration) {
	want := in.line.index(pts)
	if in.reading && math.Abs(want-in.pos) > jumpAfter {
		in.reading = false
	}
	if !in.reading {
		in.pos = want
	}
}

// ready is how many frames can be read from the reading position on.
func (in *Input) ready() int {
	behind := float64(in.written) - taps/2 - 1 - in.pos
	return max(int(behind/(1+maxCorrection)), 0)
}

// position goes to a time and says how many frames can be read.
func (in *Input) position(pts time.Duration, frames int) int {
	if !in.line.valid {
		return 0
	}
	in.locate(pts)
	if in.pos < float64(max(in.written-capacity, 0)+taps) {
		in.reading = false // before the source began, or so old that it is forgotten
		return 0
	}
	n := min(frames, in.ready())
	if n > 0 && !in.reading {
		in.reading, in.fadeIn = true, fade
	}
	return n
}

// ratio is how many source frames pass for each mixed one.
func (in *Input) ratio(pts time.Duration) float64 {
	if !in.reading {
		return 1
	}
	off := in.line.index(pts) - in.pos
	r := in.line.rate + off/(settle*media.SampleRate)
	return min(max(r, 1-maxCorrection), 1+maxCorrection)
}

// envelope fades in after a gap and out before one.
func (in *Input) envelope(i, n, frames int) float32 {
	f := float32(1)
	if in.fadeIn > 0 {
		f = 1 - float32(in.fadeIn)/fade
		in.fadeIn--
	}
	if n < frames && n-i < fade {
		f *= float32(n-i) / fade
	}
	return f
}

// at interpolates the source at a fractional frame.
func (in *Input) at(pos float64) (l, r float32) {
	base := int64(math.Floor(pos))
	k := in.kernels.at(pos - float64(base))
	first := int((base - taps/2 + 1) % capacity)
	if first+taps <= capacity {
		return dot(k, (*[2 * taps]float32)(in.ring[first*2:]))
	}
	var around [2 * taps]float32
	n := copy(around[:], in.ring[first*2:])
	copy(around[n:], in.ring)
	return dot(k, &around)
}
