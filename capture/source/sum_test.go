package source

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Two streams of a program on a machine that holds back 300 ms now and then, from a server whose clock is 100 ppm slow:
// the sum has all of both, in order, and in time.
func TestStreamsAddUpWhateverIsLate(t *testing.T) {
	const begin, block = time.Hour, 480
	var out []float32
	var worst time.Duration
	s := sum{pcm: func(p media.PCM) {
		given := p.PTS + p.Duration()
		out = append(out, p.Samples...)
		end := begin + time.Duration(float64(len(out)/media.Channels)/media.SampleRate/(1-1e-4)*1e9)
		worst = max(worst, end-given) // early; a late stamp is only late
	}}
	frame := func(stream uint32, n int) float32 {
		return float32(math.Sin(2*math.Pi*float64(n)*float64(100*stream)/media.SampleRate) / 4)
	}
	const blocks = 60_000 // 10 minutes
	for i := range blocks {
		end := begin + time.Duration(float64((i+1)*block)/media.SampleRate/(1-1e-4)*1e9)
		arrives := end
		if i%100 >= 70 { // the last 300 ms of each second come at its end
			arrives = begin + time.Duration(float64((i/100+1)*100*block)/media.SampleRate/(1-1e-4)*1e9)
		}
		for _, stream := range []uint32{1, 2} {
			b := appBlock{stream: stream, samples: make([]float32, block*media.Channels),
				at: arrives - block*time.Second/media.SampleRate}
			for k := range block {
				v := frame(stream, i*block+k)
				b.samples[2*k], b.samples[2*k+1] = v, v
			}
			s.add(b, 2)
		}
	}
	require.Len(t, out, blocks*block*media.Channels)
	for n := range blocks * block {
		if v := frame(1, n) + frame(2, n); math.Abs(float64(v-out[2*n])) > 1e-6 {
			require.InDelta(t, v, out[2*n], 1e-6, "frame %d", n)
		}
	}
	require.Less(t, worst, time.Millisecond)
}

func TestAStreamThatPausedIsPlacedAnew(t *testing.T) {
	length := 0
	s := sum{pcm: func(p media.PCM) { length += len(p.Samples) / media.Channels }}
	for i := range 1000 {
		at := time.Hour + time.Duration(i)*10*time.Millisecond
		s.add(appBlock{stream: 1, samples: make([]float32, 960), at: at}, 2)
		if i < 300 || i >= 600 {
			s.add(appBlock{stream: 2, samples: make([]float32, 960), at: at}, 2)
		}
	}
	require.InDelta(t, 10*media.SampleRate, length, media.SampleRate/10)
	require.InDelta(t, s.streams[1].next, s.streams[2].next, astray)
}
