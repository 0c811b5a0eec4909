package media

import (
	"fmt"
	"image"
)

// Target is what is captured: the first that is set of Monitor, window (Class and Title) and Area; else the whole
// screen.
type Target struct {
	// Monitor is the name of a monitor.
	Monitor string
	// Class and Title choose a window: the topmost with both, else the topmost with the class. Empty ones fit all.
	Class, Title string
	// Area is a rectangle of the screen in pixels.
	Area image.Rectangle
}

// String is what people call it.
func (t Target) String() string {
	switch {
	case t.Monitor != "":
		return "the monitor " + t.Monitor
	case t.Title != "":
		return fmt.Sprintf("the window %q", t.Title)
	case t.Class != "":
		return "the window of " + t.Class
	case !t.Area.Empty():
		return fmt.Sprintf("the rectangle %dx%d at %d,%d", t.Area.Dx(), t.Area.Dy(), t.Area.Min.X, t.Area.Min.Y)
	}
	return "the screen"
}

// IsWindow tells whether it is a window.
func (t Target) IsWindow() bool { return t.Monitor == "" && (t.Class != "" || t.Title != "") }
