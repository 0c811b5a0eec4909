package x11test

import (
	"context"
	"image"
	"sync"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source/x11"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// audience keeps what is captured.
type audience struct {
	mu           sync.Mutex
	frames, same int
	corner       [3]byte // the colour of the last frame's first pixel: blue, green, red
	needs        bool
}

func (a *audience) frame(p x11.Frame, _ time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.frames++
	a.corner = [3]byte(p.Data)
	p.Release()
}

func (a *audience) unchanged(int, int, time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.needs {
		a.needs = false
		return false
	}
	a.same++
	return true
}

func (a *audience) now() (frames, same int, corner [3]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.frames, a.same, a.corner
}

// paint fills the start of the root window with a colour.
func paint(t *testing.T, c *xgb.Conn, rgb uint32) {
	t.Helper()
	root := xproto.Setup(c).DefaultScreen(c).Root
	gc, err := xproto.NewGcontextId(c)
	require.NoError(t, err)
	require.NoError(t, xproto.CreateGCChecked(c, gc, xproto.Drawable(root), xproto.GcForeground, []uint32{rgb}).Check())
	defer xproto.FreeGC(c, gc)
	require.NoError(t, xproto.PolyFillRectangleChecked(c, xproto.Drawable(root), gc,
		[]xproto.Rectangle{{Width: 60, Height: 60}}).Check())
}

// A screen on which nothing happens is hardly read, and what happens on it then is.
func TestOnlyChangesAreRead(t *testing.T) {
	desktop, err := stack.StartDesktop(t.Context(), t.TempDir(), stack.DesktopOptions{Width: 640, Height: 480})
	require.NoError(t, err)
	defer desktop.Close()
	d, err := x11.Open(desktop.Display)
	require.NoError(t, err)
	defer d.Close()
	painter, err := xgb.NewConnDisplay(desktop.Display)
	require.NoError(t, err)
	defer painter.Close()

	var a audience
	began := time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- d.Capture(ctx, x11.Config{FrameRate: 30, Now: func() time.Duration { return time.Since(began) },
			Target: media.Target{Area: image.Rect(10, 10, 200, 200)}, Frame: a.frame, Same: a.unchanged, Up: func() {},
			Down: func(error) {}})
	}()
	more := func(of func() int, n int, what string) {
		t.Helper()
		from := of()
		require.Eventually(t, func() bool { return of() >= from+n }, 30*time.Second, 5*time.Millisecond, what)
	}
	same := func() int { _, n, _ := a.now(); return n }
	frames := func() int { n, _, _ := a.now(); return n }
	more(frames, 1, "the first frame")
	for i, rgb := range []uint32{0xff0000, 0x00ff00, 0x0000ff} {
		paint(t, painter, rgb)
		want := [3]byte{byte(rgb), byte(rgb >> 8), byte(rgb >> 16)}
		require.Eventually(t, func() bool { _, _, c := a.now(); return c == want }, 30*time.Second, 5*time.Millisecond,
			"colour %d", i)
		before := frames()
		more(same, 60, "nothing happens")
		require.Less(t, frames()-before, 30, "frames read of a still screen, for 60 that were not")
	}
	a.mu.Lock()
	a.needs = true
	a.mu.Unlock()
	more(frames, 1, "whoever needs the frame gets it")
	cancel()
	require.NoError(t, <-done)
}
