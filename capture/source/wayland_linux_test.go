package source

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
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
func openPortal(t *testing.T, log slog.Handler, frame func(media.Frame)) *Supervisor {
	t.Helper()
	s := OpenScreen(Screen{
		Backend: Portal, TokenFile: filepath.Join(t.TempDir(), "token"), FrameRate: 30,
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

// A portal that hangs sends what a still screen sends. A still screen goes on without a word; a hung portal is told, and
// capturing goes on when the portal does.
func TestHungPortalIsToldFromAStillScreen(t *testing.T) {
	w := wayland(t, 320, 180)
	p, err := stack.StartPattern(t.Context(), stack.PatternOptions{Display: w.Display})
	require.NoError(t, err)
	defer p.Close()
	var frames atomic.Int64
	log := &warnings{}
	s := openPortal(t, log, func(media.Frame) { frames.Add(1) })
	state := func(want string) func() bool { return func() bool { return s.Status().State == want } }
	require.Eventually(t, func() bool { return state(Running)() && frames.Load() > 10 }, time.Minute, 20*time.Millisecond)

	require.NoError(t, p.Close())
	still := frames.Load()
	require.Eventually(t, func() bool { return frames.Load() >= still+10 }, time.Minute, 50*time.Millisecond, "the last frame is repeated")
	require.Equal(t, Running, s.Status().State)
	require.Zero(t, log.n.Load(), "a still screen is no failure")

	require.NoError(t, w.SignalPortalBackend(syscall.SIGSTOP))
	defer func() { _ = w.SignalPortalBackend(syscall.SIGCONT) }()
	require.Eventually(t, state(Failed), time.Minute, 20*time.Millisecond)
	require.ErrorIs(t, s.Status().Err, portal.ErrHung)

	require.NoError(t, w.SignalPortalBackend(syscall.SIGCONT))
	require.Eventually(t, state(Running), time.Minute, 20*time.Millisecond)
	p, err = stack.StartPattern(t.Context(), stack.PatternOptions{Display: w.Display})
	require.NoError(t, err)
	began := frames.Load()
	require.Eventually(t, func() bool { return frames.Load() > began+60 }, time.Minute, 20*time.Millisecond)
	require.EqualValues(t, 1, log.n.Load(), "told once")
}
