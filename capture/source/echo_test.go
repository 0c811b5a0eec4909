package source_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source"
	"github.com/hindsight-app/hindsight/capture/source/sourcetest"
)

func stereo(mono []float32) []float32 {
	out := make([]float32, 2*len(mono))
	for i, v := range mono {
		out[2*i], out[2*i+1] = v, v
	}
	return out
}

func samples(d time.Duration) int { return media.DurationToSamples(d) }

// cancel runs mono sound through a canceller in blocks of 100 ms and returns what is left, in time.
func cancel(t *testing.T, suppress bool, near, far []float32) []float32 {
	t.Helper()
	e, err := source.NewEcho(suppress)
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()); require.NoError(t, e.Close()) }()
	n, f := stereo(near), stereo(far[samples(source.EchoLead):])
	block := samples(100*time.Millisecond) * media.Channels
	for i := 0; i+block <= min(len(n), len(f)); i += block {
		require.NoError(t, e.Cancel(n[i:i+block], f[i:i+block]))
	}
	out := make([]float32, len(near))
	for i := samples(e.Late()); i < len(out); i++ {
		out[i-samples(e.Late())] = n[2*i]
	}
	return out
}

// loud is the mean power between two times in dB.
func loud(sound []float32, from, to time.Duration) float64 {
	sum := 0.0
	for _, v := range sound[samples(from):samples(to)] {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(samples(to-from))+1e-12)
}

// What the loudspeakers play comes back into the microphone: it goes, and what is said beside it stays.
func TestEchoIsCanceled(t *testing.T) {
	for late, suppress := range map[time.Duration]bool{3 * time.Millisecond: false, 100 * time.Millisecond: true} {
		const second = time.Second
		far := sourcetest.Voice(15, 0.12, 0)
		own := make([]float32, len(far))
		for i := samples(10 * second); i < len(own); i++ {
			at := float64(i) / media.SampleRate
			own[i] = float32(0.1 * math.Sin(2*math.Pi*1234*at) * math.Max(0, math.Sin(2*math.Pi*at)))
		}
		near := append([]float32(nil), own...)
		for i := samples(late); i < len(near); i++ {
			near[i] += 0.4 * far[i-samples(late)]
		}
		out := cancel(t, suppress, near, far)
		echo, left := loud(near, 7*second, 10*second), loud(out, 7*second, 10*second)
		said, kept := loud(own, 11*second, 14*second), loud(out, 11*second, 14*second)
		t.Logf("%v later, noise suppressed %t: echo %.1f dB becomes %.1f dB; own sound %.1f dB becomes %.1f dB", late,
			suppress, echo, left, said, kept)
		require.Less(t, left, echo-15)
		require.InDelta(t, said, kept, 3)
	}
}

func TestCancellingKeepsTime(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	near := make([]float32, 5*media.SampleRate)
	for i := range near {
		near[i] = float32(0.1 * r.NormFloat64() * math.Pow(math.Sin(2*math.Pi*2*float64(i)/media.SampleRate), 2))
	}
	for _, suppress := range []bool{false, true} {
		out := cancel(t, suppress, near, make([]float32, len(near)))
		best, at := 0.0, 0
		for lag := -480; lag <= 480; lag++ {
			sum := 0.0
			for i := 3 * media.SampleRate; i < 4*media.SampleRate; i++ {
				sum += float64(near[i]) * float64(out[i+lag])
			}
			if sum > best {
				best, at = sum, lag
			}
		}
		t.Logf("noise suppressed %t: off by %d samples", suppress, at)
		require.InDelta(t, 0, at, 48)
	}
}
