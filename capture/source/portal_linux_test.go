package source

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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
