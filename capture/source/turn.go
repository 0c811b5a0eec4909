package source

import (
	"strings"
	"sync"

	"github.com/hindsight-app/hindsight/capture/media"
)

// turned holds the memory of turned frames for the next ones.
var turned sync.Pool

// upright turns a frame as an orientation of GStreamer's says (gst/gsttaglist.h, GST_TAG_IMAGE_ORIENTATION): mirrored
// from left to right first for "flip-rotate-…", then turned clockwise by the degrees. One that is upright is returned
// as it is; else f is released.
func upright(f media.Frame, orientation string) media.Frame {
	angle, mirror := strings.CutPrefix(orientation, "flip-")
	w, h, across, down := f.Width, f.Height, 4, f.Stride // steps in the source for one to the right or down in the frame
	first := 0
	switch angle {
	case "rotate-90":
		first, across, down = (h-1)*f.Stride, -f.Stride, 4
	case "rotate-180":
		first, across, down = (h-1)*f.Stride+(w-1)*4, -4, -f.Stride
	case "rotate-270":
		first, across, down = (w-1)*4, f.Stride, -4
	default:
		if !mirror {
			return f
		}
	}
	if mirror { // the source's columns are counted from the other side
		for _, step := range []*int{&across, &down} {
			if *step == 4 || *step == -4 {
				first += (w - 1) * *step
				*step = -*step
			}
		}
	}
	if angle == "rotate-90" || angle == "rotate-270" {
		w, h = h, w
	}
	dst := memory(w * h * 4)
	copyTurned(dst, f.Data, w, h, first, across, down)
	if f.Release != nil {
		f.Release()
	}
	f.Width, f.Height, f.Stride, f.Data = w, h, w*4, dst
	f.Release = sync.OnceFunc(func() { turned.Put(&dst) })
	return f
}

func memory(size int) []byte {
	if b, _ := turned.Get().(*[]byte); b != nil && cap(*b) >= size {
		return (*b)[:size]
	}
	return make([]byte, size)
}

// copyTurned goes by squares, since columns of the source would each take a line of the processor's cache.
func copyTurned(dst, src []byte, w, h, first, across, down int) {
	const side = 32
	for top := 0; top < h; top += side {
		for left := 0; left < w; left += side {
			right, bottom := min(left+side, w), min(top+side, h)
			for y := top; y < bottom; y++ {
				from := first + y*down + left*across
				for to := (y*w + left) * 4; to < (y*w+right)*4; to += 4 {
					*(*[4]byte)(dst[to:]) = *(*[4]byte)(src[from:])
					from += across
				}
			}
		}
	}
}
