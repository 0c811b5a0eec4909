package hotkey

import (
	"fmt"
	"strconv"
	"strings"
)

// kind is what is special about a key.
type kind uint8

const (
	ordinary kind = iota
	// typing keys write text, and so do other keys in it like Return or Left: without modifiers they are for
	// push-to-talk, which lets them through.
	typing
	// modifier keys are for push-to-talk, alone.
	modifier
)

// key is one key by its name in settings. What it is called in keysymdef.h and XF86keysym.h is what the portal's
// specification of shortcuts calls it.
type key struct {
	name   string
	keysym string
	kind   kind
	// shown is what people call it, where that is not what it writes on the layout or its name.
	shown string
	alias []string
}

// keys are all keys with a name but letters, digits, F1 to F24, numbers and mouse buttons.
var keys = []key{
	{"Space", "space", typing, "Space", nil}, {"Return", "Return", typing, "Enter", []string{"Enter"}},
	{"Escape", "Escape", typing, "Esc", []string{"Esc"}}, {"Backspace", "BackSpace", typing, "Backspace", nil},
	{"Delete", "Delete", typing, "Delete", []string{"Del"}}, {"Tab", "Tab", typing, "Tab", nil},
	{"Left", "Left", typing, "Left", nil}, {"Right", "Right", typing, "Right", nil}, {"Up", "Up", typing, "Up", nil},
	{"Down", "Down", typing, "Down", nil}, {"Insert", "Insert", typing, "Insert", []string{"Ins"}},
	{"Home", "Home", typing, "Home", nil}, {"End", "End", typing, "End", nil},
	{"PageUp", "Prior", typing, "Page Up", nil}, {"PageDown", "Next", typing, "Page Down", nil},
	{"Pause", "Pause", ordinary, "Pause", []string{"Break"}},
	{"Print", "Print", ordinary, "Print Screen", []string{"PrintScreen"}},
	{"ScrollLock", "Scroll_Lock", ordinary, "Scroll Lock", nil}, {"NumLock", "Num_Lock", modifier, "Num Lock", nil},
	{"CapsLock", "Caps_Lock", modifier, "Caps Lock", nil}, {"Menu", "Menu", ordinary, "Menu", nil},
	{"Compose", "Multi_key", ordinary, "Compose", nil},
	{"LeftCtrl", "Control_L", modifier, "Left Ctrl", nil}, {"RightCtrl", "Control_R", modifier, "Right Ctrl", nil},
	{"LeftShift", "Shift_L", modifier, "Left Shift", nil}, {"RightShift", "Shift_R", modifier, "Right Shift", nil},
	{"LeftAlt", "Alt_L", modifier, "Left Alt", nil}, {"RightAlt", "Alt_R", modifier, "Right Alt", []string{"AltGr"}},
	{"LeftSuper", "Super_L", modifier, "Left Super", nil}, {"RightSuper", "Super_R", modifier, "Right Super", nil},

	{"Exclam", "exclam", typing, "", []string{"!"}}, {"QuoteDouble", "quotedbl", typing, "", []string{`"`}},
	{"NumberSign", "numbersign", typing, "", []string{"#"}}, {"Dollar", "dollar", typing, "", []string{"$"}},
	{"Percent", "percent", typing, "", []string{"%"}}, {"Ampersand", "ampersand", typing, "", []string{"&"}},
	{"Apostrophe", "apostrophe", typing, "", []string{"'"}}, {"ParenLeft", "parenleft", typing, "", []string{"("}},
	{"ParenRight", "parenright", typing, "", []string{")"}}, {"Asterisk", "asterisk", typing, "", []string{"*"}},
	{"Plus", "plus", typing, "", nil}, {"Comma", "comma", typing, "", []string{","}},
	{"Minus", "minus", typing, "", []string{"-"}}, {"Period", "period", typing, "", []string{"."}},
	{"Slash", "slash", typing, "", []string{"/"}}, {"Colon", "colon", typing, "", []string{":"}},
	{"Semicolon", "semicolon", typing, "", []string{";"}}, {"Less", "less", typing, "", []string{"<"}},
	{"Equal", "equal", typing, "", []string{"="}}, {"Greater", "greater", typing, "", []string{">"}},
	{"Question", "question", typing, "", []string{"?"}}, {"At", "at", typing, "", []string{"@"}},
	{"BracketLeft", "bracketleft", typing, "", []string{"["}},
	{"Backslash", "backslash", typing, "", []string{`\`}},
	{"BracketRight", "bracketright", typing, "", []string{"]"}},
	{"Circumflex", "asciicircum", typing, "", []string{"^"}},
	{"Underscore", "underscore", typing, "", []string{"_"}}, {"Grave", "grave", typing, "", []string{"`"}},
	{"BraceLeft", "braceleft", typing, "", []string{"{"}}, {"Bar", "bar", typing, "", []string{"|"}},
	{"BraceRight", "braceright", typing, "", []string{"}"}}, {"Tilde", "asciitilde", typing, "", []string{"~"}},

	// What these write can be typed with other keys.
	{"KP_0", "KP_0", ordinary, "Num 0", nil}, {"KP_1", "KP_1", ordinary, "Num 1", nil},
	{"KP_2", "KP_2", ordinary, "Num 2", nil}, {"KP_3", "KP_3", ordinary, "Num 3", nil},
	{"KP_4", "KP_4", ordinary, "Num 4", nil}, {"KP_5", "KP_5", ordinary, "Num 5", nil},
	{"KP_6", "KP_6", ordinary, "Num 6", nil}, {"KP_7", "KP_7", ordinary, "Num 7", nil},
	{"KP_8", "KP_8", ordinary, "Num 8", nil}, {"KP_9", "KP_9", ordinary, "Num 9", nil},
	{"KP_Add", "KP_Add", ordinary, "Num +", nil}, {"KP_Subtract", "KP_Subtract", ordinary, "Num −", nil},
	{"KP_Multiply", "KP_Multiply", ordinary, "Num *", nil}, {"KP_Divide", "KP_Divide", ordinary, "Num /", nil},
	{"KP_Decimal", "KP_Decimal", ordinary, "Num .", []string{"KP_Separator"}},
	{"KP_Enter", "KP_Enter", ordinary, "Num Enter", nil}, {"KP_Equal", "KP_Equal", ordinary, "Num =", nil},

	{"PlayPause", "XF86AudioPlay", ordinary, "Play/Pause", nil},
	{"NextTrack", "XF86AudioNext", ordinary, "Next track", nil},
	{"PreviousTrack", "XF86AudioPrev", ordinary, "Previous track", nil},
	{"MediaStop", "XF86AudioStop", ordinary, "Stop", nil}, {"MediaPause", "XF86AudioPause", ordinary, "Media pause", nil},
	{"MediaRecord", "XF86AudioRecord", ordinary, "Record", nil},
	{"MediaRewind", "XF86AudioRewind", ordinary, "Rewind", nil},
	{"MediaForward", "XF86AudioForward", ordinary, "Fast forward", nil},
	{"VolumeUp", "XF86AudioRaiseVolume", ordinary, "Volume up", nil},
	{"VolumeDown", "XF86AudioLowerVolume", ordinary, "Volume down", nil},
	{"VolumeMute", "XF86AudioMute", ordinary, "Mute", nil},
	{"MicMute", "XF86AudioMicMute", ordinary, "Microphone mute", nil},
	{"Mail", "XF86Mail", ordinary, "Mail", nil}, {"Calculator", "XF86Calculator", ordinary, "Calculator", nil},
	{"HomePage", "XF86HomePage", ordinary, "Home page", nil}, {"Search", "XF86Search", ordinary, "Search", nil},
	{"Favorites", "XF86Favorites", ordinary, "Favorites", nil}, {"Back", "XF86Back", ordinary, "Back", nil},
	{"Forward", "XF86Forward", ordinary, "Forward", nil}, {"Refresh", "XF86Refresh", ordinary, "Refresh", nil},
	{"Eject", "XF86Eject", ordinary, "Eject", nil}, {"Explorer", "XF86Explorer", ordinary, "Explorer", nil},
	{"BrightnessUp", "XF86MonBrightnessUp", ordinary, "Brightness up", nil},
	{"BrightnessDown", "XF86MonBrightnessDown", ordinary, "Brightness down", nil},
	{"Launch1", "XF86Launch1", ordinary, "Launch 1", nil}, {"Launch2", "XF86Launch2", ordinary, "Launch 2", nil},
	{"Launch3", "XF86Launch3", ordinary, "Launch 3", nil}, {"Launch4", "XF86Launch4", ordinary, "Launch 4", nil},
}

var byName = func() map[string]*key {
	all := map[string]*key{}
	for i := range keys {
		k := &keys[i]
		for _, name := range append([]string{k.name, k.keysym}, k.alias...) {
			if fold := strings.ToLower(name); all[fold] == nil {
				all[fold] = k
			}
		}
	}
	return all
}()

// Names are all names of keys but those with a number of their own: letters, digits, F1 to F24, Mouse4 to Mouse32
// and Key8 to Key255.
func Names() []string {
	var names []string
	for _, k := range keys {
		names = append(names, k.name)
	}
	return names
}

// The buttons of a mouse that can be hotkeys, by X11's numbers: 4 to 7 are the wheels, 8 and 9 the buttons that
// browsers use to go back and forward.
const (
	firstButton, lastWheel, lastButton = 4, 7, 32
	firstCode, lastCode                = 8, 255 // of X11's keycodes
	lastFunction                       = 24
)

// Button is the number of a mouse button's name, 0 for keys.
func Button(key string) int { return numbered(key, "Mouse", firstButton, lastButton) }

// Code is the number in "Key94", a key without a name, and 0 for others. It is X11's, as xev shows it.
func Code(key string) int { return numbered(key, "Key", firstCode, lastCode) }

// Function is the number of "F1" to "F24", 0 for others.
func Function(key string) int { return numbered(key, "F", 1, lastFunction) }

// numbered is the number in a name like "F10", 0 where it is none from low to high.
func numbered(name, prefix string, low, high int) int {
	digits, ok := cutPrefixFold(name, prefix)
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < low || n > high || strconv.Itoa(n) != digits {
		return 0
	}
	return n
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// findKey is a key's canonical name.
func findKey(s string) (string, bool) {
	up := strings.ToUpper(s)
	if len(up) == 1 && (up[0] >= 'A' && up[0] <= 'Z' || up[0] >= '0' && up[0] <= '9') {
		return up, true
	}
	for _, f := range []struct {
		prefix string
		n      int
	}{{"F", Function(s)}, {"Mouse", Button(s)}, {"Key", Code(s)}} {
		if f.n > 0 {
			return f.prefix + strconv.Itoa(f.n), true
		}
	}
	if k := byName[strings.ToLower(s)]; k != nil {
		return k.name, true
	}
	return "", false
}

func kindOf(name string) kind {
	switch {
	case len(name) == 1, Code(name) > 0:
		return typing
	case Function(name) > 0:
		return ordinary
	case Button(name) > 0:
		if Button(name) <= lastWheel {
			return typing // a wheel alone scrolls
		}
		return ordinary
	}
	if k := byName[strings.ToLower(name)]; k != nil {
		return k.kind
	}
	return ordinary
}

// Keysym is the name of what a key makes in keysymdef.h and XF86keysym.h, which the freedesktop specification of
// shortcuts uses as well; empty for mouse buttons and for keys without a name.
func Keysym(name string) string {
	if len(name) == 1 {
		return strings.ToLower(name)
	}
	if Function(name) > 0 {
		return name
	}
	if k := byName[strings.ToLower(name)]; k != nil && k.name == name {
		return k.keysym
	}
	return ""
}

// shown is what people call a key whose name does not depend on the layout, and empty for one that writes something.
func shown(name string) string {
	if n := Button(name); n > 0 {
		return fmt.Sprintf("Mouse %d", n) + map[int]string{
			4: " (wheel up)", 5: " (wheel down)", 6: " (wheel left)", 7: " (wheel right)", 8: " (back)", 9: " (forward)",
		}[n]
	}
	if Function(name) > 0 {
		return name
	}
	if k := byName[strings.ToLower(name)]; k != nil {
		return k.shown
	}
	return ""
}

// Label is the combination for people, "Ctrl + Alt + Page Up". Written says what a key writes on the layout, and may
// be nil.
func (c Combo) Label(written func(key string) string) string {
	var parts []string
	for _, m := range modNames {
		if c.Mods&m.mod != 0 {
			parts = append(parts, m.name)
		}
	}
	text := shown(c.Key)
	if text == "" && written != nil {
		text = written(c.Key)
	}
	if text == "" {
		text = c.Key
	}
	return strings.Join(append(parts, text), " + ")
}
