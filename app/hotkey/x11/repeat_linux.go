package x11

import (
	"time"

	"github.com/jezek/xgb"
)

// repeat reads how long a key is held before it repeats. The core protocol does not tell, so this asks the X Keyboard
// Extension (XKBproto), which xgb does not know, over a connection of its own: a client that uses the extension is not
// told by core events when the keyboard's map changes. A nil one knows nothing.
type repeat struct{ extension }

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
	if e, ok := openExtension(conn, "XKEYBOARD"); ok {
		r := &repeat{e}
		if supported, err := r.ask(r.with(xkbUseExtension, 1)); err == nil && supported[1] != 0 { // version 1.0
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

// with is a request with one argument.
func (r *repeat) with(minor byte, argument uint16) []byte {
	b := r.request(minor, 8)
	xgb.Put16(b[4:], argument)
	return b
}

// delay is 0 where it is not known.
func (r *repeat) delay() time.Duration {
	if r == nil {
		return 0
	}
	controls, err := r.ask(r.with(xkbGetControls, xkbUseCoreKbd))
	if err != nil || len(controls) < xkbRepeatDelay+2 {
		return 0
	}
	return time.Duration(xgb.Get16(controls[xkbRepeatDelay:])) * time.Millisecond
}
