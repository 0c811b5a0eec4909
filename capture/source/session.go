package source

import "os"

// Backends that capture the screen.
const (
	// Auto takes what fits the session.
	Auto = "auto"
	// X11 reads the X display.
	X11 = "x11"
	// Portal asks the desktop, the only backend on Wayland.
	Portal = "portal"
)

// Backend says how the screen is captured and why: want is Auto or what the user insists on, display an X display that
// was named. Session and display come from the environment (systemd's pam_systemd(8), XDG_SESSION_TYPE;
// wl_display_connect, WAYLAND_DISPLAY); a compositor started on a console leaves the first as it was, "tty".
func Backend(want, display string) (way, why string) {
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
