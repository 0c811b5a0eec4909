package media

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Conversions are those of exact arithmetic, for times around zero, of any uptime and up to the ends of what fits.
func TestTicksAreExact(t *testing.T) {
	exact := func(n, mul, div int64) int64 { // n*mul/div to the nearest, halves away from zero
		num := new(big.Int).Mul(big.NewInt(2), new(big.Int).Mul(big.NewInt(n), big.NewInt(mul)))
		num.Add(num, big.NewInt(div*int64(big.NewInt(n).Sign())))
		return num.Quo(num, new(big.Int).Mul(big.NewInt(2), big.NewInt(div))).Int64()
	}
	const second = int64(time.Second)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []int64{1, 15, 30, 60, 600, 44100, 48000, 90000, 1_000_000, second} {
		times := []int64{0, 1, 499_999_999, 500_000_000, second, second / rate / 2, 400 * 24 * 3600 * second, math.MaxInt64}
		for range 1000 {
			times = append(times, rng.Int64N(math.MaxInt64>>rng.IntN(60)))
		}
		for _, d := range times {
			for _, d := range []int64{d, -d} {
				n := exact(d, rate, second)
				require.Equal(t, n, ToTicks(time.Duration(d), rate), "%v at %d Hz", time.Duration(d), rate)
				if math.Abs(float64(d)) > 9.2e18 {
					continue // a whole tick may not fit
				}
				require.Equal(t, exact(n, second, rate), int64(FromTicks(n, rate)), "%d ticks of %d Hz", n, rate)
				require.Equal(t, n, ToTicks(FromTicks(n, rate), rate), "%d ticks of %d Hz", n, rate)
			}
		}
	}
	require.Equal(t, time.Second, FromTicks(math.MaxUint32, math.MaxUint32))
	require.EqualValues(t, math.MaxUint32-1, ToTicks(time.Second, math.MaxUint32-1))
}

func TestPokesAreOneUntilTheyAreSeen(t *testing.T) {
	c := make(chan struct{}, 1)
	for range 2 {
		Poke(c)
		Poke(c)
		<-c
		require.Empty(t, c)
	}
}
