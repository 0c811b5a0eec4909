package mix_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mix"
)

const block = media.SampleRate / 50 // 20 ms

// device is a simulated sound device: a tone sampled by its own crystal, delivered in chunks with jittering stamps.
type device struct {
	in     *mix.Input
	hz     float64
	amp    float32
	ppm    float64 // how much faster its crystal runs
	jitter time.Duration
	rng    *rand.Rand
	frames int64
	origin time.Duration
}

// until pushes everything that the device has captured up to the time.
func (d *device) until(now time.Duration) {
	const chunk = 480
	rate := media.SampleRate * (1 + d.ppm/1e6)
	for {
		end := d.origin + time.Duration(float64(d.frames+chunk)/rate*1e9)
		if end > now {
			return
		}
		pcm := media.PCM{Samples: make([]float32, chunk*2)}
		// Each sample turns the phase on by one step, which is quicker than a sine, and as exact over one chunk.
		sin, cos := math.Sincos(2 * math.Pi * d.hz * (d.origin.Seconds() + float64(d.frames)/rate))
		stepSin, stepCos := math.Sincos(2 * math.Pi * d.hz / rate)
		for i := range chunk {
			v := d.amp * float32(sin)
			pcm.Samples[2*i], pcm.Samples[2*i+1] = v, v
			sin, cos = sin*stepCos+cos*stepSin, cos*stepCos-sin*stepSin
		}
		pcm.PTS = d.origin + time.Duration(float64(d.frames)/rate*1e9)
		if d.jitter > 0 {
			pcm.PTS += time.Duration(d.rng.Int64N(int64(2*d.jitter))) - d.jitter
		}
		d.in.Push(pcm)
		d.frames += chunk
	}
}

// run mixes from begin to end and hands each block with its time to f.
func run(m *mix.Mixer, begin, end time.Duration, devices []*device, f func(pts time.Duration, b []float32)) {
	const behind = 40 * time.Millisecond
	step := media.SamplesToDuration(block)
	for at := begin; at < end; at += step {
		for _, d := range devices {
			d.until(at + step + behind)
		}
		b := make([]float32, block*2)
		f(m.Mix(at, b), b)
	}
}

func newDevice(m *mix.Mixer, hz float64, amp float32) *device {
	return &device{in: m.AddInput(), hz: hz, amp: amp, origin: time.Second, rng: rand.New(rand.NewPCG(1, 2))}
}

func TestMixIsTheSumInTime(t *testing.T) {
	m := mix.New()
	a, b := newDevice(m, 440, 0.2), newDevice(m, 880, 0.1)
	run(m, 2*time.Second, 3*time.Second, []*device{a, b}, func(pts time.Duration, out []float32) {
		if pts < 2100*time.Millisecond {
			return // after the fade-in
		}
		for i := 0; i < block; i++ {
			at := pts.Seconds() + float64(i)/media.SampleRate
			want := 0.2*math.Sin(2*math.Pi*440*at) + 0.1*math.Sin(2*math.Pi*880*at)
			require.InDelta(t, want, float64(out[2*i]), 2e-3)
			require.Equal(t, out[2*i], out[2*i+1])
		}
	})
}

// A source whose crystal is 300 ppm off, with stamps that jitter by a millisecond, stays within 5 ms for 30 minutes,
// and its tone stays smooth.
func TestDriftIsCorrectedWithoutClicks(t *testing.T) {
	for ppm, length := range map[float64]time.Duration{300: 30 * time.Minute, -300: 5 * time.Minute} {
		m := mix.New()
		d := newDevice(m, 200, 0.5)
		d.ppm, d.jitter = ppm, time.Millisecond
		var last [2]float64
		// The second difference of a sine of amplitude a is at most a*(2*pi*f/rate)^2; a click exceeds it at once.
		bound := 0.5*math.Pow(2*math.Pi*200/media.SampleRate, 2) + 1e-3
		worst, roughest, n := 0.0, 0.0, 0
		var sin, cos float64
		run(m, 2*time.Second, length, []*device{d}, func(pts time.Duration, out []float32) {
			for i := 0; i < block; i++ {
				v := float64(out[2*i])
				if n > 2*media.SampleRate {
					roughest = math.Max(roughest, math.Abs(v-2*last[0]+last[1]))
				}
				last[1], last[0] = last[0], v
				n++
				if n/media.SampleRate%10 != 0 {
					continue // one second in ten is looked at
				}
				at := pts.Seconds() + float64(i)/media.SampleRate
				sin += v * math.Sin(2*math.Pi*200*at)
				cos += v * math.Cos(2*math.Pi*200*at)
				if n%media.SampleRate == media.SampleRate-1 { // the tone's phase over one second is the offset: 5 ms is a full turn
					if n > 10*media.SampleRate {
						worst = math.Max(worst, math.Abs(math.Atan2(cos, sin)/(2*math.Pi*200)))
					}
					sin, cos = 0, 0
				}
			}
		})
		t.Logf("%+.0f ppm: worst offset %.3f ms, roughest %.2e (smooth up to %.2e)", ppm, worst*1e3, roughest, bound)
		require.Less(t, worst, 0.002, "s of offset")
		require.Less(t, roughest, bound)
	}
}

func TestTwoFullScaleSourcesNeverClip(t *testing.T) {
	m := mix.New()
	a, b := newDevice(m, 440, 1), newDevice(m, 441, 1)
	loudest, quietest := float32(0), float32(1)
	run(m, 2*time.Second, 6*time.Second, []*device{a, b}, func(_ time.Duration, out []float32) {
		peak := float32(0)
		for _, v := range out {
			peak = max(peak, v, -v)
		}
		loudest, quietest = max(loudest, peak), min(quietest, peak)
	})
	require.LessOrEqual(t, loudest, float32(0.892))
	require.Greater(t, loudest, float32(0.8), "and is not turned down more than needed")
	require.Less(t, quietest, float32(0.3), "the beat between the two is still heard")
}

func TestMuteAndGainChangeWithoutClicks(t *testing.T) {
	m := mix.New()
	d := newDevice(m, 200, 0.5)
	muted := false
	d.in.MuteWhile(func(time.Duration) bool { return muted })
	var last [2]float64
	n, roughest := 0, 0.0
	var peak float32
	run(m, 2*time.Second, 8*time.Second, []*device{d}, func(pts time.Duration, out []float32) {
		switch n / block {
		case 50:
			muted = true
		case 100:
			require.Less(t, peak, float32(1e-6), "muted is silent")
			muted = false
			d.in.SetGain(-20)
		case 200:
			require.InDelta(t, 0.05, peak, 0.001, "-20 dB is a tenth")
			d.in.SetGain(0)
		}
		peak = 0
		for i := 0; i < block; i++ {
			v := float64(out[2*i])
			peak = max(peak, out[2*i], -out[2*i])
			if n > block*10 {
				roughest = math.Max(roughest, math.Abs(v-2*last[0]+last[1]))
			}
			last[1], last[0] = last[0], v
			n++
		}
	})
	require.InDelta(t, 0.5, peak, 0.001)
	require.Less(t, roughest, 0.5*math.Pow(2*math.Pi*200/media.SampleRate, 2)+3e-3)
}

func TestAMissingSourceIsSilenceAndComesBack(t *testing.T) {
	m := mix.New()
	d := newDevice(m, 440, 0.5)
	levels := map[int]float32{}
	feed := func(until time.Duration) { d.until(until) }
	step := media.SamplesToDuration(block)
	for at := 2 * time.Second; at < 8*time.Second; at += step {
		if at < 4*time.Second {
			feed(at + step + 40*time.Millisecond)
		} else if at >= 6*time.Second {
			if d.origin == time.Second { // the device was away for two seconds
				d.origin, d.frames = 6*time.Second, 0
			}
			feed(at + step + 40*time.Millisecond)
		}
		b := make([]float32, block*2)
		m.Mix(at, b)
		for _, v := range b {
			levels[int(at.Seconds())] = max(levels[int(at.Seconds())], v, -v)
		}
	}
	require.InDelta(t, 0.5, levels[3], 0.01)
	require.Zero(t, levels[5])
	require.InDelta(t, 0.5, levels[7], 0.01)
}

// A busy machine stamps some blocks late by up to 200 ms. Nothing is lost and nothing moves.
func TestLateStampsDoNotTearTheSound(t *testing.T) {
	m := mix.New()
	in := m.AddInput()
	rng := rand.New(rand.NewPCG(3, 4))
	at, late := time.Second, time.Duration(0)
	worst := 0.0
	for i := 0; i < 3000; i++ {
		b := make([]float32, 960)
		for j := range 480 {
			v := float32(0.5 * math.Sin(2*math.Pi*200*(at+media.SamplesToDuration(j)).Seconds()))
			b[2*j], b[2*j+1] = v, v
		}
		if rng.IntN(50) == 0 {
			late = time.Duration(rng.IntN(200)) * time.Millisecond
		}
		in.Push(media.PCM{PTS: at + late, Samples: b})
		late = max(late-10*time.Millisecond, 0) // the backlog arrives at once, each block stamped on arrival
		at += 10 * time.Millisecond
		if i%2 == 1 && i > 50 {
			out := make([]float32, block*2)
			require.False(t, m.Awaits(at-60*time.Millisecond, block, 0), "all of it has come")
			pts := m.Mix(at-60*time.Millisecond, out)
			for j := 0; j < block && i > 300; j++ {
				want := 0.5 * math.Sin(2*math.Pi*200*(pts+media.SamplesToDuration(j)).Seconds())
				worst = math.Max(worst, math.Abs(want-float64(out[2*j])))
			}
		}
	}
	// An error of e in time shows as at most 2*pi*200*e of the amplitude.
	t.Logf("worst error %.3f of amplitude 0.5: %.2f ms", worst, worst/0.5/(2*math.Pi*200)*1000)
	require.Less(t, worst/0.5/(2*math.Pi*200), 0.0015)
	peak, rms := in.Level()
	require.InDelta(t, -6, peak, 0.3)
	require.InDelta(t, -9, rms, 0.3)
}

// What runs and is late is awaited; what is muted, gone, or has said that nothing follows is not.
func TestWhatIsLateIsAwaited(t *testing.T) {
	m := mix.New()
	d := newDevice(m, 440, 0.5)
	muted := false
	d.in.MuteWhile(func(time.Duration) bool { return muted })
	m.AddInput() // never pushed to
	const at = 2 * time.Second
	step := media.SamplesToDuration(block)
	awaits := func(since time.Duration) bool { return m.Awaits(at, block, since) }
	require.False(t, awaits(0), "nothing has come yet")
	d.until(at - 100*time.Millisecond)
	require.True(t, awaits(at-time.Second))
	require.False(t, awaits(at-50*time.Millisecond), "silent for too long")
	d.until(at + step/2)
	require.True(t, awaits(at), "half of it")
	d.in.Push(media.PCM{})
	require.False(t, awaits(at), "it rests")
	d.until(at + step/2 + 10*time.Millisecond)
	muted = true
	require.True(t, awaits(at), "the last sound before a mute")
	m.Mix(at-step, make([]float32, block*2))
	require.False(t, awaits(at), "muted")
	muted = false
	require.True(t, awaits(at), "the interpolation needs a little more")
	d.until(at + 2*step)
	require.False(t, awaits(at), "all of it has come")
}

func TestLevels(t *testing.T) {
	m := mix.New()
	d := newDevice(m, 440, 0.1)
	idle := m.AddInput()
	run(m, 2*time.Second, 3*time.Second, []*device{d}, func(time.Duration, []float32) {})
	peak, rms := d.in.Level()
	require.InDelta(t, -20, peak, 0.2)
	require.InDelta(t, -23, rms, 0.2)
	peak, _ = idle.Level()
	require.Equal(t, float64(mix.SilenceDB), peak)
}

func TestNotANumberIsSilence(t *testing.T) {
	m := mix.New()
	in := m.AddInput()
	bad := make([]float32, block*2)
	for i := range bad {
		bad[i] = float32(math.NaN())
	}
	for at := time.Second; at < 2*time.Second; at += media.SamplesToDuration(block) {
		in.Push(media.PCM{PTS: at, Samples: bad})
		out := make([]float32, block*2)
		m.Mix(at-100*time.Millisecond, out)
		for _, v := range out {
			require.False(t, v != v)
		}
	}
}

func BenchmarkMixTwoSources(b *testing.B) {
	m := mix.New()
	x, y := newDevice(m, 440, 0.2), newDevice(m, 880, 0.1)
	step := media.SamplesToDuration(block)
	out := make([]float32, block*2)
	pcm := make([]float32, block*2)
	at := 2 * time.Second
	b.ReportAllocs()
	for b.Loop() {
		x.in.Push(media.PCM{PTS: at, Samples: pcm})
		y.in.Push(media.PCM{PTS: at, Samples: pcm})
		m.Mix(at-40*time.Millisecond, out)
		at += step
	}
}

// Each source's own sound is what it adds to the mix, at the same time.
func TestOwnSoundsAddUpToTheMix(t *testing.T) {
	m := mix.New()
	low, high := m.AddInput(), m.AddInput()
	devices := []*device{{in: low, hz: 440, amp: 0.2}, {in: high, hz: 880, amp: 0.1}}
	high.SetGain(6)
	a, b := make([]float32, block*2), make([]float32, block*2)
	mixed := make([]float32, block*2)
	step := media.SamplesToDuration(block)
	for at := time.Second; at < 4*time.Second; at += step {
		for _, d := range devices {
			d.until(at + step + 40*time.Millisecond)
		}
		m.Mix(at, mixed, a, b)
		if at < 2*time.Second {
			continue
		}
		var peakA, peakB float32
		for i := range mixed {
			require.InDelta(t, mixed[i], a[i]+b[i], 1e-5)
			peakA, peakB = max(peakA, a[i]), max(peakB, b[i])
		}
		require.InDelta(t, 0.2, peakA, 0.01)
		require.InDelta(t, 0.2, peakB, 0.01)
	}
	m.Mix(4*time.Second, mixed, nil, b)
	require.NotZero(t, mixed[100], "one of them is not asked for, and is in the mix")
}
