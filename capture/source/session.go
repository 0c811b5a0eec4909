package source

import (
	"os"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Method is how the screen is captured.
type Method string

// The methods.
const (
	// Auto takes what fits the session.
	Auto Method = "auto"
	// X11 reads the X display.
	X11 Method = "x11"
	// Portal asks the desktop, the only method on Wayland.
	Portal Method = "portal"
)

// Methods are all of them.
func Methods() []Method { return []Method{Auto, X11, Portal} }

func (m Method) String() string { return string(m) }

// ParseMethod returns the method of that name; the error names those that there are.
func ParseMethod(s string) (Method, error) { return media.ParseName("capture method", s, Methods()) }

// Backend says how the screen is captured and why: want is Auto or what the user insists on, display an X display that
// was named. Session and display come from the environment (systemd's pam_systemd(8), XDG_SESSION_TYPE;
// wl_display_connect, WAYLAND_DISPLAY); a compositor started on a console leaves the first as it was, "tty".
func Backend(want Method, display string) (method Method, why string) {
	session, wayland := os.Getenv("XDG_SESSION_TYPE"), os.Getenv("WAYLAND_DISPLAY")
	switch {
	case want == X11 || want == Portal:
		return want, "the settings say so"
	case display != "":
		return X11, "the display " + display + " is set"
	case session == "wayland":
		return Portal, "the session is Wayland (XDG_SESSION_TYPE)"
	case session != "x11" && wayland != "":
		return Portal, "the session is Wayland (WAYLAND_DISPLAY is " + wayland + ")"
	case session == "x11":
		return X11, "the session is X11 (XDG_SESSION_TYPE)"
	}
	return X11, "the session is not Wayland"
}
