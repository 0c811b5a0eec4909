package encode

import (
	"image"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

// A frame of another size goes into the stream as it is, between black bars; the next of the stream's size fills it.
func TestFramesOfAnotherSizeAreFittedIn(t *testing.T) {
	for _, out := range []int{0, 120} {
		var got collector
		v := open(t, VideoConfig{Width: 320, Height: 240, OutHeight: out, FrameRate: 30, Preset: Performance,
			Encoder: "x264enc"}, &got)
		white := [3]byte{255, 255, 255}
		luma := func(x, y int) (value byte) {
			look := v.last.buffer.Again()
			defer look.Release()
			require.NoError(t, look.Fill(func(in []byte) error { value = in[y*v.width+x]; return nil }))
			return value
		}
		for n, f := range []media.Frame{
			testFrame(320, 240, white), testFrame(100, 200, white), testFrame(320, 240, white), testFrame(640, 100, white),
		} {
			require.NoError(t, v.Encode(f, time.Duration(n)*time.Second/30))
			waitFor(t, &got, n+1)
			require.Greater(t, luma(v.width/2, v.height/2), byte(200), n)
			if left := luma(1, v.height/2); f.Width < f.Height {
				require.Less(t, left, byte(30), n)
			} else {
				require.Greater(t, left, byte(200), n)
			}
			if top := luma(v.width/2, 1); f.Width > 2*f.Height {
				require.Less(t, top, byte(30), n)
			} else {
				require.Greater(t, top, byte(200), n)
			}
		}
	}
}
