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
	// RefreshRate is in Hz, 0 where it is not known.
	RefreshRate float64
}

// Window is the window of a program: Class names the program, the same at each of its starts; Title is what it shows.
type Window struct{ Class, Title string }

// wait waits unless the context ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
