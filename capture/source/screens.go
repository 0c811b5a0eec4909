package source

import (
	"context"
	"image"
	"time"

	"github.com/hindsight-app/hindsight/capture/source/x11"
)

// Screens is what of a display can be captured.
type Screens struct {
	// Display is its name, Size the size of the whole screen in pixels.
	Display  string
	Size     image.Point
	Monitors []x11.Monitor
	Windows  []x11.Window
}

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
	if s.Windows, err = d.Windows(); err != nil {
		return s, err
	}
	s.Monitors, err = d.Monitors()
	return s, err
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

// WatchScreens calls changed after monitors or windows were added, removed or moved, until the context ends. A display
// that goes away is looked for again.
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
