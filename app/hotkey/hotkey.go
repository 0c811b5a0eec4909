// Package hotkey is the app's global hotkeys: the text form of a key combination, the Binder that a desktop adapter
// implements, and the Manager that keeps what is bound equal to what the settings say.
//
// Adapters: x11, Portal for Wayland desktops, and Fake for tests. The Manager has no goroutine; its Close releases all
// keys and waits for the adapter's.
package hotkey

import (
	"fmt"
	"strings"
)

// Mod is a set of modifiers.
type Mod uint8

// The modifiers.
const (
	Ctrl Mod = 1 << iota
	Alt
	Shift
	Super
)

// Combo is a key with modifiers. It can be compared.
type Combo struct {
	Mods Mod
	// Key is a canonical name: "A" to "Z", "0" to "9", "F1" to "F20", "Space", "Print", "Left"…
	Key string
}

var modNames = []struct {
	mod   Mod
	name  string
	alias []string
}{
	{Ctrl, "Ctrl", []string{"control", "ctl"}},
	{Alt, "Alt", []string{"option", "mod1"}},
	{Shift, "Shift", nil},
	{Super, "Super", []string{"win", "windows", "meta", "cmd", "mod4"}},
}

var keyNames = []string{
	"Space", "Return", "Escape", "Delete", "Tab", "Left", "Right", "Up", "Down", "Insert", "Home", "End", "PageUp",
	"PageDown", "Pause", "Print", "PlayPause", "NextTrack", "PreviousTrack",
}

// Parse reads "Alt+F10" or "ctrl + shift + s". A key without modifiers must be a function, media, Print or Pause key,
// for a letter alone could not be typed anymore.
func Parse(text string) (Combo, error) {
	var c Combo
	parts := strings.Split(text, "+")
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if i < len(parts)-1 {
			m, ok := findMod(part)
			if !ok {
				return Combo{}, fmt.Errorf("%q is not a modifier in the hotkey %q; use Ctrl, Alt, Shift or Super", part, text)
			}
			c.Mods |= m
			continue
		}
		key, ok := findKey(part)
		if !ok {
			return Combo{}, fmt.Errorf("%q is not a key in the hotkey %q; use A to Z, 0 to 9, F1 to F20, Print or Pause", part,
				text)
		}
		c.Key = key
	}
	if c.Mods&^Shift == 0 && !aloneAllowed(c.Key) {
		return Combo{}, fmt.Errorf("the hotkey %q needs Ctrl, Alt or Super, so that the key itself can still be typed", text)
	}
	return c, nil
}

// String is the canonical text, "Ctrl+Alt+F10".
func (c Combo) String() string {
	var b strings.Builder
	for _, m := range modNames {
		if c.Mods&m.mod != 0 {
			b.WriteString(m.name + "+")
		}
	}
	return b.String() + c.Key
}

func findMod(s string) (Mod, bool) {
	for _, m := range modNames {
		if strings.EqualFold(s, m.name) {
			return m.mod, true
		}
		for _, a := range m.alias {
			if strings.EqualFold(s, a) {
				return m.mod, true
			}
		}
	}
	return 0, false
}

func findKey(s string) (string, bool) {
	up := strings.ToUpper(s)
	if len(up) == 1 && (up[0] >= 'A' && up[0] <= 'Z' || up[0] >= '0' && up[0] <= '9') {
		return up, true
	}
	if n := functionKey(up); n > 0 {
		return up, true
	}
	for _, k := range keyNames {
		if strings.EqualFold(s, k) {
			return k, true
		}
	}
	return "", false
}

// functionKey is the number of "F1" to "F20", 0 for anything else.
func functionKey(s string) int {
	for n := 1; n <= 20; n++ {
		if s == fmt.Sprintf("F%d", n) {
			return n
		}
	}
	return 0
}

func aloneAllowed(key string) bool {
	switch key {
	case "Print", "Pause", "PlayPause", "NextTrack", "PreviousTrack":
		return true
	}
	return functionKey(key) > 0
}

// A Binder takes key combinations for this app one by one.
type Binder interface {
	// Bind takes the combination. What happens is called from a goroutine of the binder and must not block.
	Bind(name, purpose string, c Combo, on Handler) (Binding, error)
	// Close releases what the binder itself holds. All bindings are closed before.
	Close() error
}

// A SetBinder takes all combinations of this app in one step, on desktops that let the user see and change them.
type SetBinder interface {
	// BindAll makes keys the only ones that are bound, and returns one error for each, nil where it is bound. It may
	// wait for the user.
	BindAll(keys []Key) []error
	// Close gives everything back and makes a BindAll on its way return. It may be called twice.
	Close() error
}

// Key is one combination of a SetBinder.
type Key struct {
	// Name identifies it to the desktop, which shows Purpose.
	Name, Purpose string
	Combo         Combo
	On            Handler
}

// Handler is what a key does. Up follows each Down, also when the combination is given back while the key is held.
type Handler struct {
	Down, Up func()
	// Lost is called when the combination stops working, with the reason, and with nil when it works again. It may be
	// nil.
	Lost func(reason error)
}

// Binding is one taken combination.
type Binding interface {
	// Close gives the combination back and waits until the handler is not called anymore.
	Close() error
}

// Names of the bindings that every part of the app knows.
const (
	SaveName  = "save"
	ShareName = "share"
	MuteName  = "mute"
	TalkName  = "talk"

	RecordName     = "record"
	MarkName       = "mark"
	ScreenshotName = "screenshot"
)
