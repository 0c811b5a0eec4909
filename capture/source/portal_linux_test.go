package source

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
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
	open := func() *Supervisor {
		return OpenScreen(Screen{Backend: Portal, TokenFile: token, FrameRate: 30,
			Frame: func(f media.Frame) { f.Release() }}, slog.New(slog.DiscardHandler))
	}
	p.Answer(portaltest.Refuse)
	s := open()
	require.Eventually(t, func() bool { return s.Status().State == media.Failed }, 30*time.Second, 10*time.Millisecond)
	require.ErrorIs(t, s.Status().Err, portal.ErrRefused)
	require.Never(t, func() bool { return p.Starts() > 1 }, 4*firstPause, firstPause)
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

func TestTheWayFitsTheSession(t *testing.T) {
	for _, c := range []struct {
		session, wayland string
		want             Method
		display          string
		method           Method
	}{
		{"wayland", "wayland-0", Auto, "", Portal},
		{"tty", "wayland-1", Auto, "", Portal}, // started on a console
		{"", "wayland-1", "", "", Portal},
		{"x11", "wayland-1", Auto, "", X11}, // a compositor in a window of an X session
		{"x11", "", Auto, "", X11},
		{"", "", Auto, "", X11},
		{"wayland", "wayland-0", Auto, ":1", X11},
		{"wayland", "wayland-0", X11, "", X11},
		{"x11", "", Portal, "", Portal},
	} {
		t.Setenv("XDG_SESSION_TYPE", c.session)
		t.Setenv("WAYLAND_DISPLAY", c.wayland)
		method, why := Backend(c.want, c.display)
		require.Equal(t, c.method, method, "%+v: %s", c, why)
		require.NotEmpty(t, why)
	}
}

func TestStampsThatCannotBeTrueAreNotTrusted(t *testing.T) {
	const now = time.Hour
	for pts, want := range map[time.Duration]time.Duration{
		now - 20*time.Millisecond: now - 20*time.Millisecond,
		now + time.Millisecond:    now, // the clock goes on between stamp and look
		2 * now:                   now, // an offset of the element's
		now - time.Minute:         now,
		-1:                        now, // none
	} {
		require.Equal(t, want, trusted(pts, now), "%v", pts)
	}
}
