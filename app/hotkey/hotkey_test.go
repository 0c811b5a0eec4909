package hotkey_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/hotkey/hotkeytest"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"Alt+F10": "Alt+F10", "alt + f10": "Alt+F10", "SHIFT+ctrl+s": "Ctrl+Shift+S", "Win+Space": "Super+Space",
		"F9": "F9", "print": "Print", "Control+Option+1": "Ctrl+Alt+1", "Alt+Alt+F1": "Alt+F1",
		"alt+f24": "Alt+F24", "kp_5": "KP_5", "Ctrl+kp_add": "Ctrl+KP_Add", "scroll_lock": "ScrollLock",
		"ctrl+-": "Ctrl+Minus", "Alt+[": "Alt+BracketLeft", "mouse8": "Mouse8", "Alt+mouse4": "Alt+Mouse4",
		"Super+key94":   "Super+Key94",
		"XF86AudioPlay": "PlayPause", "Alt+Prior": "Alt+PageUp", "Ctrl+Enter": "Ctrl+Return", "KP_Enter": "KP_Enter",
	} {
		c, err := hotkey.Parse(text)
		if err != nil || c.String() != want {
			t.Errorf("%q is %q, %v; want %q", text, c, err, want)
		}
		if again, err := hotkey.Parse(c.String()); err != nil || again != c {
			t.Errorf("%q does not come back: %v, %v", c, again, err)
		}
	}
	for _, text := range []string{"", "Alt", "Alt+", "+F10", "S", "Shift+S", "Alt+F25", "Alt+F0", "Minus",
		"Shift+Space", "Mouse3", "Mouse4", "Mouse33", "Key7", "Key256", "Alt+F010", "RightCtrl", "Alt+RightCtrl",
		"Hyper+X", "Alt+F10+S",
		"Alt+é"} {
		if c, err := hotkey.Parse(text); err == nil {
			t.Errorf("%q is taken for %q", text, c)
		}
	}
}

// Push-to-talk may have a key that types, or a modifier alone.
func TestParseTalk(t *testing.T) {
	for text, want := range map[string]string{
		"v": "V", "Shift+v": "Shift+V", "space": "Space", "rightctrl": "RightCtrl", "CapsLock": "CapsLock",
		"`": "Grave", "Key94": "Key94", "F9": "F9",
	} {
		c, err := hotkey.ParseTalk(text)
		if err != nil || c.String() != want {
			t.Errorf("%q is %q, %v; want %q", text, c, err, want)
		}
	}
	for _, text := range []string{"", "Alt", "Mouse4", "Alt+RightCtrl", "Shift+LeftShift"} {
		if c, err := hotkey.ParseTalk(text); err == nil {
			t.Errorf("%q is taken for %q", text, c)
		}
	}
}

func combo(t *testing.T, text string) hotkey.Combo {
	t.Helper()
	c, err := hotkey.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestManagerKeepsWhatIsWantedBound(t *testing.T) {
	fake := hotkeytest.NewFake(combo(t, "Alt+F9"))
	m := hotkey.NewManager(fake, slog.New(slog.DiscardHandler))
	var pressed []string
	want := func(name, keys string) hotkey.Want {
		return hotkey.Want{Name: name, Purpose: name, Keys: keys, Press: func() { pressed = append(pressed, name) },
			Release: func() { pressed = append(pressed, name+" up") }}
	}
	states := m.Set([]hotkey.Want{want("save", "alt+f10"), want("share", "Alt+F9"), want("off", ""),
		want("bad", "Alt+What")})
	if !states[0].Active || states[0].Keys != "Alt+F10" || states[0].Error != "" {
		t.Errorf("save: %+v", states[0])
	}
	if states[1].Active || !strings.Contains(states[1].Error, "another program") ||
		!strings.Contains(states[1].Error, "Settings") {
		t.Errorf("a taken key says: %+v", states[1])
	}
	if states[2].Active || states[2].Error != "" || states[3].Error == "" {
		t.Errorf("none and a bad one: %+v", states[2:])
	}
	// The two keys swap: neither may meet its own old binding.
	m.Set([]hotkey.Want{want("save", "Alt+F10"), want("share", "Alt+F11")})
	for _, s := range m.Set([]hotkey.Want{want("save", "Alt+F11"), want("share", "Alt+F10")}) {
		if !s.Active {
			t.Errorf("after the swap: %+v", s)
		}
	}
	fake.Press(combo(t, "Alt+F11"))
	fake.Release(combo(t, "Alt+F11"))
	fake.Press(combo(t, "Alt+F10"))
	if got := strings.Join(pressed, " "); got != "save save up share" {
		t.Errorf("pressed: %s", got)
	}
	for range 2 {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if fake.Press(combo(t, "Alt+F10")) {
		t.Error("a key is still bound after Close")
	}
}
