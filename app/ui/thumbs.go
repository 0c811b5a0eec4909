package ui

import (
	"context"
	"image"
	"time"

	"fyne.io/fyne/v2/lang"

	"github.com/hindsight-app/hindsight/capture/clip"
)

const (
	thumbWidth, thumbHeight = 144, 81 // of a single one
	// thumbPixels is the width of images where the window says nothing else, sharp on screens of double density.
	thumbPixels = 288
	// thumbBytes is what all images of a list take together; mostWanted wait to be made, about what a window shows at
	// once.
	thumbBytes, mostWanted = 32 << 20, 64
	thumbWait              = 20 * time.Second
	// mostThumbPixels is the widest image, for a tile of double density.
	mostThumbPixels = 480
)

// thumbs are small images of clips, made one after the other when they are first looked at, the latest wanted first.
// It belongs to the main goroutine.
type thumbs struct {
	u      *UI
	width  int // of new images, in pixels
	ready  func(path string)
	made   map[string]image.Image // nil while wanted, and for good where there is no image
	order  []string               // of those with an image, the oldest first
	bytes  int                    // of all images
	wanted []string
	busy   bool
}

func newThumbs(u *UI, ready func(path string)) *thumbs {
	return &thumbs{u: u, width: thumbPixels, ready: ready, made: map[string]image.Image{}}
}

// get returns a clip's image, or nil and calls ready later.
func (t *thumbs) get(path string) image.Image {
	img, known := t.made[path]
	if !known && path != "" {
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

// forget has a clip's image made again when it is looked at.
func (t *thumbs) forget(path string) {
	if img, known := t.made[path]; known && img == nil {
		for _, w := range t.wanted {
			if w == path {
				return
			}
		}
		delete(t.made, path)
	}
}

// resize makes all images again, for a window of another density.
func (t *thumbs) resize(width int) {
	if width > t.width {
		t.clear()
	}
	t.width = max(t.width, width)
}

// clear frees all images.
func (t *thumbs) clear() { t.made, t.order, t.wanted, t.bytes = map[string]image.Image{}, nil, nil, 0 }

func (t *thumbs) next() {
	if t.busy || len(t.wanted) == 0 {
		return
	}
	last := len(t.wanted) - 1
	path, width := t.wanted[last], t.width
	t.wanted, t.busy = t.wanted[:last], true
	t.u.do(lang.L("Couldn't load thumbnail"), func() error {
		ctx, cancel := context.WithTimeout(t.u.ctx, thumbWait)
		defer cancel()
		img, err := clip.Cover(ctx, path, width)
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
		if t.made[path] == nil {
			t.order = append(t.order, path)
			t.bytes += bytesOf(img)
		}
		t.made[path] = img
		for t.bytes > thumbBytes && len(t.order) > 1 {
			t.bytes -= bytesOf(t.made[t.order[0]])
			delete(t.made, t.order[0])
			t.order = t.order[1:]
		}
		t.ready(path)
	}
	t.next()
}

// bytesOf is what an image takes in memory.
func bytesOf(img image.Image) int { return img.Bounds().Dx() * img.Bounds().Dy() * 4 }

const (
	// scrubFrames are decoded of the clip under the pointer, mostScrubbed clips keep theirs.
	scrubFrames, mostScrubbed = 16, 6
)

// scrub has the frames that a clip shows while the pointer moves over it. It decodes one clip at a time, and of those
// the pointer passed in the meantime only the last. It belongs to the main goroutine.
type scrub struct {
	u      *UI
	ready  func(path string)
	frames map[string][]image.Image // empty for what cannot be decoded
	order  []string
	wanted string
	busy   bool
}

func newScrub(u *UI, ready func(path string)) *scrub {
	return &scrub{u: u, ready: ready, frames: map[string][]image.Image{}}
}

// at is the frame at a part of the playing time, 0 to 1; nil while there is none.
func (s *scrub) at(path string, part float32) image.Image {
	frames, known := s.frames[path]
	if !known {
		s.wanted = path
		s.next()
	}
	if len(frames) == 0 {
		return nil
	}
	return frames[min(max(int(part*float32(len(frames))), 0), len(frames)-1)]
}

// leave wants nothing anymore.
func (s *scrub) leave() { s.wanted = "" }

func (s *scrub) next() {
	if s.busy || s.wanted == "" {
		return
	}
	path, width := s.wanted, s.u.clips.thumbs.width
	s.wanted, s.busy = "", true
	s.u.do(lang.L("Couldn't load thumbnail"), func() error {
		ctx, cancel := context.WithTimeout(s.u.ctx, thumbWait)
		defer cancel()
		frames, err := clip.Keyframes(ctx, path, scrubFrames, width)
		if err != nil && ctx.Err() == nil {
			s.u.parts.Log.Debug("a clip can't be looked through", "path", path, "error", err)
		}
		s.u.main(func() { s.keep(path, frames) })
		return nil
	})
}

func (s *scrub) keep(path string, frames []image.Image) {
	s.busy = false
	s.frames[path] = frames
	s.order = append(s.order, path)
	if len(s.order) > mostScrubbed {
		delete(s.frames, s.order[0])
		s.order = s.order[1:]
	}
	s.ready(path)
	s.next()
}

// clear frees the frames, for a window that nobody looks at.
func (s *scrub) clear() { s.frames, s.order, s.wanted = map[string][]image.Image{}, nil, "" }
