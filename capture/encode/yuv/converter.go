// Package yuv turns a screen's frames into 4:2:0 for an encoder: by AVX2 kernels, by libyuv where the processor has
// none, and by Go's own code, some times as slowly, where neither is there. Of frames that say what has changed, only
// that part is converted. The package has no goroutines; libyuv is loaded when it is first needed, and stays.
package yuv

import (
	"errors"
	"image"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/media"
)

// Converter makes 4:2:0 frames of one size. It belongs to one goroutine.
type Converter struct {
	// in is the size of frames that fill a frame that is made; others are fitted in, with their shape kept.
	in     image.Point
	out    geometry
	matrix *matrix

	// canvas is a BGRx frame of the size that is made; fitted is where a frame of another shape lies in there.
	canvas []byte
	fitted image.Rectangle
	stale  []media.Rows // of the last frame: what was converted
}

var errShort = errors.New("the frame's memory is smaller than its size says")

// New makes a converter of frames of the size in to the size out, which is even in both directions.
func New(in, out image.Point, format engine.Format) *Converter {
	return &Converter{in: in, out: layout(out.X, out.Y, format == engine.NV12), matrix: matrixFor(out.X, out.Y)}
}

// Size is the size of a converted frame in bytes.
func (c *Converter) Size() int { return c.out.size }

// Matrix is the matrix_coefficients of what is made: 1 is BT.709, 6 BT.601 (ITU-T H.264, table E-5).
func (c *Converter) Matrix() int { return c.matrix.coefficients }

// Fits says whether frames of this size fill a frame that is made.
func (c *Converter) Fits(width, height int) bool { return image.Pt(width, height) == c.in }

// Convert has dst show a BGRx frame. held is the serial number of the frame that dst shows, 0 where that is not known:
// then, and where frames are scaled or fitted in, all of it is converted.
func (c *Converter) Convert(f media.Frame, held uint64, dst []byte) error {
	if f.Width < 1 || f.Height < 1 || len(f.Data) < f.Stride*(f.Height-1)+f.Width*4 || len(dst) < c.out.size {
		return errShort
	}
	width, height := c.out.width, c.out.height
	even := image.Pt(c.in.X&^1, c.in.Y&^1)
	if !c.Fits(f.Width, f.Height) || even != image.Pt(width, height) {
		if err := c.fit(f); err != nil {
			return err
		}
		return c.rows(c.canvas, width*4, media.Rows{To: height}, dst)
	}
	c.stale = media.AppendRows(c.stale[:0], height, 0, func(band int) bool {
		return held == 0 || band >= len(f.Bands) || f.Bands[band] > held
	})
	for _, rows := range c.stale {
		if err := c.rows(f.Data, f.Stride, rows, dst); err != nil {
			return err
		}
	}
	return nil
}

// rows converts rows of a BGRx frame of the size that is made.
func (c *Converter) rows(src []byte, stride int, rows media.Rows, dst []byte) error {
	switch l := libyuv(); {
	case hasKernels && c.out.width >= block:
		c.matrix.convert(src, stride, c.out, rows, dst)
	case l != nil && c.matrix == bt601: // its only one
		return l.convert(src, stride, c.out, rows, dst)
	default:
		c.matrix.convertSlowly(src, stride, c.out, rows, dst)
	}
	return nil
}
