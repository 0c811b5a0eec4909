package sourcetest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source"
	"github.com/hindsight-app/hindsight/capture/source/portal"
	"github.com/hindsight-app/hindsight/capture/source/portal/portaltest"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// What the user refuses is not asked again and again; what was chosen is asked for by its token.
func TestTheUserIsAskedOnce(t *testing.T) {
	d, err := stack.StartDesktop(context.Background(), t.TempDir(), stack.DesktopOptions{Width: 64, Height: 64})
	require.NoError(t, err)
	defer d.Close()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", d.DBusAddress)
	p, err := portaltest.Start()
	require.NoError(t, err)
	defer p.Close()
	token := filepath.Join(t.TempDir(), "state", "token")
	open := func() *source.Supervisor {
		return source.OpenScreen(source.Screen{Backend: source.Portal, TokenFile: token, FrameRate: 30,
			Frame: func(f media.Frame) { f.Release() }}, slog.New(slog.DiscardHandler))
	}
	p.Answer(portaltest.Refuse)
	s := open()
	require.Eventually(t, func() bool { return s.Status().State == media.Failed }, 30*time.Second, 10*time.Millisecond)
	require.ErrorIs(t, s.Status().Err, portal.ErrRefused)
	require.Never(t, func() bool { return p.Starts() > 1 }, time.Second, 250*time.Millisecond)
	require.NoError(t, s.Close())

	p.Answer(portaltest.Allow)
	p.RefuseConnections()
	s = open() // it fails, and is tried again
	require.Eventually(t, func() bool { b, _ := os.ReadFile(token); return string(b) == "next time\n" }, 30*time.Second,
		10*time.Millisecond)
	require.NoError(t, s.Close())
	p.Answer(portaltest.Refuse)
	s = open()
	require.Eventually(t, func() bool { return p.Option("restore_token") == "next time" }, 30*time.Second,
		10*time.Millisecond)
	require.NoError(t, s.Close())
}

// A choice that can't be kept is used nevertheless: the session goes on to its video.
func TestAChoiceThatCannotBeKept(t *testing.T) {
	d, err := stack.StartDesktop(context.Background(), t.TempDir(), stack.DesktopOptions{Width: 64, Height: 64})
	require.NoError(t, err)
	defer d.Close()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", d.DBusAddress)
	p, err := portaltest.Start()
	require.NoError(t, err)
	defer p.Close()
	p.RefuseConnections()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	s := source.OpenScreen(source.Screen{Backend: source.Portal, TokenFile: filepath.Join(file, "token"), FrameRate: 30,
		Frame: func(f media.Frame) { f.Release() }}, slog.New(slog.DiscardHandler))
	require.Eventually(t, func() bool { return s.Status().State == media.Failed }, 30*time.Second, 10*time.Millisecond)
	require.ErrorContains(t, s.Status().Err, "hands out no video")
	require.NoError(t, s.Close())
}
