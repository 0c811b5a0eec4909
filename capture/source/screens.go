package source

import (
	"context"
	"image"
	"time"
)

// Screens is what of a display can be captured.
type Screens struct {
	// Display is its name, Size the size of the whole screen in pixels.
	Display  string
	Size     image.Point
	Monitors []Monitor
	Windows  []Window
}

// Monitor is one monitor.
type Monitor struct {
	// Name is its output's, for example "HDMI-1".
	Name string
	// Area is where it lies on the screen, in pixels.
	Area    image.Rectangle
	Primary bool
}

// Preview takes one small frame of a target.
func Preview(display string, t x11.Target, width, height int) (image.Image, error) {
	d, err := x11.Open(display)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Preview(t, width, height)
}

// WatchScreens calls changed after monitors or windows were added, removed or moved, until the context ends. A display that
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

// wait waits unless the context ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
