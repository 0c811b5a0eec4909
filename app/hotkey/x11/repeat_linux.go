package x11

import (
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// repeat reads how long a key is held before it repeats. The core protocol does not tell, so this asks the X Keyboard
// Extension (XKBproto), which xgb does not know, over a connection of its own: a client that uses the extension is not
// told by core events when the keyboard's map changes. A nil one knows nothing.
type repeat struct {
	conn   *xgb.Conn
	opcode byte // of the extension
}

// The requests of XKBproto 16, the device that stands for the core keyboard, and where a reply has the delay.
const (
	xkbUseExtension, xkbGetControls = 0, 6
	xkbUseCoreKbd                   = 0x100
	xkbRepeatDelay                  = 20
)

// openRepeat returns nil where the server has no such extension.
func openRepeat() *repeat {
	conn, err := xgb.NewConn()
	if err != nil {
		return nil
	}
	const name = "XKEYBOARD"
	if e, err := xproto.QueryExtension(conn, uint16(len(name)), name).Reply(); err == nil && e.Present {
		r := &repeat{conn, e.MajorOpcode}
		if supported, err := r.ask(xkbUseExtension, 1); err == nil && supported[1] != 0 { // version 1.0
			return r
		}
	}
	conn.Close()
	return nil
}

func (r *repeat) close() {
	if r != nil {
		r.conn.Close()
	}
}

// ask makes a request of two words, the second of which is an argument.
func (r *repeat) ask(minor byte, argument uint16) ([]byte, error) {
	b := make([]byte, 8)
	b[0], b[1] = r.opcode, minor
	xgb.Put16(b[2:], 2)
	xgb.Put16(b[4:], argument)
	c := r.conn.NewCookie(true, true)
	r.conn.NewRequest(b, c)
	return c.Reply()
}

// delay is 0 where it is not known.
func (r *repeat) delay() time.Duration {
	if r == nil {
		return 0
	}
	controls, err := r.ask(xkbGetControls, xkbUseCoreKbd)
	if err != nil || len(controls) < xkbRepeatDelay+2 {
		return 0
	}
	return time.Duration(xgb.Get16(controls[xkbRepeatDelay:])) * time.Millisecond
}
