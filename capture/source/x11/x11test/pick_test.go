package x11test

import (
	"image"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/source/x11"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// A region is dragged with a real mouse, in any direction, with a frame around it; Escape and other buttons cancel.
// Mouse and keyboard belong to others again afterwards.
func TestARegionIsDraggedWithTheMouse(t *testing.T) {
	d := desktop(t, stack.DesktopOptions{Width: 800, Height: 600, WindowManager: true})
	type result struct {
		area image.Rectangle
		err  error
	}
	pick := func(act func()) result {
		t.Helper()
		done := make(chan result, 1)
		go func() {
			area, err := x11.PickRegion(t.Context(), d.Display)
			done <- result{area, err}
		}()
		var r result
		require.Eventually(t, func() bool {
			act() // until the mouse has been taken, nothing happens
			select {
			case r = <-done:
				return true
			default:
				return false
			}
		}, 20*time.Second, 50*time.Millisecond)
		return r
	}
	drag := func(button, x0, y0, x1, y1 string) func() {
		return func() {
			run(t, d, "xdotool", "mousemove", x0, y0, "mousedown", button, "mousemove", "200", "200", "mousemove", x1, y1,
				"mouseup", button)
		}
	}
	for range 2 { // the second shows that the first has let go
		require.Equal(t, result{image.Rect(100, 120, 421, 341), nil}, pick(drag("1", "100", "120", "420", "340")))
		require.Equal(t, result{image.Rect(100, 120, 421, 341), nil}, pick(drag("1", "420", "340", "100", "120")))
	}
	require.ErrorIs(t, pick(drag("3", "100", "120", "420", "340")).err, x11.ErrNotPicked)
	require.ErrorIs(t, pick(func() { run(t, d, "xdotool", "key", "Escape") }).err, x11.ErrNotPicked)
	require.Equal(t, image.Rect(0, 0, 800, 600), pick(drag("1", "0", "0", "799", "599")).area)
}
