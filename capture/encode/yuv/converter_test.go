package yuv

import (
	"bytes"
	"fmt"
	"image"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/media"
)

// noise is a frame of random pixels with padded rows.
func noise(r *rand.Rand, width, height int) media.Frame {
	f := media.Frame{Width: width, Height: height, Stride: width*4 + 12}
	f.Data = make([]byte, f.Stride*height)
	for i := range f.Data {
		f.Data[i] = byte(r.Uint32())
	}
	return f
}

// Only what has changed is converted, and what a surface shows is the whole frame: with several surfaces, where frames
// are left out, and where some do not say what changed.
func TestOnlyChangedBandsAreConverted(t *testing.T) {
	for _, format := range []engine.Format{engine.I420, engine.NV12} {
		const width, height, rows = 104, 150, (150 + media.BandRows - 1) / media.BandRows
		r := rand.New(rand.NewPCG(uint64(format), 3))
		c := New(image.Pt(width, height), image.Pt(width, height), format)
		f := noise(r, width, height)
		f.Bands = make([]uint64, rows)
		want := make([]byte, c.Size())
		var surfaces [3]struct {
			memory []byte
			serial uint64
		}
		converted, shown := 0, 0
		for n := range 400 {
			f.Serial = uint64(100 + n)
			for range r.IntN(3) {
				band := r.IntN(rows)
				f.Bands[band] = f.Serial
				at := band * media.BandRows * f.Stride
				for i := range f.Data[at:min(at+media.BandRows*f.Stride, len(f.Data))] {
					f.Data[at+i] = byte(r.Uint32())
				}
			}
			if r.IntN(4) == 0 {
				continue // left out
			}
			one := f
			if r.IntN(20) == 0 {
				one.Serial, one.Bands = 0, nil
			}
			s := &surfaces[r.IntN(len(surfaces))]
			if s.memory == nil {
				s.memory = make([]byte, c.Size())
			}
			require.NoError(t, c.Convert(one, s.serial, s.memory))
			s.serial = one.Serial
			shown++
			for _, r := range c.stale {
				converted += r.To - r.From
			}
			require.NoError(t, c.Convert(f, 0, want))
			require.True(t, bytes.Equal(want, s.memory), n)
		}
		require.Less(t, converted, shown*height*2/3)
		require.Greater(t, shown, 200)
	}
}

// Plain Go makes the same of a frame as the kernels, to the bit.
func TestSlowConversionIsTheSame(t *testing.T) {
	require.True(t, hasKernels, "this processor has no AVX2")
	for _, m := range []*matrix{bt709, bt601} {
		for _, nv12 := range []bool{false, true} {
			for _, w := range []int{32, 34, 98, 130} {
				t.Run(fmt.Sprint(m.coefficients, nv12, w), func(t *testing.T) {
					const h = 20
					f := noise(rand.New(rand.NewPCG(uint64(w), 2)), w, h)
					g := layout(w, h, nv12)
					quick, slow := make([]byte, g.size), make([]byte, g.size)
					for _, rows := range []media.Rows{{From: 0, To: 4}, {From: 4, To: h}} {
						m.convert(f.Data, f.Stride, g, rows, quick)
						m.convertSlowly(f.Data, f.Stride, g, rows, slow)
					}
					require.Equal(t, quick, slow)
				})
			}
		}
	}
}

// Every size works without kernels and without libyuv, down to two pixels.
func TestSmallFrames(t *testing.T) {
	for _, in := range []image.Point{{1, 1}, {2, 2}, {3, 5}, {30, 2}, {31, 33}} {
		out := image.Pt(max(in.X&^1, 2), max(in.Y&^1, 2))
		c := New(in, out, engine.I420)
		f := media.Frame{Width: in.X, Height: in.Y, Stride: in.X * 4, Data: bytes.Repeat([]byte{255}, in.X*in.Y*4)}
		dst := make([]byte, c.Size())
		require.NoError(t, c.Convert(f, 0, dst))
		require.EqualValues(t, 235, dst[0], "white at %v", in)
		f.Data = f.Data[1:]
		require.Error(t, c.Convert(f, 0, dst))
		f.Width = 0
		require.Error(t, c.Convert(f, 0, dst))
	}
}

// Scaling without libyuv keeps every pixel's share: halves are means of squares, and flat stays flat at any size.
func TestSlowScaling(t *testing.T) {
	f := noise(rand.New(rand.NewPCG(1, 4)), 8, 6)
	half := make([]byte, 4*3*4)
	scaleSlowly(f.Data, f.Stride, 8, 6, half, 16, 4, 3)
	for y := range 3 {
		for x := range 4 {
			for k := range 3 {
				at := y*2*f.Stride + x*8 + k
				sum := int(f.Data[at]) + int(f.Data[at+4]) + int(f.Data[at+f.Stride]) + int(f.Data[at+f.Stride+4])
				require.EqualValues(t, (sum+2)/4, half[y*16+x*4+k])
			}
		}
	}
	for _, size := range []image.Point{{1, 1}, {3, 7}, {5, 4}, {16, 12}, {19, 5}} {
		src := bytes.Repeat([]byte{10, 20, 30, 0}, 8*6)
		dst := make([]byte, size.X*size.Y*4)
		scaleSlowly(src, 32, 8, 6, dst, size.X*4, size.X, size.Y)
		require.Equal(t, bytes.Repeat([]byte{10, 20, 30, 0}, size.X*size.Y), dst)
	}
}
