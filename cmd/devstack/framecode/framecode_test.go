package framecode

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// draw is the luma of a frame with a number, of any brightness, blurred and noisy as an encoder leaves it.
func draw(n, width, black, white, noise int) []byte {
	luma := make([]byte, width*(Height+10))
	for i := range luma {
		luma[i] = byte(black)
	}
	for _, r := range White(n) {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				luma[y*width+x] = byte(white)
			}
		}
	}
	blurred := make([]byte, len(luma))
	random := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range luma {
		sum := 0
		for d := -3; d <= 3; d++ {
			sum += int(luma[min(max(i+d, 0), len(luma)-1)])
		}
		blurred[i] = byte(sum/7 + random.IntN(noise+1))
	}
	return blurred
}

func TestNumbersAreReadBack(t *testing.T) {
	for _, n := range []int{0, 1, 2, 255, 256, 65535, 0x555555, 0xaaaaaa, Numbers - 1} {
		for _, width := range []int{Width, 1280, 1920, 3840} {
			got, ok := Read(draw(n, width, 16, 235, 20), width)
			require.True(t, ok)
			require.Equal(t, n, got)
		}
		got, ok := Read(draw(n, 640, 90, 170, 40), 640)
		require.True(t, ok, "a dull frame")
		require.Equal(t, n, got)
	}
}

func TestWhatIsNoNumberIsRefused(t *testing.T) {
	for _, gray := range []byte{0, 16, 128, 255} {
		flat := make([]byte, 1920*Height)
		for i := range flat {
			flat[i] = gray
		}
		_, ok := Read(flat, 1920)
		require.False(t, ok, "%d all over", gray)
	}
	_, ok := Read(draw(7, 1920, 16, 235, 0)[:1920], 1920)
	require.False(t, ok, "one row")
	damaged := draw(77, Width, 16, 235, 0)
	for block := range columns * rows {
		luma := append([]byte{}, damaged...)
		for y := block / columns * Block; y < (block/columns+1)*Block; y++ {
			for x := block % columns * Block; x < (block%columns+1)*Block; x++ {
				luma[y*Width+x] = 255 - luma[y*Width+x]
			}
		}
		_, ok := Read(luma, Width)
		require.False(t, ok, "block %d is another", block)
	}
}
