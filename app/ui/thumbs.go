package ui

import (
	"context"
	"image"
	"time"

	"fyne.io/fyne/v2/lang"

	"github.com/hindsight-app/hindsight/capture/clip"
)

const (
	thumbWidth, thumbHeight = 144, 81
	thumbPixels             = 288 // sharp on screens of double density
	// mostThumbs are kept, some 190 kB each; mostWanted wait to be made, more than a window shows at once.
	mostThumbs, mostWanted = 64, 24
	thumbWait              = 20 * time.Second
)

// thumbs are small images of clips, made one after the other when they are first looked at, the latest wanted first.
// It belongs to the main goroutine.
type thumbs struct {
	u      *UI
	ready  func(path string)
	made   map[string]image.Image // nil while wanted, and for good where there is no image
	order  []string               // of those with an image, the oldest first
	wanted []string
	busy   bool
}

func newThumbs(u *UI, ready func(path string)) *thumbs {
	return &thumbs{u: u, ready: ready, made: map[string]image.Image{}}
}

// get returns a clip's image, or nil and calls ready later.
func (t *thumbs) get(path string) image.Image {
	img, known := t.made[path]
	if !known {
		t.made[path] = nil
		t.wanted = append(t.wanted, path)
		if len(t.wanted) > mostWanted {
			delete(t.made, t.wanted[0])
			t.wanted = t.wanted[1:]
		}
		t.next()
	}
	return img
}

func (t *thumbs) next() {
	if t.busy || len(t.wanted) == 0 {
		return
	}
	last := len(t.wanted) - 1
	path := t.wanted[last]
	t.wanted, t.busy = t.wanted[:last], true
	t.u.do(lang.L("Couldn't load thumbnail"), func() error {
		ctx, cancel := context.WithTimeout(t.u.ctx, thumbWait)
		defer cancel()
		img, err := clip.Thumbnail(ctx, path, thumbPixels)
		if t.u.ctx.Err() != nil {
			return nil
		}
		if err != nil {
			t.u.parts.Log.Warn("no thumbnail", "path", path, "error", err)
		}
		t.u.main(func() { t.keep(path, img, err) })
		return nil
	})
}

func (t *thumbs) keep(path string, img image.Image, err error) {
	t.busy = false
	if err == nil {
		t.made[path] = img
		t.order = append(t.order, path)
		if len(t.order) > mostThumbs {
			delete(t.made, t.order[0])
			t.order = t.order[1:]
		}
		t.ready(path)
	}
	t.next()
}
