package x11

import (
	"fmt"
	"slices"
	"unicode"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"golang.org/x/text/encoding/charmap"

	"github.com/hindsight-app/hindsight/app/hotkey"
)

// modifiers translates to X11 masks (X.h): Alt is Mod1 and Super Mod4 on every usual keyboard map.
func modifiers(m hotkey.Mod) uint16 {
	var out uint16
	for mod, x := range masks {
		if m&mod != 0 {
			out |= x
		}
	}
	return out
}

var masks = map[hotkey.Mod]uint16{
	hotkey.Ctrl: xproto.ModMaskControl, hotkey.Alt: xproto.ModMask1, hotkey.Shift: xproto.ModMaskShift,
	hotkey.Super: xproto.ModMask4,
}

// pressed is the reverse of modifiers.
func pressed(state uint16) (m hotkey.Mod) {
	for mod, x := range masks {
		if state&x != 0 {
			m |= mod
		}
	}
	return m
}

// named are keysyms of keysymdef.h and XF86keysym.h by the names of package hotkey. Where a key has several, the
// first is the one to look for.
var named = map[string][]xproto.Keysym{
	"Return": {0xff0d}, "Escape": {0xff1b}, "Backspace": {0xff08}, "Delete": {0xffff},
	"Tab": {0xff09}, "Left": {0xff51}, "Up": {0xff52}, "Right": {0xff53}, "Down": {0xff54}, "PageUp": {0xff55},
	"PageDown": {0xff56}, "End": {0xff57}, "Home": {0xff50}, "Insert": {0xff63}, "Pause": {0xff13}, "Print": {0xff61},
	"ScrollLock": {0xff14}, "NumLock": {0xff7f}, "CapsLock": {0xffe5}, "Menu": {0xff67}, "Compose": {0xff20},
	"LeftCtrl": {0xffe3}, "RightCtrl": {0xffe4}, "LeftShift": {0xffe1}, "RightShift": {0xffe2},
	"LeftAlt": {0xffe9, 0xffe7}, "RightAlt": {0xffea, 0xffe8, 0xfe03}, "LeftSuper": {0xffeb}, "RightSuper": {0xffec},
	// The keypad makes the second without NumLock.
	"KP_0": {0xffb0, 0xff9e}, "KP_1": {0xffb1, 0xff9c}, "KP_2": {0xffb2, 0xff99}, "KP_3": {0xffb3, 0xff9b},
	"KP_4": {0xffb4, 0xff96}, "KP_5": {0xffb5, 0xff9d}, "KP_6": {0xffb6, 0xff98}, "KP_7": {0xffb7, 0xff95},
	"KP_8": {0xffb8, 0xff97}, "KP_9": {0xffb9, 0xff9a}, "KP_Decimal": {0xffae, 0xffac, 0xff9f}, "KP_Add": {0xffab},
	"KP_Subtract": {0xffad}, "KP_Multiply": {0xffaa}, "KP_Divide": {0xffaf}, "KP_Enter": {0xff8d},
	"KP_Equal":  {0xffbd},
	"PlayPause": {0x1008ff14}, "NextTrack": {0x1008ff17}, "PreviousTrack": {0x1008ff16}, "MediaStop": {0x1008ff15},
	"MediaPause": {0x1008ff31}, "MediaRecord": {0x1008ff1c}, "MediaRewind": {0x1008ff3e}, "MediaForward": {0x1008ff97},
	"VolumeUp": {0x1008ff13}, "VolumeDown": {0x1008ff11}, "VolumeMute": {0x1008ff12}, "MicMute": {0x1008ffb2},
	"Mail": {0x1008ff19}, "Calculator": {0x1008ff1d}, "HomePage": {0x1008ff18}, "Search": {0x1008ff1b},
	"Favorites": {0x1008ff30}, "Back": {0x1008ff26}, "Forward": {0x1008ff27}, "Refresh": {0x1008ff29},
	"Eject": {0x1008ff2c}, "Explorer": {0x1008ff5d}, "BrightnessUp": {0x1008ff02}, "BrightnessDown": {0x1008ff03},
	"Launch1": {0x1008ff41}, "Launch2": {0x1008ff42}, "Launch3": {0x1008ff43}, "Launch4": {0x1008ff44},
}

// punctuation are the names of what ASCII characters are; their keysyms equal their characters.
var punctuation = map[string]xproto.Keysym{
	"Space": ' ', "Exclam": '!', "QuoteDouble": '"', "NumberSign": '#', "Dollar": '$', "Percent": '%', "Ampersand": '&',
	"Apostrophe": '\'', "ParenLeft": '(', "ParenRight": ')', "Asterisk": '*', "Plus": '+', "Comma": ',', "Minus": '-',
	"Period": '.', "Slash": '/', "Colon": ':', "Semicolon": ';', "Less": '<', "Equal": '=', "Greater": '>',
	"Question": '?', "At": '@', "BracketLeft": '[', "Backslash": '\\', "BracketRight": ']', "Circumflex": '^',
	"Underscore": '_', "Grave": '`', "BraceLeft": '{', "Bar": '|', "BraceRight": '}', "Tilde": '~',
}

// keysyms are those that a key of this name makes, the usual one first; none for numbers.
func keysyms(name string) []xproto.Keysym {
	if all, ok := named[name]; ok {
		return all
	}
	if s, ok := punctuation[name]; ok {
		return []xproto.Keysym{s}
	}
	if len(name) == 1 {
		c := name[0]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		return []xproto.Keysym{xproto.Keysym(c)} // Latin-1 keysyms equal their characters
	}
	if n := hotkey.Function(name); n > 0 {
		return []xproto.Keysym{xproto.Keysym(0xffbe + n - 1)}
	}
	return nil
}

// nameOf is the reverse of keysyms.
var nameOf = func() map[xproto.Keysym]string {
	out := map[xproto.Keysym]string{}
	add := func(name string) {
		for _, s := range keysyms(name) {
			out[s] = name
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		add(string(c))
	}
	for c := '0'; c <= '9'; c++ {
		add(string(c))
	}
	for n := 1; n <= 24; n++ {
		add(fmt.Sprintf("F%d", n))
	}
	for name := range named {
		add(name)
	}
	for name := range punctuation {
		add(name)
	}
	return out
}()

// american is what the keys of a keyboard for the United States are called, by the keycodes that X servers on Linux
// give them (evdev's plus 8).
var american = func() map[xproto.Keycode]string {
	out := map[xproto.Keycode]string{
		20: "Minus", 21: "Equal", 34: "BracketLeft", 35: "BracketRight", 47: "Semicolon", 48: "Apostrophe", 49: "Grave",
		51: "Backslash", 59: "Comma", 60: "Period", 61: "Slash", 94: "Less", 108: "RightAlt",
	}
	for first, row := range map[xproto.Keycode]string{10: "1234567890", 24: "QWERTYUIOP", 38: "ASDFGHJKL", 52: "ZXCVBNM"} {
		for i, c := range row {
			out[first+xproto.Keycode(i)] = string(c)
		}
	}
	for n := 13; n <= 24; n++ { // the usual layouts give them no keysyms of their own
		out[xproto.Keycode(191+n-13)] = fmt.Sprintf("F%d", n)
	}
	return out
}()

// keymap is the keyboard's map: what each key makes, and the one name that each has on it.
type keymap struct {
	first xproto.Keycode
	per   int
	syms  []xproto.Keysym
	names map[xproto.Keycode]string
	keys  map[string][]xproto.Keycode
}

// The columns of the core protocol's map (X Window System Protocol, 5): two levels of the first group, two of the
// second.
const (
	base, shifted, second = 0, 1, 2
)

func readKeymap(conn *xgb.Conn) (*keymap, error) {
	setup := xproto.Setup(conn)
	first, count := setup.MinKeycode, int(setup.MaxKeycode)-int(setup.MinKeycode)+1
	m, err := xproto.GetKeyboardMapping(conn, first, byte(count)).Reply()
	if err != nil {
		return nil, fmt.Errorf("the keyboard's map cannot be read: %w", err)
	}
	return newKeymap(first, int(m.KeysymsPerKeycode), m.Keysyms), nil
}

// newKeymap names the keys. Each has one name, and a name that several keys want goes to those with the better
// claim:
//
//  1. digits belong to the upper row, also where they need Shift (as on French keyboards);
//  2. a key is called by what it makes, and where that has no name (as with Cyrillic letters), by what it makes in the
//     second group;
//  3. then by what it makes on a keyboard for the United States;
//  4. then by its number.
func newKeymap(first xproto.Keycode, per int, syms []xproto.Keysym) *keymap {
	m := &keymap{
		first: first, per: per, syms: syms, names: map[xproto.Keycode]string{}, keys: map[string][]xproto.Keycode{},
	}
	bare := func(k xproto.Keycode) bool { return m.names[k] == "" }
	claim := func(of func(xproto.Keycode) string) {
		found := map[string][]xproto.Keycode{}
		for k := range m.codes {
			if name := of(k); bare(k) && name != "" && m.keys[name] == nil {
				found[name] = append(found[name], k)
			}
		}
		for name, list := range found {
			m.keys[name] = list
			for _, k := range list {
				m.names[k] = name
			}
		}
	}
	direct := map[xproto.Keysym]bool{}
	for k := range m.codes {
		direct[m.sym(k, base)] = true
	}
	claim(func(k xproto.Keycode) string {
		name := american[k]
		if len(name) != 1 || name[0] > '9' {
			return ""
		}
		if digit := xproto.Keysym(name[0]); direct[digit] || m.sym(k, shifted) != digit {
			return ""
		}
		return name
	})
	claim(func(k xproto.Keycode) string { return nameOf[m.sym(k, base)] })
	claim(func(k xproto.Keycode) string { return nameOf[m.sym(k, second)] })
	claim(func(k xproto.Keycode) string {
		if m.sym(k, base) == 0 && american[k] != "" && hotkey.Function(american[k]) == 0 {
			return ""
		}
		return american[k]
	})
	claim(func(k xproto.Keycode) string { return fmt.Sprintf("Key%d", k) })
	return m
}

// codes visits all keycodes. Never 0, which would be every key (XGrabKey(3), AnyKey).
func (m *keymap) codes(visit func(xproto.Keycode) bool) {
	for i := range len(m.syms) / max(m.per, 1) {
		if k := int(m.first) + i; k > 0 && k <= 255 && !visit(xproto.Keycode(k)) {
			return
		}
	}
}

// sym is what a key makes in a column, 0 for nothing.
func (m *keymap) sym(k xproto.Keycode, column int) xproto.Keysym {
	i := int(k-m.first)*m.per + column
	if k < m.first || column >= m.per || i >= len(m.syms) {
		return 0
	}
	return m.syms[i]
}

// find returns the keys of a name: those that have it, else those that make it with the fewest modifiers, else the
// one that does on a keyboard for the United States.
func (m *keymap) find(name string) ([]xproto.Keycode, error) {
	if keys := m.keys[name]; keys != nil {
		return keys, nil
	}
	if n := hotkey.Code(name); n > 0 {
		if k := xproto.Keycode(n); k >= m.first {
			return []xproto.Keycode{k}, nil
		}
	}
	for column := range m.per {
		var keys []xproto.Keycode
		for k := range m.codes {
			if s := m.sym(k, column); s != 0 && slices.Contains(keysyms(name), s) {
				keys = append(keys, k)
			}
		}
		if keys != nil {
			return keys, nil
		}
	}
	for k := range m.codes {
		if american[k] == name && m.sym(k, base) != 0 {
			return []xproto.Keycode{k}, nil
		}
	}
	return nil, fmt.Errorf("%w %s", hotkey.ErrNoKey, name)
}

// written is what a key writes on this layout, in capitals, or a name of what it makes.
func (m *keymap) written(name string) string {
	keys, err := m.find(name)
	if err != nil {
		return ""
	}
	for _, column := range []int{base, shifted} {
		if r := character(m.sym(keys[0], column)); r != 0 {
			return string(unicode.ToUpper(r))
		}
	}
	if n := hotkey.Code(name); n > 0 {
		return fmt.Sprintf("Key %d", n)
	}
	return ""
}

// legacy are the sets of keysyms that follow a character set (keysymdef.h): the high byte, and the low byte is the
// character.
var legacy = map[xproto.Keysym]*charmap.Charmap{
	1: charmap.ISO8859_2, 2: charmap.ISO8859_3, 3: charmap.ISO8859_4, 5: charmap.ISO8859_6, 6: charmap.KOI8U,
	7: charmap.ISO8859_7, 0xc: charmap.ISO8859_8, 0xd: charmap.Windows874,
}

// dead are accents that wait for a letter.
var dead = map[xproto.Keysym]rune{
	0xfe50: '`', 0xfe51: '´', 0xfe52: '^', 0xfe53: '~', 0xfe54: '¯', 0xfe55: '˘', 0xfe56: '˙', 0xfe57: '¨',
	0xfe58: '°', 0xfe59: '˝', 0xfe5a: 'ˇ', 0xfe5b: '¸', 0xfe5c: '˛', 0x7f2: 'σ', 0x7f3: 'ς',
}

// character is what a keysym writes, 0 for nothing visible.
func character(s xproto.Keysym) rune {
	var r rune
	switch set := legacy[s>>8]; {
	case dead[s] != 0:
		return dead[s]
	case s > 0x20 && s < 0x7f || s > 0xa0 && s <= 0xff:
		r = rune(s)
	case s>>24 == 1 && s&0xffffff <= unicode.MaxRune: // Unicode
		r = rune(s & 0xffffff)
	case set != nil && s&0xff > 0xa0:
		r = set.DecodeByte(byte(s))
	}
	if !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar {
		return 0
	}
	return r
}
