package mix

import "github.com/hindsight-app/hindsight/capture/media"

const (
	// hop is the limiter's grain in sample frames (1 ms), lookahead the number of hops it knows in advance.
	hop       = 48
	lookahead = 6
	// ceiling is the highest sample that leaves the mixer: -1 dB of full scale, which leaves headroom for what a codec
	// adds.
	ceiling = 0.8913
	// release is by how much the gain recovers in one hop: from -20 dB to 0 in about half a second.
	release = 0.008
)

// Limiter keeps sound below the ceiling without distortion: it sees each peak before it plays and turns the gain down
// over lookahead hops. The minimum over the window, averaged over the same window, is never above what any peak in it
// needs.
type Limiter struct {
	delay   [lookahead * hop * media.Channels]float32
	needed  [lookahead]float32 // gains that the hops in the delay line need, as 1-gain so that zero is the start
	minima  [lookahead]float32 // minima over the windows that ended before, as 1-gain
	held    float32            // 1-gain after release
	current float32            // 1-gain at the last hop's end
}

// Process limits interleaved stereo in place, and delays it by Latency. The length must be a multiple of 2*48.
func (l *Limiter) Process(b []float32) {
	for ; len(b) >= hop*media.Channels; b = b[hop*media.Channels:] {
		l.hop(b[:hop*media.Channels])
	}
}

func (l *Limiter) hop(b []float32) {
	peak, _ := measure(b)
	var cut float32
	if peak > ceiling {
		cut = 1 - ceiling/peak
	}
	l.held = max(cut, l.held-release)
	copy(l.needed[:], l.needed[1:])
	l.needed[lookahead-1] = l.held
	deepest := float32(0)
	for _, c := range l.needed {
		deepest = max(deepest, c)
	}
	copy(l.minima[:], l.minima[1:])
	l.minima[lookahead-1] = deepest
	var sum float32
	for _, c := range l.minima {
		sum += c
	}
	next := sum / lookahead
	from, step := 1-l.current, (l.current-next)/hop
	l.current = next
	// Take the oldest hop out of the delay line, put this one in, scale what comes out.
	var out [hop * media.Channels]float32
	copy(out[:], l.delay[:])
	copy(l.delay[:], l.delay[len(out):])
	copy(l.delay[len(l.delay)-len(out):], b)
	for i := range hop {
		g := from + step*float32(i+1)
		b[2*i] = clamp(out[2*i] * g)
		b[2*i+1] = clamp(out[2*i+1] * g)
	}
}

// clamp is the last word where rounding or a source that is not a number would exceed full scale.
func clamp(v float32) float32 {
	switch {
	case v >= -1 && v <= 1:
		return v
	case v != v:
		return 0
	}
	return min(max(v, -1), 1)
}
