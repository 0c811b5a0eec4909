package yuv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

// exact is the conversion as the recommendations write it: one square of 2x2 pixels at (x, y).
func exact(red, blue float64, at func(dx, dy int) (r, g, b float64)) (luma [4]float64, u, v float64) {
	green := 1 - red - blue
	for i := range 4 {
		r, g, b := at(i%2, i/2)
		y := red*r + green*g + blue*b
		luma[i] = 16 + 219*y
		u += (b - y) / (2 * (1 - blue)) / 4
		v += (r - y) / (2 * (1 - red)) / 4
	}
	return luma, 128 + 224*u, 128 + 224*v
}

// Every sample lies within rounding of the exact value, for random frames of any even width and both layouts. Chroma
// is of rounded means of bytes, first over rows, then over columns.
func TestKernelsAreExact(t *testing.T) {
	require.True(t, hasKernels, "this processor has no AVX2")
	for name, m := range map[string]struct {
		m         *matrix
		red, blue float64
	}{"709": {bt709, 0.2126, 0.0722}, "601": {bt601, 0.299, 0.114}} {
		for _, nv12 := range []bool{false, true} {
			for _, w := range []int{32, 34, 64, 98, 126, 160} {
				t.Run(fmt.Sprint(name, nv12, w), func(t *testing.T) {
					const h = 6
					r := rand.New(rand.NewPCG(uint64(w), 1))
					stride := w*4 + 12
					src := make([]byte, stride*(h-1)+w*4)
					for i := range src {
						src[i] = byte(r.Uint32() >> 9 * (r.Uint32() & 1)) // many zeros
						if r.Uint32()&3 == 0 {
							src[i] = 255
						}
					}
					g := layout(w, h, nv12)
					dst := make([]byte, g.size)
					m.m.convert(src, stride, g, media.Rows{To: g.height}, dst)
					for y := 0; y < h; y += 2 {
						for x := 0; x < w; x += 2 {
							luma, u, v := exact(m.red, m.blue, func(dx, dy int) (r, gr, b float64) {
								p := src[(y+dy)*stride+(x+dx)*4:]
								return float64(p[2]) / 255, float64(p[1]) / 255, float64(p[0]) / 255
							})
							for i, want := range luma {
								require.InDelta(t, want, dst[(y+i/2)*g.strideY+x+i%2], 0.52, "luma at %d, %d", x+i%2, y+i/2)
							}
							c := g.offsetU + y/2*g.strideC
							gotU, gotV := dst[c+x/2], byte(0)
							if nv12 {
								gotU, gotV = dst[c+x], dst[c+x+1]
							} else {
								gotV = dst[g.offsetV+y/2*g.strideC+x/2]
							}
							require.InDelta(t, u, gotU, 1, "u at %d, %d", x, y)
							require.InDelta(t, v, gotV, 1, "v at %d, %d", x, y)
						}
					}
				})
			}
		}
	}
}

// Grey stays grey, and black and white reach the ends of the range.
func TestGreyHasNoColour(t *testing.T) {
	for _, m := range []*matrix{bt709, bt601} {
		for grey := range 256 {
			src := make([]byte, 32*2*4)
			for i := range src {
				src[i] = byte(grey)
			}
			g := layout(32, 2, false)
			dst := make([]byte, g.size)
			m.convert(src, 32*4, g, media.Rows{To: g.height}, dst)
			require.EqualValues(t, 16+math.Round(float64(grey)*219/255), dst[0])
			require.EqualValues(t, 128, dst[g.offsetU])
			require.EqualValues(t, 128, dst[g.offsetV])
		}
	}
}

// A flat colour is exact to rounding in all three planes.
func TestFlatColoursAreExact(t *testing.T) {
	for _, m := range []struct {
		m         *matrix
		red, blue float64
	}{{bt709, 0.2126, 0.0722}, {bt601, 0.299, 0.114}} {
		for c := 0; c < 1<<24; c += 5 * 257 * 3 {
			bgr := [3]byte{byte(c), byte(c >> 8), byte(c >> 16)}
			src := make([]byte, 32*2*4)
			for i := 0; i < len(src); i += 4 {
				copy(src[i:], bgr[:])
			}
			g := layout(32, 2, false)
			dst := make([]byte, g.size)
			m.m.convert(src, 32*4, g, media.Rows{To: g.height}, dst)
			luma, u, v := exact(m.red, m.blue, func(int, int) (r, g, b float64) {
				return float64(bgr[2]) / 255, float64(bgr[1]) / 255, float64(bgr[0]) / 255
			})
			require.InDelta(t, luma[0], dst[0], 0.51)
			require.InDelta(t, u, dst[g.offsetU], 0.52)
			require.InDelta(t, v, dst[g.offsetV], 0.52)
		}
	}
}

// The cost of one 1080p frame, next to libyuv's conversion to BT.601.
func BenchmarkConvert(b *testing.B) {
	const w, h = 1920, 1080
	src := make([]byte, w*h*4)
	for i := range src {
		src[i] = byte(i * 7919 >> 5)
	}
	for _, nv12 := range []bool{false, true} {
		g := layout(w, h, nv12)
		dst := make([]byte, g.size)
		b.Run(fmt.Sprintf("kernels nv12=%t", nv12), func(b *testing.B) {
			for b.Loop() {
				bt709.convert(src, w*4, g, media.Rows{To: g.height}, dst)
			}
		})
		b.Run(fmt.Sprintf("libyuv nv12=%t", nv12), func(b *testing.B) {
			for b.Loop() {
				if err := libyuv().convert(src, w*4, g, media.Rows{To: g.height}, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
