package yuv

import (
	"math"

	"github.com/hindsight-app/hindsight/capture/media"
)

// A matrix turns a screen's RGB into YUV of limited range, in the form that the kernels read: each plane is
// ((parts[0]*B + parts[1]*G)*weights[0] + parts[2]*R*weights[1] + bias) >> 22, bytes times bytes, then words times
// words.
type matrix struct {
	y, u, v           plane
	biasY, biasChroma int32
	// coefficients is its number (ITU-T H.264, table E-5, matrix_coefficients).
	coefficients int
}

type plane struct {
	parts   [4]int8
	weights [2]int16
}

// The matrices by their share of red and blue in luma (ITU-R BT.709, 3.2; BT.601, 2.5.1).
var (
	bt709 = newMatrix(0.2126, 0.0722, 1)
	bt601 = newMatrix(0.299, 0.114, 6)
)

func newMatrix(red, blue float64, coefficients int) *matrix {
	const luma, chroma = 219.0 / 255, 224.0 / 255 // limited range (ITU-T H.264, E.2.1)
	green, toU, toV := 1-red-blue, chroma/2/(1-blue), chroma/2/(1-red)
	return &matrix{
		y:     newPlane(blue*luma, green*luma, red*luma),
		u:     newPlane(chroma/2, -green*toU, -red*toU),
		v:     newPlane(-blue*toV, -green*toV, chroma/2),
		biasY: 16<<22 + 1<<21, biasChroma: 128<<22 + 1<<21, coefficients: coefficients,
	}
}

// newPlane finds the whole numbers for three factors: of all parts for green, those that let blue's be nearest to a
// whole number. The two products must fit a signed word together, and so must the weights; red's takes up what is left,
// so that grey is exact.
func newPlane(blue, green, red float64) plane {
	best, least := plane{}, math.Inf(1)
	for n := 1; n <= 127; n++ {
		g := math.Copysign(float64(n), green)
		exact := g * blue / green
		b := math.Round(exact)
		w := math.Round((blue + green) / (b + g) * (1 << 22))
		if math.Abs(b) > 127 || math.Abs(b+g) > 128 || w > math.MaxInt16 {
			continue
		}
		if off := math.Abs(b/exact - 1); off < least {
			r := math.Copysign(127, red)
			rest := math.Round(((blue+green+red)*(1<<22) - w*(b+g)) / r)
			best, least = plane{[4]int8{int8(b), int8(g), int8(r)}, [2]int16{int16(w), int16(rest)}}, off
		}
	}
	return best
}

// matrixFor is the matrix that players take for a frame of this size where they do not look at the signal: BT.709 for
// HD and larger. Without kernels it is libyuv's only one.
func matrixFor(width, height int) *matrix {
	if hasKernels && (width >= 1280 || height > 576) {
		return bt709
	}
	return bt601
}

// block is how many pixels the kernels take at least.
const block = 32

// convert writes rows of the BGRx frame into dst as 4:2:0. The frame is even in both directions and at least block
// wide, and the rows come in pairs; a width that is no multiple of block has its last pixels converted twice.
func (m *matrix) convert(src []byte, stride int, g geometry, rows media.Rows, dst []byte) {
	whole := g.width &^ (block - 1)
	runs := [2][2]int{{0, whole}, {g.width - block, block}}
	n := 2
	if whole == g.width {
		n = 1
	}
	for y := rows.From; y < rows.To; y += 2 {
		for _, r := range runs[:n] {
			x := r[0]
			row := src[y*stride+x*4:]
			lumaRow(&dst[y*g.strideY+x], &row[0], r[1], m)
			lumaRow(&dst[(y+1)*g.strideY+x], &row[stride], r[1], m)
			c := y / 2 * g.strideC
			if g.nv12 {
				chromaPairs(&dst[g.offsetU+c+x], &row[0], stride, r[1], m)
			} else {
				chromaRows(&dst[g.offsetU+c+x/2], &dst[g.offsetV+c+x/2], &row[0], stride, r[1], m)
			}
		}
	}
}
