package capture_test

import (
	"context"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// painter is a program with windows of one color.
type painter struct {
	t    *testing.T
	conn *xgb.Conn
}

func newPainter(t *testing.T, o stack.DesktopOptions) *painter {
	t.Helper()
	d, err := stack.StartDesktop(t.Context(), t.TempDir(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	t.Setenv("DISPLAY", d.Display)
	t.Setenv("XDG_SESSION_TYPE", "x11")
	conn, err := xgb.NewConnDisplay(d.Display)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	return &painter{t, conn}
}

// window opens a window of the class Painter.
func (p *painter) window(width, height uint16, title string) xproto.Window {
	p.t.Helper()
	id, err := xproto.NewWindowId(p.conn)
	require.NoError(p.t, err)
	s := xproto.Setup(p.conn).DefaultScreen(p.conn)
	require.NoError(p.t, xproto.CreateWindowChecked(p.conn, s.RootDepth, id, s.Root, 10, 10, width, height, 0,
		xproto.WindowClassInputOutput, s.RootVisual, xproto.CwBackPixel, []uint32{0xc00000}).Check())
	for atom, value := range map[xproto.Atom]string{xproto.AtomWmClass: "painter\x00Painter\x00", xproto.AtomWmName: title} {
		xproto.ChangeProperty(p.conn, xproto.PropModeReplace, id, atom, xproto.AtomString, 8, uint32(len(value)), []byte(value))
	}
	require.NoError(p.t, xproto.MapWindowChecked(p.conn, id).Check())
	return id
}

// windowConfig captures the painter's window without sound.
func windowConfig(t *testing.T) capture.Config {
	c := config(t)
	c.Video.Target = capture.Target{Class: "Painter", Title: "One"}
	c.Desktop.Enabled, c.Mic.Enabled = false, false
	return c
}

// A closed window is a note about the source: what was kept of it stays and can be saved, and who watches sees its last
// picture go on. While it is shared, another window of the program is captured only when the user chooses it.
func TestClosedWindowKeepsItsReplay(t *testing.T) {
	p := newPainter(t, stack.DesktopOptions{Width: 640, Height: 480})
	id := p.window(320, 240, "One")
	c := windowConfig(t)
	c.Replay, c.Sharing = 5*time.Second, true
	r := openRecorder(t, c)
	waitBuffered(t, r, 3*time.Second)
	require.NoError(t, xproto.DestroyWindowChecked(p.conn, id).Check())
	s := until(t, r, "it is told", func(s capture.Status) bool { return s.Screen.Reason == "closed" })
	require.Equal(t, "waiting", s.Screen.State)
	require.Contains(t, s.Screen.Error, "was closed")
	p.window(400, 300, "Two")
	reader := r.NewReader(1000, media.Video)
	defer reader.Close()
	r.RequestKeyframe()
	began := next(t, reader, func(p *media.Packet) bool { return p.Key }).PTS
	next(t, reader, func(p *media.Packet) bool { return p.PTS > began+6*time.Second })
	require.InDelta(t, s.Buffered, r.Status().Buffered, 1e9, "the frozen picture is not kept")
	require.Equal(t, []int{320, 240}, []int{r.Status().Width, r.Status().Height})
	saved, err := r.Save(context.Background(), capture.SaveRequest{Length: 3 * time.Second})
	require.NoError(t, err)
	require.InDelta(t, 3, saved.Seconds, 0.5)
	frames := r.Status().Frames
	c.Video.Asked++
	require.NoError(t, r.Apply(c))
	until(t, r, "the window that was chosen", func(s capture.Status) bool {
		return s.Screen.State == "running" && s.Screen.Reason == "" && s.Frames > frames
	})
}
