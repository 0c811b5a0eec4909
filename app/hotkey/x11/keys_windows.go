package x11

import (
	xhotkey "golang.design/x/hotkey"

	"github.com/hindsight-app/hindsight/app/hotkey"
)

func modifiers(m hotkey.Mod) []xhotkey.Modifier {
	var out []xhotkey.Modifier
	for _, p := range []struct {
		mod hotkey.Mod
		win xhotkey.Modifier
	}{{hotkey.Ctrl, xhotkey.ModCtrl}, {hotkey.Alt, xhotkey.ModAlt}, {hotkey.Shift, xhotkey.ModShift},
		{hotkey.Super, xhotkey.ModWin}} {
		if m&p.mod != 0 {
			out = append(out, p.win)
		}
	}
	return out
}

// named are Windows virtual key codes.
var named = map[string]xhotkey.Key{
	"Space": 0x20, "Return": 0x0d, "Escape": 0x1b, "Delete": 0x2e, "Tab": 0x09, "Left": 0x25, "Up": 0x26,
	"Right": 0x27, "Down": 0x28, "PageUp": 0x21, "PageDown": 0x22, "End": 0x23, "Home": 0x24, "Insert": 0x2d,
	"Pause": 0x13, "Print": 0x2c, "PlayPause": 0xb3, "NextTrack": 0xb0, "PreviousTrack": 0xb1,
}

func keysym(name string) (xhotkey.Key, bool) {
	if k, ok := named[name]; ok {
		return k, true
	}
	if len(name) == 1 {
		return xhotkey.Key(name[0]), true // the codes of A to Z and 0 to 9 equal their characters
	}
	n := 0
	for _, d := range name[1:] {
		n = n*10 + int(d-'0')
	}
	return xhotkey.Key(0x70 + n - 1), name[0] == 'F' && n >= 1 && n <= 20
}
