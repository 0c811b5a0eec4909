//go:build linux && cgo

// Package precheck finds out whether an X display responds, before a window library does so with less help. It readies
// Xlib for several threads as well.
package precheck

/*
#cgo LDFLAGS: -lX11
#include <X11/Xlib.h>

static int responds(void) {
	XInitThreads(); // before any other call into Xlib
	Display *d = XOpenDisplay(0);
	if (d == 0) return 0;
	XCloseDisplay(d);
	return 1;
}
*/
import "C"

import (
	"cmp"
	"fmt"
	"os"
)

// Display returns an error that says what to do when no X display responds. It comes before any other call into Xlib.
func Display() error {
	if C.responds() != 0 {
		return nil
	}
	return fmt.Errorf("no X display responds (DISPLAY is %s). Start it inside a desktop session; on Wayland install and "+
		"enable Xwayland. hindsightctl works without a display", cmp.Or(os.Getenv("DISPLAY"), "not set"))
}
