package desktop

import (
	"encoding/binary"
	"strings"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// longProperty is how much of a property is read, in units of 4 bytes.
const longProperty = 64

// FocusedApp names the program whose window has the focus, by its class (ICCCM, 4.1.2.5, and EWMH, _NET_ACTIVE_WINDOW);
// empty where it is unknown: on Wayland, with no window in front, or under a window manager that does not say.
func FocusedApp() string {
	conn, err := xgb.NewConn()
	if err != nil {
		return ""
	}
	defer conn.Close()
	property := func(w xproto.Window, name string) []byte {
		atom, err := xproto.InternAtom(conn, true, uint16(len(name)), name).Reply()
		if err != nil || atom.Atom == 0 {
			return nil
		}
		p, err := xproto.GetProperty(conn, false, w, atom.Atom, xproto.GetPropertyTypeAny, 0, longProperty).Reply()
		if err != nil {
			return nil
		}
		return p.Value
	}
	active := property(xproto.Setup(conn).DefaultScreen(conn).Root, "_NET_ACTIVE_WINDOW")
	if len(active) < 4 {
		return ""
	}
	// Two texts that end in a zero byte each: the instance, then the class.
	names := strings.Split(string(property(xproto.Window(binary.LittleEndian.Uint32(active)), "WM_CLASS")), "\x00")
	if len(names) < 2 {
		return ""
	}
	return names[1]
}
