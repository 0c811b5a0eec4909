package source

import (
	"context"
	"errors"
	"image"
	"time"

	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source/x11"
)

// captureScreen opens the screen with the backend that fits the session.
func captureScreen(ctx context.Context, c Screen, r report) error {
	if way, _ := Backend(c.Backend, c.Display); way == Portal {
		return capturePortal(ctx, c, r)
	}
	return captureX11(ctx, c, r)
}

// captureX11 captures an X display.
func captureX11(ctx context.Context, c Screen, r report) error {
	d, err := x11.Open(c.Display)
	if err != nil {
		return err
	}
	defer d.Close()
	var held *x11.Held
	if c.Held != nil {
		held = &c.Held.x
	}
	return d.Capture(ctx, x11.Config{
		Target: c.Target, Held: held, Stay: c.Stay, HidePointer: c.HideCursor, FrameRate: c.FrameRate, Now: clock.Now,
		Frame: func(p x11.Frame, at time.Duration) {
			c.Frame(media.Frame{
				PTS: at, Width: p.Width, Height: p.Height, Stride: p.Width * 4, Data: p.Data, Serial: p.Serial, Bands: p.Bands,
				Release: p.Release,
			})
		},
		Same: func(width, height int, at time.Duration) bool {
			return c.Same != nil && c.Same(media.Frame{PTS: at, Width: width, Height: height, Same: true, Release: func() {}})
		},
		Up: func() { r.up(d.Name) }, Down: func(err error) {
			var a x11.AwayError
			if errors.As(err, &a) && a.Reason != "" {
				r.away(a.Reason, err)
				return
			}
			r.down(err)
		},
	})
}

// Held remembers the window that is captured, beyond one source. Its zero value has none yet.
type Held struct{ x x11.Held }

// ListScreens looks at an X display; an empty name is the environment's.
func ListScreens(display string) (Screens, error) {
	d, err := x11.Open(display)
	if err != nil {
		return Screens{}, err
	}
	defer d.Close()
	s := Screens{Display: d.Name}
	if s.Size, err = d.Size(); err != nil {
		return s, err
	}
	windows, err := d.Windows()
	if err != nil {
		return s, err
	}
	for _, w := range windows {
		s.Windows = append(s.Windows, Window{w.Class, w.Title})
	}
	monitors, err := d.Monitors()
	for _, m := range monitors {
		s.Monitors = append(s.Monitors, Monitor(m))
	}
	return s, err
}

// ErrNotPicked means that the user canceled the choice of a region.
var ErrNotPicked = x11.ErrNotPicked

// PickRegion lets the user drag a rectangle on an X display; an empty name is the environment's.
func PickRegion(ctx context.Context, display string) (image.Rectangle, error) {
	return x11.PickRegion(ctx, display)
}

// Preview takes one small frame of a target.
func Preview(display string, t Target, width, height int) (image.Image, error) {
	d, err := x11.Open(display)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Preview(t, width, height)
}

// Hidden is whether nothing of a window of an X display can be seen; where nobody knows, it can.
func Hidden(display string, window uint32) bool {
	d, err := x11.Open(display)
	if err != nil {
		return false
	}
	defer d.Close()
	hidden, err := d.Hidden(window)
	return hidden && err == nil
}

// WatchScreens calls changed after monitors or windows have come, gone or moved, until the context ends. A display that
// goes away is looked for again.
func WatchScreens(ctx context.Context, display string, changed func()) {
	for ctx.Err() == nil {
		if d, err := x11.Open(display); err == nil {
			d.Watch(ctx, changed)
			_ = d.Close()
		}
		wait(ctx, longPause)
	}
}
