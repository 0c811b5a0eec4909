package capturetest

import (
	"context"
	"encoding/binary"
	"math"
)

// rate is the sample rate of all analysis in Hz.
const rate = 48000

// PCM decodes the sound as presented, mixed to mono in [-1, 1] at 48 kHz; silence stands where the sound has not begun.
func PCM(ctx context.Context, path string) ([]float64, error) {
	out, err := run(ctx, "ffmpeg", "-hide_banner", "-v", "error", "-nostdin", "-i", path, "-vn",
		"-af", "aresample=48000:async=1:first_pts=0", "-ac", "2", "-f", "f32le", "-")
	if err != nil {
		return nil, err
	}
	pcm := make([]float64, len(out)/8)
	for i := range pcm {
		l, r := binary.LittleEndian.Uint32(out[8*i:]), binary.LittleEndian.Uint32(out[8*i+4:])
		pcm[i] = float64(math.Float32frombits(l)+math.Float32frombits(r)) / 2
	}
	return pcm, nil
}

// envelope is the level of one frequency over time: the signal turned down to 0 Hz and averaged over a window.
func envelope(pcm []float64, hz float64, window int) []float64 {
	env := make([]float64, len(pcm))
	re, im := make([]float64, len(pcm)), make([]float64, len(pcm))
	var sr, si float64
	for i, v := range pcm {
		a := 2 * math.Pi * hz * float64(i) / rate
		re[i], im[i] = v*math.Cos(a), v*math.Sin(a)
		sr += re[i]
		si += im[i]
		if i >= window {
			sr -= re[i-window]
			si -= im[i-window]
		}
		env[i] = 2 * math.Hypot(sr, si) / float64(window)
	}
	return env
}

// Clicks finds the onsets of bursts of the given frequency, in s, to within a fraction of a millisecond. A burst must
// stand 20 dB above the quiet between bursts, and bursts are at least 300 ms apart.
func Clicks(ctx context.Context, path string, hz float64) ([]float64, error) {
	pcm, err := PCM(ctx, path)
	if err != nil {
		return nil, err
	}
	const window = rate / 1000 * 2
	env := envelope(pcm, hz, window)
	top := 0.0
	for _, e := range env {
		top = max(top, e)
	}
	if top < 0.01 {
		return nil, nil
	}
	var onsets []float64
	last := -rate
	for i := 1; i < len(env); i++ {
		// The envelope rises from nothing to all over one window: at half, the burst began half a window ago.
		if env[i] >= top/2 && env[i-1] < top/2 && i-last > rate*3/10 {
			onsets = append(onsets, float64(i-window/2)/rate)
			last = i
		}
	}
	return onsets, nil
}

// ToneDB is the level of a steady frequency over the whole file in dB of full scale (a sine of amplitude 1 is 0 dB), by
// the Goertzel sum.
func ToneDB(ctx context.Context, path string, hz float64) (float64, error) {
	pcm, err := PCM(ctx, path)
	if err != nil {
		return 0, err
	}
	// Short stretches, averaged in power: phases drift, and a source whose clock is being caught up with is off by up
	// to a few Hz.
	const n = rate / 10
	sum, count := 0.0, 0
	for from := 0; from+n <= len(pcm); from += n {
		var re, im float64
		for i, v := range pcm[from : from+n] {
			w := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/n) // Hann: the tones next to it do not leak in
			a := 2 * math.Pi * hz * float64(i) / rate
			re += w * v * math.Cos(a)
			im += w * v * math.Sin(a)
		}
		amp := 4 * math.Hypot(re, im) / n
		sum += amp * amp
		count++
	}
	if count == 0 || sum == 0 {
		return -100, nil
	}
	return 10 * math.Log10(sum/float64(count)), nil
}

// PeakDB is the highest sample in dB of full scale.
func PeakDB(ctx context.Context, path string) (float64, error) {
	pcm, err := PCM(ctx, path)
	if err != nil {
		return 0, err
	}
	peak := 1e-5
	for _, v := range pcm {
		peak = max(peak, math.Abs(v))
	}
	return 20 * math.Log10(peak), nil
}

// Step is how far sound and video are apart.
type Step struct {
	// Events is how many pairs were found. MeanMS, MinMS and MaxMS are sound minus video in ms: positive is sound
	// late.
	Events               int
	MeanMS, MinMS, MaxMS float64
}

// offsets pairs each flash with the nearest click, at most 400 ms away.
func offsets(flashes, clicks []float64) Step {
	s := Step{MinMS: math.Inf(1), MaxMS: math.Inf(-1)}
	for _, f := range flashes {
		best := math.Inf(1)
		for _, c := range clicks {
			if d := (c - f) * 1000; math.Abs(d) < math.Abs(best) {
				best = d
			}
		}
		if math.Abs(best) > 400 {
			continue
		}
		s.Events++
		s.MeanMS += best
		s.MinMS, s.MaxMS = min(s.MinMS, best), max(s.MaxMS, best)
	}
	if s.Events == 0 {
		return Step{}
	}
	s.MeanMS /= float64(s.Events)
	return s
}

// MeasureStep finds flashes and clicks of the given frequency in a file and compares them.
func MeasureStep(ctx context.Context, path string, clickHz float64) (Step, error) {
	flashes, err := Flashes(ctx, path)
	if err != nil {
		return Step{}, err
	}
	clicks, err := Clicks(ctx, path, clickHz)
	if err != nil {
		return Step{}, err
	}
	return offsets(flashes, clicks), nil
}
