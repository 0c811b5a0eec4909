//go:build cgo

package x11

import (
	xhotkey "golang.design/x/hotkey"

	"github.com/hindsight-app/hindsight/app/hotkey"
)

// modifiers translates to X11 masks (X.h): Alt is Mod1 and Super Mod4 on every usual keyboard map.
func modifiers(m hotkey.Mod) []xhotkey.Modifier {
	var out []xhotkey.Modifier
	for _, p := range []struct {
		mod hotkey.Mod
		x   xhotkey.Modifier
	}{{hotkey.Ctrl, xhotkey.ModCtrl}, {hotkey.Alt, xhotkey.Mod1}, {hotkey.Shift, xhotkey.ModShift}, {hotkey.Super, xhotkey.Mod4}} {
		if m&p.mod != 0 {
			out = append(out, p.x)
		}
	}
	return out
}

// named are X11 keysyms (keysymdef.h, XF86keysym.h).
var named = map[string]xhotkey.Key{
	"Space": 0x0020, "Return": 0xff0d, "Escape": 0xff1b, "Delete": 0xffff, "Tab": 0xff09, "Left": 0xff51, "Up": 0xff52,
	"Right": 0xff53, "Down": 0xff54, "PageUp": 0xff55, "PageDown": 0xff56, "End": 0xff57, "Home": 0xff50,
	"Insert": 0xff63, "Pause": 0xff13, "Print": 0xff61, "PlayPause": 0x1008ff14, "NextTrack": 0x1008ff17,
	"PreviousTrack": 0x1008ff16,
}

func keysym(name string) (xhotkey.Key, bool) {
	if k, ok := named[name]; ok {
		return k, true
	}
	if len(name) == 1 {
		c := name[0]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		return xhotkey.Key(c), true // Latin-1 keysyms equal their characters
	}
	n := 0
	for _, d := range name[1:] {
		n = n*10 + int(d-'0')
	}
	return xhotkey.Key(0xffbe + n - 1), name[0] == 'F' && n >= 1 && n <= 20
}
