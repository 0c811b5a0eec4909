package x11

import (
	"image"
	"image/color"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Preview takes one frame of the target, scaled down to fit into the given width and height in pixels.
func (d *Display) Preview(t media.Target, width, height int) (image.Image, error) {
	v := viewer{d: d, target: t, held: &Held{}}
	defer v.forget()
	at, err := v.locate()
	if err != nil {
		return nil, err
	}
	size := at.area.Size()
	g := d.newGrabber(size.X, size.Y, at.form)
	defer g.close()
	p, err := g.grab(at.drawable, at.area.Min, newBands(size.Y), true)
	if err != nil {
		return nil, v.gone(err)
	}
	defer p.Release()
	return shrink(p, width, height), nil
}

// shrink averages blocks of pixels. A frame that fits stays as it is.
func shrink(p Frame, width, height int) *image.RGBA {
	w, h := p.Width, p.Height
	if w > width {
		w, h = width, max(p.Height*width/p.Width, 1)
	}
	if h > height {
		w, h = max(p.Width*height/p.Height, 1), height
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			out.SetRGBA(x, y, average(p, x*p.Width/w, (x+1)*p.Width/w, y*p.Height/h, (y+1)*p.Height/h))
		}
	}
	return out
}

// average is the mean colour of a block, of up to 4 by 4 of its pixels.
func average(p Frame, x0, x1, y0, y1 int) color.RGBA {
	var r, g, b, n int
	for y := y0; y < y1; y += max((y1-y0)/4, 1) {
		for x := x0; x < x1; x += max((x1-x0)/4, 1) {
			at := p.Data[(y*p.Width+x)*4:]
			b, g, r, n = b+int(at[0]), g+int(at[1]), r+int(at[2]), n+1
		}
	}
	n = max(n, 1)
	return color.RGBA{uint8(r / n), uint8(g / n), uint8(b / n), 255}
}
