package recordertest

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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
	for atom, value := range map[xproto.Atom]string{xproto.AtomWmClass: "painter\x00Painter\x00",
		xproto.AtomWmName: title} {
		xproto.ChangeProperty(p.conn, xproto.PropModeReplace, id, atom, xproto.AtomString, 8, uint32(len(value)),
			[]byte(value))
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

// A closed window is a note about the source: what was kept of it stays and can be saved, and viewers see its last
// frame held. While it is shared, another window of the program is captured only when the user chooses it.
func TestClosedWindowKeepsItsReplay(t *testing.T) {
	p := newPainter(t, stack.DesktopOptions{Width: 640, Height: 480})
	id := p.window(320, 240, "One")
	c := windowConfig(t)
	c.Replay, c.Sharing = 5*time.Second, true
	r := openRecorder(t, c)
	waitBuffered(t, r, 3*time.Second)
	require.NoError(t, xproto.DestroyWindowChecked(p.conn, id).Check())
	s := until(t, r, "it is told", func(s capture.Status) bool { return s.Screen.Reason == media.Closed })
	require.Equal(t, media.Waiting, s.Screen.State)
	require.Contains(t, s.Screen.Error, "was closed")
	p.window(400, 300, "Two")
	reader := r.NewReader(1000, media.Video)
	defer reader.Close()
	r.RequestKeyframe()
	began := next(t, reader, func(p *media.Packet) bool { return p.Key }).PTS
	next(t, reader, func(p *media.Packet) bool { return p.PTS > began+6*time.Second })
	require.InDelta(t, s.Buffered, r.Status().Buffered, 1e9, "the held frame is not kept")
	require.Equal(t, []int{320, 240}, []int{r.Status().Width, r.Status().Height})
	saved, err := r.Save(context.Background(), capture.SaveRequest{Length: 3 * time.Second})
	require.NoError(t, err)
	require.InDelta(t, 3, saved.Seconds, 0.5)
	frames := r.Status().Frames
	c.Video.Asked++
	require.NoError(t, r.Apply(c))
	until(t, r, "the window that was chosen", func(s capture.Status) bool {
		return s.Screen.State == media.Running && s.Screen.Reason == "" && s.Frames > frames
	})
}

// logged counts what a recorder's log says.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// A window that is resized leaves the stream's size and its encoder alone, and so does a target's change that the
// encoder has nothing to do with; another target has its own size.
func TestOneEncoderForTheSession(t *testing.T) {
	p := newPainter(t, stack.DesktopOptions{Width: 640, Height: 480})
	id := p.window(320, 240, "One")
	c := windowConfig(t)
	log := &logged{}
	c.Log = slog.New(slog.NewTextHandler(log, nil))
	r := openRecorder(t, c)
	more := func(what string) {
		t.Helper()
		frames := r.Status().Frames
		until(t, r, what, func(s capture.Status) bool { return s.Screen.State == media.Running && s.Frames > frames })
	}
	until(t, r, "the window", func(s capture.Status) bool { return s.Frames > 0 })
	size := []uint32{200, 300}
	require.NoError(t, xproto.ConfigureWindowChecked(p.conn, id, xproto.ConfigWindowWidth|xproto.ConfigWindowHeight,
		size).Check())
	more("resized")
	c.Video.HideCursor = true
	require.NoError(t, r.Apply(c))
	more("without the pointer")
	require.Equal(t, []int{320, 240}, []int{r.Status().Width, r.Status().Height})
	require.Equal(t, 1, log.count("encoding the video"))
	c.Video.Target = capture.Target{}
	require.NoError(t, r.Apply(c))
	until(t, r, "the screen", func(s capture.Status) bool { return s.Width == 640 && s.Height == 480 })
}

// Who begins to watch the smaller stream gets it from a screen on which nothing moves.
func TestLowerStreamOfAStillScreen(t *testing.T) {
	newPainter(t, stack.DesktopOptions{Width: 640, Height: 480})
	c := windowConfig(t)
	c.Video.Target = capture.Target{}
	r := openRecorder(t, c)
	until(t, r, "the screen", func(s capture.Status) bool { return s.Frames > 0 && s.Repeated > 30 })
	small := r.LowLayer().NewReader(1000, media.Video)
	first := next(t, small, func(p *media.Packet) bool { return p.Key })
	next(t, small, func(p *media.Packet) bool { return p.PTS > first.PTS+time.Second })
	require.Equal(t, 320, r.LowLayer().Video().Height)
	require.NoError(t, small.Close())
	ended := func() bool { return r.LowLayer().Video().Width == 0 }
	require.Eventually(t, ended, 30*time.Second, 20*time.Millisecond, "the second encoder ends with its reader")
}

// A configuration that cannot be applied changes nothing: here the sound has no encoder.
func TestApplyIsAllOrNothing(t *testing.T) {
	const inside = "HINDSIGHT_TEST_NO_OPUS"
	if os.Getenv(inside) == "" {
		plugins := t.TempDir()
		found, err := filepath.Glob("/usr/lib/*/gstreamer-1.0/*.so")
		require.NoError(t, err)
		for _, file := range found {
			if name := filepath.Base(file); name != "libgstopus.so" {
				require.NoError(t, os.Symlink(file, filepath.Join(plugins, name)))
			}
		}
		newPainter(t, stack.DesktopOptions{Width: 320, Height: 240})
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestApplyIsAllOrNothing$")
		again.Env = append(os.Environ(), inside+"=1", "GST_PLUGIN_SYSTEM_PATH_1_0="+plugins, "GST_PLUGIN_PATH_1_0=",
			"GST_REGISTRY_1_0="+filepath.Join(t.TempDir(), "registry"))
		out, err := again.CombinedOutput()
		require.NoError(t, err, string(out))
		return
	}
	c := windowConfig(t)
	c.Video.Target = capture.Target{}
	r := openRecorder(t, c)
	until(t, r, "the screen", func(s capture.Status) bool { return s.Frames > 0 })
	bad := c
	bad.Mic.Enabled, bad.Replay, bad.Video.FrameRate, bad.Video.HideCursor = true, 0, 60, true
	require.ErrorContains(t, r.Apply(bad), "opusenc is not installed; install gstreamer1.0-plugins-base")
	shown := r.Status().Repeated
	until(t, r, "it goes on", func(s capture.Status) bool { return s.Repeated > shown+30 })
	require.Equal(t, 30, r.Status().FrameRate)
	require.Positive(t, r.Status().Buffered)
}
