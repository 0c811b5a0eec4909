package x11

import (
	"fmt"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"github.com/hindsight-app/hindsight/app/hotkey"
)

// modifiers translates to X11 masks (X.h): Alt is Mod1 and Super Mod4 on every usual keyboard map.
func modifiers(m hotkey.Mod) uint16 {
	var out uint16
	for _, p := range []struct {
		mod hotkey.Mod
		x   uint16
	}{
		{hotkey.Ctrl, xproto.ModMaskControl}, {hotkey.Alt, xproto.ModMask1},
		{hotkey.Shift, xproto.ModMaskShift}, {hotkey.Super, xproto.ModMask4},
	} {
		if m&p.mod != 0 {
			out |= p.x
		}
	}
	return out
}

// named are X11 keysyms (keysymdef.h, XF86keysym.h).
var named = map[string]xproto.Keysym{
	"Space": 0x0020, "Return": 0xff0d, "Escape": 0xff1b, "Delete": 0xffff, "Tab": 0xff09, "Left": 0xff51, "Up": 0xff52,
	"Right": 0xff53, "Down": 0xff54, "PageUp": 0xff55, "PageDown": 0xff56, "End": 0xff57, "Home": 0xff50,
	"Insert": 0xff63, "Pause": 0xff13, "Print": 0xff61, "PlayPause": 0x1008ff14, "NextTrack": 0x1008ff17,
	"PreviousTrack": 0x1008ff16,
}

func keysym(name string) (xproto.Keysym, bool) {
	if k, ok := named[name]; ok {
		return k, true
	}
	if len(name) == 1 {
		c := name[0]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		return xproto.Keysym(c), true // Latin-1 keysyms equal their characters
	}
	n := 0
	for _, d := range name[1:] {
		n = n*10 + int(d-'0')
	}
	return xproto.Keysym(0xffbe + n - 1), name[0] == 'F' && n >= 1 && n <= 20
}

// keycodes reads the keyboard's map and returns a function that finds the physical keys of a name: those that make its
// keysym with the fewest modifiers. It never returns keycode 0.
func keycodes(conn *xgb.Conn) (func(name string) ([]xproto.Keycode, error), error) {
	setup := xproto.Setup(conn)
	first, count := setup.MinKeycode, int(setup.MaxKeycode)-int(setup.MinKeycode)+1
	m, err := xproto.GetKeyboardMapping(conn, first, byte(count)).Reply()
	if err != nil {
		return nil, err
	}
	per := int(m.KeysymsPerKeycode)
	return func(name string) ([]xproto.Keycode, error) {
		sym, ok := keysym(name)
		if !ok {
			return nil, fmt.Errorf("the key %s cannot be used as a hotkey on this system", name)
		}
		for column := range per {
			var keys []xproto.Keycode
			for i := 0; i < count && i*per+column < len(m.Keysyms); i++ {
				if k := first + xproto.Keycode(i); k != 0 && m.Keysyms[i*per+column] == sym {
					keys = append(keys, k)
				}
			}
			if keys != nil {
				return keys, nil
			}
		}
		return nil, fmt.Errorf("the keyboard layout has no key %s", name)
	}, nil
}
