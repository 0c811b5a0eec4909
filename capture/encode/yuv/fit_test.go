package yuv

import (
	"bytes"
	"image"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/media"
)

func TestAFrameIsFittedWithItsShapeKept(t *testing.T) {
	for _, c := range []struct {
		w, h, inW, inH int
		want           image.Rectangle
	}{
		{640, 480, 320, 240, image.Rect(0, 0, 320, 240)},
		{100, 100, 320, 240, image.Rect(40, 0, 280, 240)},
		{400, 100, 320, 240, image.Rect(0, 80, 320, 160)},
		{4000, 16, 320, 240, image.Rect(0, 118, 320, 119)},
	} {
		require.Equal(t, c.want, fitted(c.w, c.h, c.inW, c.inH), "%+v", c)
	}
}

// A frame of another size lies between black bars; the next one that fits fills everything again.
func TestFramesOfAnotherSizeAreFittedIn(t *testing.T) {
	for _, out := range []image.Point{{320, 240}, {160, 120}} {
		c := New(image.Pt(320, 240), out, engine.I420)
		dst := make([]byte, c.Size())
		for n, size := range []image.Point{{320, 240}, {100, 200}, {320, 240}, {640, 100}} {
			f := media.Frame{Width: size.X, Height: size.Y, Stride: size.X * 4,
				Data: bytes.Repeat([]byte{255}, size.X*size.Y*4)}
			require.NoError(t, c.Convert(f, 0, dst))
			luma := func(x, y int) byte { return dst[y*out.X+x] }
			bars := map[bool]byte{true: 16, false: 235}
			require.InDelta(t, 235, luma(out.X/2, out.Y/2), 3, n)
			require.InDelta(t, bars[size == image.Pt(100, 200)], luma(1, out.Y/2), 3, n)
			require.InDelta(t, bars[size == image.Pt(640, 100)], luma(out.X/2, 1), 3, n)
		}
	}
}
