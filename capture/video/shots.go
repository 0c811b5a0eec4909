package video

import (
	"context"
	"image"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// freshWait is how long a screenshot waits for the next frame of the screen. A screen on which nothing moves may send
// none even when it is asked to; then the newest frame of the replay is as good.
const freshWait = 300 * time.Millisecond

// shots hands a copy of the next frame to those who wait for one. It costs nothing while nobody does.
type shots struct {
	waiting atomic.Pointer[chan image.Image]
}

// take copies a frame for the one that waits.
func (s *shots) take(f media.Frame) {
	c := s.waiting.Load()
	if c == nil || f.Same || !s.waiting.CompareAndSwap(c, nil) {
		return
	}
	*c <- copyFrame(f) // its buffer holds one
}

// next calls ask and returns the next frame, nil when none comes in time.
func (s *shots) next(ctx context.Context, wait time.Duration, ask func()) image.Image {
	c := make(chan image.Image, 1)
	s.waiting.Store(&c) // an earlier one gets none and looks into the replay
	ask()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case img := <-c:
		return img
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// copyFrame turns BGRx into RGBA.
func copyFrame(f media.Frame) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	for y := range f.Height {
		from, to := f.Data[y*f.Stride:][:4*f.Width], img.Pix[y*img.Stride:][:4*f.Width]
		for x := 0; x < len(to); x += 4 {
			to[x], to[x+1], to[x+2], to[x+3] = from[x+2], from[x+1], from[x], 255
		}
	}
	return img
}
