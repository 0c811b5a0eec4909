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

// named are Windows virtual key codes (winuser.h). Those of punctuation are where a keyboard for the United States has
// it; what else that keyboard writes with Shift has none.
var named = map[string]xhotkey.Key{
	"Space": 0x20, "Return": 0x0d, "Escape": 0x1b, "Delete": 0x2e, "Tab": 0x09, "Left": 0x25, "Up": 0x26,
	"Right": 0x27, "Down": 0x28, "PageUp": 0x21, "PageDown": 0x22, "End": 0x23, "Home": 0x24, "Insert": 0x2d,
	"Pause": 0x13, "Print": 0x2c, "Backspace": 0x08, "ScrollLock": 0x91, "NumLock": 0x90, "CapsLock": 0x14, "Menu": 0x5d,
	"Semicolon": 0xba, "Equal": 0xbb, "Comma": 0xbc, "Minus": 0xbd, "Period": 0xbe, "Slash": 0xbf, "Grave": 0xc0,
	"BracketLeft": 0xdb, "Backslash": 0xdc, "BracketRight": 0xdd, "Apostrophe": 0xde, "Less": 0xe2, "Plus": 0xbb,
	"KP_0": 0x60, "KP_1": 0x61, "KP_2": 0x62, "KP_3": 0x63, "KP_4": 0x64, "KP_5": 0x65, "KP_6": 0x66, "KP_7": 0x67,
	"KP_8": 0x68, "KP_9": 0x69, "KP_Multiply": 0x6a, "KP_Add": 0x6b, "KP_Subtract": 0x6d, "KP_Decimal": 0x6e,
	"KP_Divide": 0x6f,
	"PlayPause": 0xb3, "NextTrack": 0xb0, "PreviousTrack": 0xb1, "MediaStop": 0xb2, "VolumeMute": 0xad,
	"VolumeDown": 0xae, "VolumeUp": 0xaf, "Back": 0xa6, "Forward": 0xa7, "Refresh": 0xa8, "Search": 0xaa,
	"Favorites": 0xab, "HomePage": 0xac, "Mail": 0xb4, "Launch1": 0xb6, "Launch2": 0xb7,
}

func keysym(name string) (xhotkey.Key, bool) {
	if k, ok := named[name]; ok {
		return k, true
	}
	if len(name) == 1 {
		return xhotkey.Key(name[0]), true // the codes of A to Z and 0 to 9 equal their characters
	}
	n := hotkey.Function(name)
	return xhotkey.Key(0x70 + n - 1), n > 0
}
