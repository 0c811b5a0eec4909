package x11test

import (
	"bytes"
	"context"
	"image"
	"math/rand/v2"
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
)

// holder keeps a copy that is made as encoders make theirs: of each frame only the bands that have changed since.
type holder struct {
	mu     sync.Mutex
	data   []byte
	serial uint64
	taken  int // rows
	shown  int // rows of all frames
	keeps  []x11.Frame
	turns  atomic.Int64 // frames, also those in which nothing has changed
}

func (h *holder) frame(p x11.Frame, _ time.Duration) {
	h.turns.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shown += p.Height
	if h.data == nil {
		h.data = make([]byte, len(p.Data))
	}
	stale := media.AppendRows(nil, p.Height, 0, func(band int) bool { return p.Bands[band] > h.serial })
	for _, r := range stale {
		h.taken += r.To - r.From
		copy(h.data[r.From*p.Width*4:r.To*p.Width*4], p.Data[r.From*p.Width*4:])
	}
	h.serial = p.Serial
	h.keeps = append(h.keeps, p) // as one who is slow, so that several memories are in turn
	if len(h.keeps) > rand.IntN(3) {
		h.keeps[0].Release()
		h.keeps = h.keeps[1:]
	}
}

func (h *holder) now() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Clone(h.data)
}

func (h *holder) counts() (taken, shown int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.taken, h.shown
}

// scribbler draws and moves the pointer.
type scribbler struct {
	t    *testing.T
	conn *xgb.Conn
	on   xproto.Window
	root xproto.Window
	gc   xproto.Gcontext
}

// newScribbler draws on the screen, or in a window with a border and a window inside.
func newScribbler(t *testing.T, display string, window bool) *scribbler {
	c, err := xgb.NewConnDisplay(display)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	s := &scribbler{t: t, conn: c, root: xproto.Setup(c).DefaultScreen(c).Root}
	s.on = s.root
	if window {
		s.on = newProgram(t, display).window(image.Rect(33, 44, 433, 344), green, "Painter", "A picture")
		require.NoError(t, xproto.ConfigureWindowChecked(c, s.on, xproto.ConfigWindowBorderWidth, []uint32{7}).Check())
		inner, err := xproto.NewWindowId(c)
		require.NoError(t, err)
		require.NoError(t, xproto.CreateWindowChecked(c, 0, inner, s.on, 100, 90, 120, 110, 0, xproto.WindowClassInputOutput,
			0, xproto.CwBackPixel, []uint32{blue}).Check())
		require.NoError(t, xproto.MapWindowChecked(c, inner).Check())
	}
	s.gc, err = xproto.NewGcontextId(c)
	require.NoError(t, err)
	require.NoError(t, xproto.CreateGCChecked(c, s.gc, xproto.Drawable(s.root),
		xproto.GcGraphicsExposures|xproto.GcSubwindowMode,
		[]uint32{xproto.SubwindowModeIncludeInferiors, 0}).Check())
	return s
}

// scribble draws something small, or moves what is there or the pointer.
func (s *scribbler) scribble() {
	d := xproto.Drawable(s.on)
	x, y, w, h := int16(rand.IntN(600)-20), int16(rand.IntN(440)-20), uint16(1+rand.IntN(80)), uint16(1+rand.IntN(60))
	switch rand.IntN(4) {
	case 0:
		require.NoError(s.t, xproto.WarpPointerChecked(s.conn, 0, s.root, 0, 0, 0, 0, x, y).Check())
	case 1:
		require.NoError(s.t, xproto.CopyAreaChecked(s.conn, d, d, s.gc, int16(rand.IntN(500)), int16(rand.IntN(400)), x, y, w,
			h).Check())
	default:
		xproto.ChangeGC(s.conn, s.gc, xproto.GcForeground, []uint32{rand.Uint32() & 0xffffff})
		require.NoError(s.t, xproto.PolyFillRectangleChecked(s.conn, d, s.gc,
			[]xproto.Rectangle{{X: x, Y: y, Width: w, Height: h}}).Check())
	}
}

// A receiver that copies only what has changed has the same frame, pointer included, as one that copies all of it.
func TestChangedBandsMakeTheWholeFrame(t *testing.T) {
	for name, target := range map[string]media.Target{"screen": {}, "rectangle": {Area: image.Rect(50, 37, 500, 401)},
		"window": {Class: "Painter"}} {
		t.Run(name, func(t *testing.T) { bandsMakeTheFrame(t, target, name == "window") })
	}
}

func bandsMakeTheFrame(t *testing.T, target media.Target, window bool) {
	d := desktop(t, stack.DesktopOptions{Width: 640, Height: 470})
	s := newScribbler(t, d.Display, window)
	began := time.Now()
	start := func(h *holder) (end func()) {
		x, err := x11.Open(d.Display)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- x.Capture(ctx, x11.Config{Target: target, FrameRate: 60,
				Now:   func() time.Duration { return time.Since(began) },
				Frame: h.frame, Same: func(int, int, time.Duration) bool { h.turns.Add(1); return true }, Up: func() {},
				Down: func(error) {}})
		}()
		return func() { cancel(); require.NoError(t, <-done); require.NoError(t, x.Close()) }
	}
	var patient holder
	defer start(&patient)()
	for range 15 {
		for range 1 + rand.IntN(12) {
			s.scribble()
			turn := patient.turns.Load() + rand.Int64N(2)
			require.Eventually(t, func() bool { return patient.turns.Load() >= turn }, 20*time.Second, time.Millisecond)
		}
		var fresh holder
		end := start(&fresh)
		require.Eventually(t, func() bool { return fresh.now() != nil && bytes.Equal(fresh.now(), patient.now()) },
			20*time.Second, 5*time.Millisecond)
		end()
	}
	rows, all := patient.counts()
	require.Less(t, rows, all*2/3, "rows taken: most stay as they are")
}
