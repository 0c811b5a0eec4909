package encode

import (
	"image"

	"github.com/hindsight-app/hindsight/capture/media"
)

// fit draws a frame of another size than the stream's into a packed BGRx frame of the given size: as large as it goes
// with its shape kept, in the middle of black.
func (v *Video) fit(f media.Frame, width, height int) ([]byte, error) {
	if len(v.canvas) != width*height*4 {
		v.canvas, v.fitted = make([]byte, width*height*4), image.Rectangle{}
	}
	at := fitted(f.Width, f.Height, width, height)
	if at != v.fitted {
		clear(v.canvas)
		v.fitted = at
	}
	dst := v.canvas[(at.Min.Y*width+at.Min.X)*4:]
	if l := libyuv(); l != nil {
		return v.canvas, l.scale(f.Data, f.Stride, f.Width, f.Height, dst, width*4, at.Dx(), at.Dy())
	}
	for y := range at.Dy() {
		from, to := f.Data[y*f.Height/at.Dy()*f.Stride:], dst[y*width*4:]
		for x := range at.Dx() {
			copy(to[x*4:x*4+4], from[x*f.Width/at.Dx()*4:])
		}
	}
	return v.canvas, nil
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
