package capture

import (
	"context"
	"fmt"
	"image"
	"sync"

	"github.com/hindsight-app/hindsight/capture/source"
)

// Target is what of the screen is captured; its zero value is all of it.
type Target = source.Target

// Monitor is one monitor.
type Monitor struct {
	// Name is its output's, for example "HDMI-1"; it is what Target.Monitor holds.
	Name string `json:"name"`
	// X, Y, Width and Height are where it lies on the screen, in pixels.
	X       int  `json:"x"`
	Y       int  `json:"y"`
	Width   int  `json:"width"`
	Height  int  `json:"height"`
	Primary bool `json:"primary"`
	// RefreshRate is in Hz, 0 where it is not known.
	RefreshRate float64 `json:"refresh_rate,omitempty"`
}

// Window is the window of a program.
type Window struct {
	// Class names the program, Title is what the window shows.
	Class string `json:"class"`
	Title string `json:"title"`
}

// ScreenList is what can be captured.
type ScreenList struct {
	// Display is the X display, Width and Height the size of the whole screen in pixels.
	Display string `json:"display"`
	Width   int    `json:"width"`
	Height  int    `json:"height"`
	// Monitors are those that are on, Windows the programs', the topmost first.
	Monitors []Monitor `json:"monitors"`
	Windows  []Window  `json:"windows"`
}

// ByPortal is whether the desktop's own dialog chooses what is captured, and why; backend is VideoConfig.Backend.
func ByPortal(backend Method) (yes bool, why string) {
	method, why := source.Backend(backend, "")
	return method == source.Portal, why
}

// Screens lists what of the display can be captured; backend is VideoConfig.Backend. The error is a message.
func Screens(backend Method) (ScreenList, error) {
	if yes, why := ByPortal(backend); yes {
		return ScreenList{Monitors: []Monitor{}, Windows: []Window{}}, fmt.Errorf(
			"what is captured is chosen in the desktop's own dialog, because %s; hindsightctl choose-screen asks again", why)
	}
	found, err := source.ListScreens("")
	list := ScreenList{Display: found.Display, Width: found.Size.X, Height: found.Size.Y, Monitors: []Monitor{},
		Windows: []Window{}}
	for _, m := range found.Monitors {
		list.Monitors = append(list.Monitors, Monitor{m.Name, m.Area.Min.X, m.Area.Min.Y, m.Area.Dx(), m.Area.Dy(),
			m.Primary, m.RefreshRate})
	}
	for _, w := range found.Windows {
		list.Windows = append(list.Windows, Window{w.Class, w.Title})
	}
	return list, err
}

// Preview takes one frame of a target, scaled down to fit into width and height in pixels. The error is a message.
func Preview(t Target, width, height int) (image.Image, error) {
	return source.Preview("", t, width, height)
}

// Hidden is whether nothing of a window of the X display can be seen, as it is minimized. Where nobody knows, it can.
func Hidden(window uint32) bool { return source.Hidden("", window) }

// ErrNotPicked means that the user canceled the choice of a region.
var ErrNotPicked = source.ErrNotPicked

// PickRegion lets the user drag a rectangle of the X display with the mouse; it is in pixels. The error is a message.
func PickRegion(ctx context.Context) (image.Rectangle, error) { return source.PickRegion(ctx, "") }

// Watch calls changed whenever Screens or Devices would return something else, until the context ends. It may be called
// from several goroutines at once.
func Watch(ctx context.Context, changed func()) {
	var wg sync.WaitGroup
	wg.Go(func() { source.WatchScreens(ctx, "", changed) })
	wg.Go(func() { source.WatchDevices(ctx, changed) })
	wg.Wait()
}
