// Package hotkey is the app's global hotkeys: the text form of a key combination, the Binder that a desktop adapter
// implements, and the Manager that keeps what is bound equal to what the settings say.
//
// Adapters: x11, Portal for Wayland desktops, and hotkeytest. The Manager has no goroutine; its Close releases all keys
// and waits for the adapter's.
package hotkey

import (
	"context"
	"errors"
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

// Combo is a key, or a button of the mouse, with modifiers. It can be compared.
type Combo struct {
	Mods Mod
	// Key is a canonical name: "A" to "Z", "0" to "9", "F1" to "F24", a name of Names like "Space", "Minus", "KP_5" or
	// "PlayPause", a button of the mouse like "Mouse8", or "Key94" for a key without a name, by X11's number.
	//
	// A name of what a key writes is that key on the layout in use. Where no key writes it, as with letters on a
	// Cyrillic layout, it is the key that does on a keyboard for the United States.
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

// Parse reads "Alt+F10" or "ctrl + shift + s". A key that types needs Ctrl, Alt or Super.
func Parse(text string) (Combo, error) {
	c, err := ParseTalk(text)
	if err == nil && c.Typing() {
		return Combo{}, fmt.Errorf("the hotkey %q needs Ctrl, Alt or Super, so that the key itself can still be used", text)
	}
	return c, err
}

// ParseTalk reads the hotkey of push-to-talk, which may be a key that types or a modifier: it is let through.
func ParseTalk(text string) (Combo, error) {
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
			return Combo{}, fmt.Errorf("%q is not a key in the hotkey %q; use A to Z, 0 to 9, F1 to F24, KP_0 to KP_9, "+
				"Mouse8, or press it in Settings", part, text)
		}
		c.Key = key
	}
	if c.Mods != 0 && kindOf(c.Key) == modifier {
		return Combo{}, fmt.Errorf("the hotkey %q has no key beside the modifiers", text)
	}
	if n := Button(c.Key); n > 0 && n <= lastWheel && c.Typing() {
		return Combo{}, fmt.Errorf("the hotkey %q needs Ctrl, Alt or Super, so that the wheel still scrolls", text)
	}
	return c, nil
}

// Typing is whether the combination is a key's usual work: text, moving in it, scrolling, or being a modifier.
func (c Combo) Typing() bool {
	k := kindOf(c.Key)
	return k == modifier || k == typing && c.Mods&^Shift == 0
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

// A Binder takes key combinations for this app one by one.
type Binder interface {
	// Bind takes the combination. What happens is called from a goroutine of the binder and must not block. Where the
	// combination cannot be had now, Bind returns the reason, and with it a Binding if it goes on trying: it has
	// called Lost with the reason then, and calls it with nil when it works.
	Bind(name, purpose string, c Combo, on Handler) (Binding, error)
	// Close releases what the binder itself holds. All bindings are closed before.
	Close() error
}

// ErrCanceled is returned by Capture when the user does not want to set a key after all.
var ErrCanceled = errors.New("canceled")

// A Keyboard is a Binder that knows the keys.
type Keyboard interface {
	Binder
	// Capture returns the next combination that is pressed, or the empty one for Backspace, and ErrCanceled for
	// Escape or a click. Nothing else sees what is pressed until all keys are up. It calls seen, where that is not
	// nil, with what is held down so far.
	Capture(ctx context.Context, seen func(Combo)) (Combo, error)
	// Probe returns why the combination cannot be bound: ErrTaken, ErrNoKey, or another reason. What this Binder has
	// bound itself is fine.
	Probe(c Combo) error
	// Label is the combination for people, with what its key writes on the keyboard layout.
	Label(c Combo) string
	// Refresh tries again what could not be had, and looks at what is held.
	Refresh()
}

// A SetBinder takes all combinations of this app in one step, on desktops that let the user see and change them.
type SetBinder interface {
	// BindAll makes keys the only ones that are bound, and returns one error for each, nil where it is bound, after it
	// called Lost with it. It may wait for the user.
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
	// Layout is called when the keyboard's layout has changed, with which keys have other labels. It may be nil.
	Layout func()
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
