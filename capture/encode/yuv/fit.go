package yuv

import (
	"image"

	"github.com/hindsight-app/hindsight/capture/media"
)

// fit draws a frame of another size onto the canvas. One that fills it by its size takes all of it, in spite of what
// rounding does to its shape; others are as large as they go with their shape kept, in the middle of black.
func (c *Converter) fit(f media.Frame) error {
	width, height := c.out.width, c.out.height
	if len(c.canvas) != width*height*4 {
		c.canvas, c.fitted = make([]byte, width*height*4), image.Rectangle{}
	}
	at := image.Rect(0, 0, width, height)
	if !c.Fits(f.Width, f.Height) {
		at = fitted(f.Width, f.Height, width, height)
	}
	if at != c.fitted {
		clear(c.canvas)
		c.fitted = at
	}
	dst := c.canvas[(at.Min.Y*width+at.Min.X)*4:]
	if l := libyuv(); l != nil {
		return l.scale(f.Data, f.Stride, f.Width, f.Height, dst, width*4, at.Dx(), at.Dy())
	}
	scaleSlowly(f.Data, f.Stride, f.Width, f.Height, dst, width*4, at.Dx(), at.Dy())
	return nil
}

// fitted is where a frame lies in another one, as large as it goes with its shape kept, at an even place.
func fitted(width, height, inWidth, inHeight int) image.Rectangle {
	w, h := inWidth, inHeight
	if width*inHeight > height*inWidth {
		h = max(height*inWidth/width, 1)
	} else {
		w = max(width*inHeight/height, 1)
	}
	at := image.Pt((inWidth-w)/2&^1, (inHeight-h)/2&^1)
	return image.Rectangle{Min: at, Max: at.Add(image.Pt(w, h))}
}
