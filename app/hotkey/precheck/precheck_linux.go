//go:build linux && cgo

// Package precheck ends the program with a message when no X display answers, before a window library does so with
// less help. It readies Xlib for several threads as well.
package precheck

/*
#cgo LDFLAGS: -lX11
#include <X11/Xlib.h>

static int answers(void) {
	XInitThreads(); // before any other call into Xlib
	Display *d = XOpenDisplay(0);
	if (d == 0) return 0;
	XCloseDisplay(d);
	return 1;
}
*/
import "C"

import "os"

func init() {
	if C.answers() != 0 {
		return
	}
	name := os.Getenv("DISPLAY")
	if name == "" {
		name = "not set"
	}
	_, _ = os.Stderr.WriteString("hindsight: no X display answers (DISPLAY is " + name + "). " +
		"Start it inside a desktop session; on Wayland install and enable Xwayland. " +
		"hindsightctl works without a display.\n")
	os.Exit(1)
}
