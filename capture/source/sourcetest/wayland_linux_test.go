package sourcetest

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source"
	"github.com/hindsight-app/hindsight/capture/source/portal"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// wayland is a Sway desktop with PipeWire and the portal.
func wayland(t *testing.T, width, height int) *stack.Wayland {
	t.Helper()
	w, err := stack.StartWayland(t.Context(), t.TempDir(), stack.WaylandOptions{Width: width, Height: height})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	for _, entry := range w.Env {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	return w
}

// openPortal captures the desktop until the test ends.
func openPortal(t *testing.T, log slog.Handler, frame func(media.Frame)) *source.Supervisor {
	t.Helper()
	s := source.OpenScreen(source.Screen{
		Backend: source.Portal, TokenFile: filepath.Join(t.TempDir(), "token"), FrameRate: 30,
		Frame: func(f media.Frame) { frame(f); f.Release() },
	}, slog.New(log))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// warnings counts what a log warns of.
type warnings struct {
	slog.Handler
	n atomic.Int32
}

func (w *warnings) Enabled(context.Context, slog.Level) bool { return true }

func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		w.n.Add(1)
	}
	return nil
}

// A portal that hangs sends what a still screen sends. A still screen continues without a word; a hung portal is
// reported, and capturing continues when the portal does.
func TestHungPortalIsToldFromAStillScreen(t *testing.T) {
	w := wayland(t, 320, 180)
	p, err := stack.StartPattern(t.Context(), stack.PatternOptions{Display: w.Display})
	require.NoError(t, err)
	defer p.Close()
	var frames atomic.Int64
	log := &warnings{}
	s := openPortal(t, log, func(media.Frame) { frames.Add(1) })
	state := func(want media.SourceState) func() bool { return func() bool { return s.Status().State == want } }
	require.Eventually(t, func() bool { return state(media.Running)() && frames.Load() > 10 }, time.Minute,
		20*time.Millisecond)

	require.NoError(t, p.Close())
	still := frames.Load()
	require.Eventually(t, func() bool { return frames.Load() >= still+10 }, time.Minute, 50*time.Millisecond,
		"the last frame is repeated")
	require.Equal(t, media.Running, s.Status().State)
	require.Zero(t, log.n.Load(), "a still screen is no failure")

	require.NoError(t, w.SignalPortalBackend(syscall.SIGSTOP))
	defer func() { _ = w.SignalPortalBackend(syscall.SIGCONT) }()
	require.Eventually(t, state(media.Failed), time.Minute, 20*time.Millisecond)
	require.ErrorIs(t, s.Status().Err, portal.ErrHung)

	require.NoError(t, w.SignalPortalBackend(syscall.SIGCONT))
	require.Eventually(t, state(media.Running), time.Minute, 20*time.Millisecond)
	again, err := stack.StartPattern(t.Context(), stack.PatternOptions{Display: w.Display})
	require.NoError(t, err)
	defer again.Close()
	began := frames.Load()
	require.Eventually(t, func() bool { return frames.Load() > began+60 }, time.Minute, 20*time.Millisecond)
	require.EqualValues(t, 1, log.n.Load(), "told once")
}

// corners are the colors of a frame's corners, from the top left one clockwise.
func corners(f media.Frame) string {
	name := func(x, y int) string {
		p := f.Data[y*f.Stride+x*4:]
		bright := func(b byte) byte { return '0' + b>>7 }
		return map[string]string{"100": "r", "010": "g", "001": "b",
			"111": "w"}[string([]byte{bright(p[2]), bright(p[1]), bright(p[0])})]
	}
	left, right, top, bottom := f.Width/8, f.Width*7/8, f.Height/8, f.Height*7/8
	return name(left, top) + name(right, top) + name(right, bottom) + name(left, bottom)
}

// An output that is turned or mirrored is captured as its user sees it.
func TestTurnedOutputsAreCapturedUpright(t *testing.T) {
	w := wayland(t, 320, 180)
	ctx := t.Context()
	sway := func(command string) {
		out, err := w.Sway(ctx, command)
		require.NoError(t, err, out)
	}
	img := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for i, c := range []color.RGBA{{R: 255, A: 255}, {G: 255, A: 255}, {R: 255, G: 255, B: 255, A: 255},
		{B: 255, A: 255}} {
		at := []image.Point{{}, {X: 32}, {X: 32, Y: 32}, {Y: 32}}[i]
		draw.Draw(img, image.Rectangle{at, at.Add(image.Pt(32, 32))}, image.NewUniform(c), image.Point{}, draw.Src)
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	var dir string
	for _, entry := range w.Env {
		if d, ok := strings.CutPrefix(entry, "XDG_RUNTIME_DIR="); ok {
			dir = d
		}
	}
	file := filepath.Join(dir, "corners.png") // Sway's user reads it
	require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
	sway("output HEADLESS-1 bg " + file + " stretch")

	var seen atomic.Value
	seen.Store("")
	openPortal(t, slog.DiscardHandler, func(f media.Frame) {
		seen.Store(fmt.Sprintf("%dx%d %s", f.Width, f.Height, corners(f)))
	})
	for _, transform := range []string{"normal", "90", "180", "270", "flipped", "flipped-90", "flipped-180",
		"flipped-270"} {
		want := "320x180 rgwb"
		if strings.HasSuffix(transform, "90") || strings.HasSuffix(transform, "270") {
			want = "180x320 rgwb"
		}
		sway("output HEADLESS-1 transform " + transform)
		require.Eventually(t, func() bool { return seen.Load() == want }, 20*time.Second, 20*time.Millisecond, transform)
	}
}
