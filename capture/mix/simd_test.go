package mix

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// What runs on this processor alone does what the Go functions do.
func TestProcessorsOwnFunctions(t *testing.T) {
	if !hasAVX {
		t.Log("this processor has none")
		return
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var k [taps]float32
		var s [2 * taps]float32
		for i := range s {
			k[i/2], s[i] = random.Float32()-0.5, 4*random.Float32()-2
		}
		l, r := dotGo(&k, &s)
		left, right := dotAVX(&k, &s)
		require.InDelta(t, l, left, 1e-5)
		require.InDelta(t, r, right, 1e-5)

		samples := make([]float32, 16*(1+random.IntN(8)))
		for i := range samples {
			samples[i] = 4*random.Float32() - 2
		}
		peak, power := measureGo(samples)
		gotPeak, gotPower := measureAVX(&samples[0], len(samples))
		require.Equal(t, peak, gotPeak)
		require.InEpsilon(t, power, gotPower, 1e-5)
		samples[random.IntN(len(samples))] = float32(math.NaN())
		peak, _ = measureGo(samples)
		gotPeak, _ = measureAVX(&samples[0], len(samples))
		require.Equal(t, peak, gotPeak)
	}
}
