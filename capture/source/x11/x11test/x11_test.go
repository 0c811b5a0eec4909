package x11test

import (
	"context"
	"errors"
	"image"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source/x11"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
)

// reel is a running capture and its results.
type reel struct {
	mu     sync.Mutex
	frames int
	size   image.Point
	pixels map[image.Point]uint32 // of the last frame
	downs  []string
	reason media.AwayReason // of the last one
	ended  chan error
}

// captured starts to capture a display and keeps the colour of some pixels of the last frame.
func captured(t *testing.T, display string, c x11.Config, look ...image.Point) *reel {
	t.Helper()
	d, err := x11.Open(display)
	require.NoError(t, err)
	r := &reel{ended: make(chan error, 1)}
	begin := time.Now()
	c.FrameRate, c.Now = 30, func() time.Duration { return time.Since(begin) }
	last := time.Duration(-1)
	c.Up = func() {}
	c.Down = func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.downs = append(r.downs, err.Error())
		if away, ok := errors.AsType[x11.AwayError](err); ok {
			r.reason = away.Reason
		}
	}
	c.Frame = func(p x11.Frame, at time.Duration) {
		defer p.Release()
		r.mu.Lock()
		defer r.mu.Unlock()
		if at <= last || len(p.Data) < p.Width*p.Height*4 {
			t.Errorf("a frame of %dx%d with %d bytes at %v after %v", p.Width, p.Height, len(p.Data), at, last)
		}
		last = at
		r.frames++
		r.size = image.Pt(p.Width, p.Height)
		r.pixels = map[image.Point]uint32{}
		for _, l := range look {
			if l.In(image.Rect(0, 0, p.Width, p.Height)) {
				b := p.Data[(l.Y*p.Width+l.X)*4:]
				r.pixels[l] = uint32(b[2])<<16 | uint32(b[1])<<8 | uint32(b[0])
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { r.ended <- d.Capture(ctx, c) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, wait.For(t, r.ended, 30*time.Second, "the capture's end"))
		require.NoError(t, d.Close())
		require.NoError(t, d.Close())
	})
	return r
}

// shows waits for a frame of the size with the colours.
func (r *reel) shows(t *testing.T, what string, w, h int, pixels map[image.Point]uint32) {
	t.Helper()
	r.mu.Lock()
	before := r.frames
	r.mu.Unlock()
	ok := func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for at, colour := range pixels {
			if have := r.pixels[at]; have != colour && colour != pointed || colour == pointed && have == green {
				return false
			}
		}
		return r.frames > before && r.size == image.Pt(w, h)
	}
	if !waitFor(ok) {
		r.mu.Lock()
		defer r.mu.Unlock()
		t.Fatalf("%s: %d frames, the last is %v with %x; want %dx%d with %x; reported: %q", what, r.frames-before, r.size,
			r.pixels, w, h, pixels, r.downs)
	}
}

// tells waits for the n-th message about something that is away.
func (r *reel) tells(t *testing.T, n int, text string) {
	t.Helper()
	ok := func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.downs) >= n }
	require.True(t, waitFor(ok), "nothing is told")
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Len(t, r.downs, n, "each thing is told once")
	require.Contains(t, r.downs[n-1], text)
}

func waitFor(ok func() bool) bool { return wait.Until(30*time.Second, ok) }

// program is a client of the display that has windows of one colour.
type program struct {
	t    *testing.T
	conn *xgb.Conn
}

func newProgram(t *testing.T, display string) *program {
	conn, err := xgb.NewConnDisplay(display)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	return &program{t, conn}
}

func (p *program) window(at image.Rectangle, colour uint32, class, title string) xproto.Window {
	p.t.Helper()
	id, err := xproto.NewWindowId(p.conn)
	require.NoError(p.t, err)
	p.windowAs(id, at, colour, class, title)
	return id
}

func (p *program) atom(name string) xproto.Atom {
	p.t.Helper()
	r, err := xproto.InternAtom(p.conn, false, uint16(len(name)), name).Reply()
	require.NoError(p.t, err)
	return r.Atom
}

func (p *program) windowAs(id xproto.Window, at image.Rectangle, colour uint32, class, title string) {
	p.t.Helper()
	s := xproto.Setup(p.conn).DefaultScreen(p.conn)
	override := uint32(0)
	if class == "" {
		override = 1
	}
	require.NoError(p.t, xproto.CreateWindowChecked(p.conn, s.RootDepth, id, s.Root, int16(at.Min.X), int16(at.Min.Y),
		uint16(at.Dx()), uint16(at.Dy()), 0,
		xproto.WindowClassInputOutput, s.RootVisual, xproto.CwBackPixel|xproto.CwOverrideRedirect,
		[]uint32{colour, override}).Check())
	names := strings.ToLower(class) + "\x00" + class + "\x00"
	xproto.ChangeProperty(p.conn, xproto.PropModeReplace, id, xproto.AtomWmClass, xproto.AtomString, 8, uint32(len(names)),
		[]byte(names))
	xproto.ChangeProperty(p.conn, xproto.PropModeReplace, id, xproto.AtomWmName, xproto.AtomString, 8, uint32(len(title)),
		[]byte(title))
	require.NoError(p.t, xproto.MapWindowChecked(p.conn, id).Check())
}

// managed waits until the window manager has taken a window. Openbox may sleep over what came while it started, until
// anything else happens.
func (p *program) managed(display, title string) {
	p.t.Helper()
	x, err := x11.Open(display)
	require.NoError(p.t, err)
	defer x.Close()
	root := xproto.Setup(p.conn).DefaultScreen(p.conn).Root
	require.True(p.t, waitFor(func() bool {
		xproto.ChangeProperty(p.conn, xproto.PropModeReplace, root, xproto.AtomCutBuffer0, xproto.AtomString, 8, 1, []byte{1})
		list, err := x.Windows()
		return err == nil && slices.ContainsFunc(list, func(w x11.Window) bool { return w.Title == title })
	}), "the window %s is not managed", title)
}

func (p *program) configure(id xproto.Window, mask uint16, values ...uint32) {
	p.t.Helper()
	require.NoError(p.t, xproto.ConfigureWindowChecked(p.conn, id, mask, values).Check())
}

func desktop(t *testing.T, o stack.DesktopOptions) *stack.Desktop {
	t.Helper()
	d, err := stack.StartDesktop(context.Background(), t.TempDir(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func run(t *testing.T, d *stack.Desktop, name string, args ...string) {
	t.Helper()
	out, err := d.Command(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
}

const red, green, blue = 0xc00000, 0x00c000, 0x0000c0

// pointed stands for the pointer's pixels over green, whatever the theme makes of them.
const pointed = 1

// A window is captured wherever it goes, whatever lies over it; while it is away the last frame is held, and it comes
// back.
func TestWindowIsFollowed(t *testing.T) {
	d := desktop(t, stack.DesktopOptions{Width: 800, Height: 600, WindowManager: true})
	p := newProgram(t, d.Display)
	p.window(image.Rect(0, 0, 300, 200), blue, "Other", "Other")
	id := p.window(image.Rect(50, 50, 350, 250), red, "Painter", "A picture")
	p.managed(d.Display, "A picture")
	middle := image.Pt(150, 100)
	r := captured(t, d.Display, x11.Config{Target: media.Target{Class: "Painter", Title: "A picture"}, HidePointer: true},
		middle, image.Pt(1, 1))
	seen := map[image.Point]uint32{middle: red, image.Pt(1, 1): red}
	r.shows(t, "the window", 300, 200, seen)
	p.window(image.Rect(0, 0, 800, 600), green, "", "")
	r.shows(t, "covered", 300, 200, seen)
	p.configure(id, xproto.ConfigWindowX|xproto.ConfigWindowY, 333, 222)
	r.shows(t, "moved", 300, 200, seen)
	p.configure(id, xproto.ConfigWindowWidth|xproto.ConfigWindowHeight, 401, 303)
	r.shows(t, "resized", 401, 303, seen)
	require.Empty(t, r.downs)
	x, err := x11.Open(d.Display)
	require.NoError(t, err)
	defer x.Close()
	hidden := func() bool {
		yes, err := x.Hidden(uint32(id))
		require.NoError(t, err)
		return yes
	}
	require.False(t, hidden(), "covered is not hidden")
	run(t, d, "xdotool", "search", "--name", "A picture", "windowminimize")
	r.tells(t, 1, `the window "A picture" is minimized`)
	require.True(t, hidden())
	run(t, d, "xdotool", "search", "--name", "A picture", "windowmap")
	r.shows(t, "back", 401, 303, seen)
	require.False(t, hidden())
	require.NoError(t, xproto.DestroyWindowChecked(p.conn, id).Check())
	r.tells(t, 2, `the window "A picture" is not open`)
	p.window(image.Rect(0, 0, 320, 240), red, "Painter", "Another title")
	r.shows(t, "opened again", 320, 240, seen)
}

// While the window that is captured stays chosen, nothing takes its place when it is closed: not another window of its
// program, not one that got its X id again, nor one that only looks like it afterward.
func TestClosedWindowIsNotReplaced(t *testing.T) {
	for name, replace := range map[string]func(p *program, id xproto.Window){
		"another of the program": func(p *program, id xproto.Window) {
			require.NoError(p.t, xproto.DestroyWindowChecked(p.conn, id).Check())
		},
		"the id used again by the program": func(p *program, id xproto.Window) {
			xproto.DestroyWindow(p.conn, id)
			p.windowAs(id, image.Rect(20, 20, 340, 260), green, "Painter", "A picture")
		},
		"another identity": func(p *program, id xproto.Window) {
			pid := []byte{1, 2, 0, 0}
			xproto.ChangeProperty(p.conn, xproto.PropModeReplace, id, p.atom("_NET_WM_PID"), xproto.AtomCardinal, 32, 1, pid)
			xproto.ConfigureWindow(p.conn, id, xproto.ConfigWindowX, []uint32{60})
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := desktop(t, stack.DesktopOptions{Width: 800, Height: 600})
			p := newProgram(t, d.Display)
			p.window(image.Rect(400, 300, 720, 540), green, "Painter", "Another picture")
			id := p.window(image.Rect(50, 50, 370, 290), red, "Painter", "A picture")
			pid := []byte{7, 0, 0, 0}
			xproto.ChangeProperty(p.conn, xproto.PropModeReplace, id, p.atom("_NET_WM_PID"), xproto.AtomCardinal, 32, 1, pid)
			middle := image.Pt(150, 100)
			var stay atomic.Bool
			stay.Store(true)
			r := captured(t, d.Display, x11.Config{
				Target: media.Target{Class: "Painter", Title: "A picture"}, Stay: stay.Load, HidePointer: true,
			}, middle)
			r.shows(t, "the window", 320, 240, map[image.Point]uint32{middle: red})
			replace(p, id)
			r.tells(t, 1, `the window "A picture" was closed`)
			r.mu.Lock()
			require.Equal(t, uint32(red), r.pixels[middle], "the last frame stays")
			require.Equal(t, media.Closed, r.reason)
			frames := r.frames
			r.mu.Unlock()
			p.window(image.Rect(300, 300, 620, 540), green, "Painter", "A picture")
			require.Never(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.frames != frames }, time.Second,
				50*time.Millisecond)
			stay.Store(false)
			r.shows(t, "another window once that is allowed", 320, 240, nil)
		})
	}
}

// A window whose title has changed is found by its program, but viewers are not shown any of several.
func TestAWindowIsNotGuessedForViewers(t *testing.T) {
	d := desktop(t, stack.DesktopOptions{Width: 800, Height: 600})
	p := newProgram(t, d.Display)
	p.window(image.Rect(400, 300, 720, 540), red, "Painter", "A picture, changed")
	var stay atomic.Bool
	stay.Store(true)
	middle := image.Pt(150, 100)
	c := x11.Config{Target: media.Target{Class: "Painter", Title: "A picture"}, Stay: stay.Load, HidePointer: true}
	only := captured(t, d.Display, c, middle)
	only.shows(t, "the only one", 320, 240, map[image.Point]uint32{middle: red})
	other := p.window(image.Rect(50, 50, 370, 290), green, "Painter", "Another picture")
	r := captured(t, d.Display, c, middle)
	r.tells(t, 1, "cannot be told from other windows")
	r.mu.Lock()
	require.Zero(t, r.frames)
	require.Equal(t, media.Closed, r.reason)
	r.mu.Unlock()
	require.NoError(t, xproto.DestroyWindowChecked(p.conn, other).Check())
	r.shows(t, "the only one again", 320, 240, map[image.Point]uint32{middle: red})
}

// A monitor is unplugged and comes back, changes its mode and its place; the whole screen follows as well.
func TestMonitorsComeAndGo(t *testing.T) {
	d := desktop(t, stack.DesktopOptions{Outputs: true})
	run(t, d, "xrandr", "--output", "DUMMY0", "--mode", "800x600", "--addmode", "DUMMY1", "640x480", "--addmode", "DUMMY1",
		"1024x768")
	plug := func(mode string) {
		run(t, d, "xrandr", "--output", "DUMMY1", "--mode", mode, "--right-of", "DUMMY0")
	}
	plug("640x480")
	p := newProgram(t, d.Display)
	p.window(image.Rect(800, 0, 1900, 900), green, "", "")
	p.window(image.Rect(0, 0, 800, 600), blue, "", "")
	x, err := x11.Open(d.Display)
	require.NoError(t, err)
	defer x.Close()
	list, err := x.Monitors()
	require.NoError(t, err)
	for i := range list {
		require.InDelta(t, 60, list[i].RefreshRate, 30)
		list[i].RefreshRate = 0
	}
	require.Equal(t, []x11.Monitor{{Name: "DUMMY0", Area: image.Rect(0, 0, 800, 600), Primary: true},
		{Name: "DUMMY1", Area: image.Rect(800, 0, 1440, 480)}}, list)
	preview, err := x.Preview(media.Target{Monitor: "DUMMY1"}, 160, 160)
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, 160, 120), preview.Bounds())
	rr, gg, bb, _ := preview.At(80, 60).RGBA()
	require.Equal(t, []uint32{0, green >> 8 & 255, 0}, []uint32{rr >> 8, gg >> 8, bb >> 8})

	left, far := image.Pt(1, 1), image.Pt(600, 1)
	whole := captured(t, d.Display, x11.Config{HidePointer: true}, left, image.Pt(801, 1))
	second := captured(t, d.Display, x11.Config{Target: media.Target{Monitor: "DUMMY1"}, HidePointer: true}, far)
	whole.shows(t, "both", 1440, 600, map[image.Point]uint32{left: blue, image.Pt(801, 1): green})
	second.shows(t, "the second", 640, 480, map[image.Point]uint32{far: green})
	changes := make(chan struct{}, 100)
	go x.Watch(t.Context(), func() { changes <- struct{}{} })
	run(t, d, "xrandr", "--output", "DUMMY1", "--off")
	second.tells(t, 1, "the monitor DUMMY1 is not connected")
	whole.shows(t, "only the first", 800, 600, map[image.Point]uint32{left: blue})
	<-changes
	plug("1024x768")
	second.shows(t, "plugged again", 1024, 768, map[image.Point]uint32{far: green})
	whole.shows(t, "both again", 1824, 768, map[image.Point]uint32{left: blue, image.Pt(801, 1): green})
	run(t, d, "xrandr", "--output", "DUMMY0", "--mode", "640x480", "--output", "DUMMY1", "--right-of", "DUMMY0")
	whole.shows(t, "a smaller first", 1664, 768, nil)
	second.shows(t, "moved", 1024, 768, map[image.Point]uint32{far: green})
	require.Empty(t, whole.downs)
}

func TestRectangleAndPointer(t *testing.T) {
	for name, noSHM := range map[string]bool{"shared memory": false, "over the connection": true} {
		t.Run(name, func(t *testing.T) {
			d := desktop(t, stack.DesktopOptions{Width: 640, Height: 480, NoSharedMemory: noSHM})
			p := newProgram(t, d.Display)
			p.window(image.Rect(0, 0, 640, 480), red, "", "")
			p.window(image.Rect(100, 100, 333, 301), green, "", "")
			area := media.Target{Area: image.Rect(100, 100, 333, 301)}
			run(t, d, "xsetroot", "-cursor_name", "left_ptr")
			run(t, d, "xdotool", "mousemove", "200", "180")
			tip, corner, last := image.Pt(101, 82), image.Pt(0, 0), image.Pt(232, 200)
			without := captured(t, d.Display, x11.Config{Target: area, HidePointer: true}, tip, corner, last)
			without.shows(t, "the rectangle", 233, 201, map[image.Point]uint32{tip: green, corner: green, last: green})
			with := captured(t, d.Display, x11.Config{Target: area}, tip, corner, last)
			with.shows(t, "with the pointer", 233, 201, map[image.Point]uint32{tip: pointed, corner: green, last: green})
			run(t, d, "xdotool", "mousemove", "105", "105")
			with.shows(t, "the pointer has moved", 233, 201, map[image.Point]uint32{tip: green, corner: green})
			outside := captured(t, d.Display, x11.Config{Target: media.Target{Area: image.Rect(700, 0, 800, 100)}})
			outside.tells(t, 1, "is not within the screen, which is 640x480")
			partly := captured(t, d.Display, x11.Config{Target: media.Target{Area: image.Rect(600, 400, 700, 600)}})
			partly.tells(t, 1, "the rectangle 100x200 at 600,400 is not within the screen, which is 640x480")
		})
	}
}

// Screens of every depth show their colors, through shared memory and without, the screen and a window; the pointer
// as well.
func TestDepths(t *testing.T) {
	for depth, red := range map[int]uint32{15: 0x7c00, 16: 0xf800, 30: 0x3ff00000} {
		for _, noSHM := range []bool{false, true} {
			d := desktop(t, stack.DesktopOptions{Width: 322, Height: 240, Depth: depth, NoSharedMemory: noSHM})
			p := newProgram(t, d.Display)
			p.window(image.Rect(0, 0, 322, 240), red, "", "")
			p.window(image.Rect(101, 51, 252, 202), 0x1f, "Painter", "A picture")
			low := uint32(0xff)
			if depth == 30 {
				low = (0x1f*255 + 511) / 1023
			}
			inside, last := image.Pt(101, 51), image.Pt(321, 239)
			whole := captured(t, d.Display, x11.Config{HidePointer: true}, inside, last)
			whole.shows(t, "the screen", 322, 240, map[image.Point]uint32{inside: low, last: 0xff0000})
			window := captured(t, d.Display, x11.Config{Target: media.Target{Class: "Painter"}, HidePointer: true},
				image.Pt(0, 0))
			window.shows(t, "the window", 151, 151, map[image.Point]uint32{{}: low})
			p.window(image.Rect(0, 0, 322, 240), 0x1f, "", "")
			whole.shows(t, "what changed", 322, 240, map[image.Point]uint32{inside: low, last: low})
		}
	}
}

// The end of the server is an error like any other.
func TestServerDies(t *testing.T) {
	d := desktop(t, stack.DesktopOptions{Width: 320, Height: 240})
	x, err := x11.Open(d.Display)
	require.NoError(t, err)
	defer x.Close()
	seen, ended := make(chan struct{}, 1000), make(chan error, 1)
	begin := time.Now()
	go func() {
		ended <- x.Capture(t.Context(), x11.Config{
			FrameRate: 30, Now: func() time.Duration { return time.Since(begin) }, Up: func() {}, Down: func(error) {},
			Frame: func(p x11.Frame, _ time.Duration) { p.Release(); seen <- struct{}{} },
		})
	}()
	<-seen
	require.NoError(t, d.Close())
	err = wait.For(t, ended, 30*time.Second, "the capture's end without a server")
	require.ErrorContains(t, err, "the X display "+d.Display+" went away")
	_, err = x11.Open(d.Display)
	require.ErrorContains(t, err, "cannot be captured")
	_, err = x11.Open("here")
	require.ErrorContains(t, err, "should look like :0")
}
