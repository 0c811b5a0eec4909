package sourcetest

import (
	"math"
	"math/rand/v2"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Voice is something like speech: harmonics of a wandering pitch in syllables, with pauses of 0.8 s every 2 s, over
// noise.
func Voice(seconds int, level, noise float64) []float32 {
	r := rand.New(rand.NewPCG(7, 7)) // #nosec G404 -- the same voice each time
	out := make([]float32, seconds*media.SampleRate)
	phase := 0.0
	for i := range out {
		t := float64(i) / media.SampleRate
		phase += 2 * math.Pi * (140 + 30*math.Sin(2*math.Pi*0.7*t)) / media.SampleRate
		v := 0.0
		if math.Mod(t, 2) < 1.2 {
			for k := 1.0; k < 14; k++ {
				v += math.Sin(k*phase) / k
			}
			v *= math.Pow(max(0, math.Sin(2*math.Pi*3*t)), 2)
		}
		out[i] = float32(level*v + noise*r.NormFloat64())
	}
	return out
}
