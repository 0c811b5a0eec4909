package x11

import (
	"context"
	"log/slog"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/hotkey"
)

// captured is what Capture returned.
type captured struct {
	combo hotkey.Combo
	err   error
}

// capture begins to wait for a key, and returns when keys reach nobody else.
func (k *keyboard) capture(m *hotkey.Manager) <-chan captured {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), time.Minute)
	k.t.Cleanup(cancel)
	var ready atomic.Bool
	out := make(chan captured, 1)
	go func() {
		c, err := m.Capture(ctx, func(hotkey.Combo) { ready.Store(true) })
		out <- captured{c, err}
	}()
	require.Eventually(k.t, func() bool {
		k.run("xdotool", "keydown", "ctrl", "keydown", "shift", "keyup", "shift", "keyup", "ctrl")
		return ready.Load() || len(out) > 0
	}, 20*time.Second, 20*time.Millisecond)
	return out
}

// set sets a key by pressing it: xdotool's arguments say how.
func (k *keyboard) set(m *hotkey.Manager, how ...string) captured {
	k.t.Helper()
	got := k.capture(m)
	k.run("xdotool", how...)
	require.Eventually(k.t, func() bool { return len(got) > 0 }, 20*time.Second, 5*time.Millisecond, "captured: %v", how)
	return <-got
}

// Hotkeys are set by pressing them and then work, whatever the layout: each key has one name in the settings, and
// shows what it writes.
func TestKeysAreSetByPressingThem(t *testing.T) {
	const anywhere = "us fr de ru"
	k := startKeyboard(t)
	m := hotkey.NewManager(New(), slog.New(slog.DiscardHandler))
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	fired := make(chan string, 256)
	for _, layout := range strings.Fields(anywhere) {
		k.run("setxkbmap", layout)
		for _, c := range []struct{ layouts, how, keys, label string }{
			{anywhere, "key 84", "KP_5", "Num 5"},
			{anywhere, "key 64+86", "Alt+KP_Add", "Alt + Num +"},
			{anywhere, "key 78", "ScrollLock", "Scroll Lock"},
			{anywhere, "key 127", "Pause", "Pause"},
			{anywhere, "key 172", "PlayPause", "Play/Pause"},
			{anywhere, "click 8", "Mouse8", "Mouse 8 (back)"},
			{anywhere, "click 9", "Mouse9", "Mouse 9 (forward)"},
			{anywhere, "keydown 37 click 9 keyup 37", "Ctrl+Mouse9", "Ctrl + Mouse 9 (forward)"},
			{"us fr de", "key 37+50+39", "Ctrl+Shift+S", "Ctrl + Shift + S"},
			{"ru", "key 37+50+39", "Ctrl+Shift+S", "Ctrl + Shift + Ы"},
			{anywhere, "key 64+191", "Alt+F13", "Alt + F13"},
			{anywhere, "key 64+112", "Alt+PageUp", "Alt + Page Up"},
			{"us ru", "key 37+20", "Ctrl+Minus", "Ctrl + -"},
			{"fr", "key 37+20", "Ctrl+ParenRight", "Ctrl + )"},
			{"de", "key 37+20", "Ctrl+Key20", "Ctrl + ß"},
			{"de", "key 37+61", "Ctrl+Minus", "Ctrl + -"},
			{"us", "key 37+47", "Ctrl+Semicolon", "Ctrl + ;"},
			{"fr", "key 37+47", "Ctrl+M", "Ctrl + M"},
			{"de", "key 37+47", "Ctrl+Semicolon", "Ctrl + Ö"},
			{"ru", "key 37+47", "Ctrl+Semicolon", "Ctrl + Ж"},
			{"us de", "key 37+10", "Ctrl+1", "Ctrl + 1"},
			{"fr", "key 37+10", "Ctrl+1", "Ctrl + &"},
			{"de", "key 37+49", "Ctrl+Grave", "Ctrl + ^"},
			{"de", "key 37+29", "Ctrl+Z", "Ctrl + Z"},
			{"us", "key 37+29", "Ctrl+Y", "Ctrl + Y"},
		} {
			if !strings.Contains(c.layouts, layout) {
				continue
			}
			got := k.set(m, strings.Fields(c.how)...)
			require.NoError(t, got.err, "%s %s", layout, c.how)
			require.Equal(t, c.keys, got.combo.String(), "%s %s", layout, c.how)
			require.Equal(t, c.label, m.Label(got.combo), "%s %s", layout, c.how)
			states := m.Set([]hotkey.Want{{Name: "save", Keys: c.keys, Press: func() { fired <- "down" },
				Release: func() { fired <- "up" }}})
			require.True(t, states[0].Active, "%s %+v", layout, states[0])
			require.Equal(t, strings.ReplaceAll(c.label, " + ", "+"), states[0].Label)
			// It does not fire while it is set again, and does otherwise.
			require.Equal(t, c.keys, k.set(m, strings.Fields(c.how)...).combo.String())
			require.Empty(t, fired, "%s %s", layout, c.how)
			k.run("xdotool", strings.Fields(c.how)...)
			k.next(fired, "down")
			k.next(fired, "up")
		}
	}
	k.run("xdotool", "key", "z")
	for _, other := range k.reaches("release z") {
		if key, press := strings.CutPrefix(other, "press "); press {
			require.Regexp(t, "_[LR]$|^z$", key, "something that was pressed came through")
		}
	}
}

// What ends a capture without a key, and modifiers alone.
func TestCaptureEndsWithoutAKey(t *testing.T) {
	k := startKeyboard(t)
	m := hotkey.NewManager(New(), slog.New(slog.DiscardHandler))
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	require.ErrorIs(t, k.set(m, "key", "Escape").err, hotkey.ErrCanceled)
	require.ErrorIs(t, k.set(m, "click", "1").err, hotkey.ErrCanceled)
	cleared := k.set(m, "key", "BackSpace")
	require.NoError(t, cleared.err)
	require.Equal(t, hotkey.Combo{}, cleared.combo)
	require.Equal(t, "RightCtrl", k.set(m, "click", "5", "key", "105").combo.String(), "the wheel is not meant")
	require.Equal(t, "Ctrl+Mouse4", k.set(m, "keydown", "37", "click", "4", "keyup", "37").combo.String())
}

// Push-to-talk may be a key that types: it types and talks. What ends it while it is held lets it go.
func TestAPlainKeyForPushToTalk(t *testing.T) {
	k := startKeyboard(t)
	k.run("xset", "r", "off")
	m := hotkey.NewManager(New(), slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = m.Close() })
	talk := make(chan string, 16)
	want := func(keys string) []hotkey.Want {
		return []hotkey.Want{{Name: "talk", Keys: keys, Talk: true, Press: func() { talk <- "down" },
			Release: func() { talk <- "up" }}}
	}
	require.Equal(t, "V", k.set(m, "key", "v").combo.String())
	require.Empty(t, m.Set([]hotkey.Want{{Name: "save", Keys: "V", Press: func() {}}})[0].Keys == "")
	require.True(t, m.Set(want("V"))[0].Active)
	hold := func(key string) {
		t.Helper()
		k.run("xdotool", "keydown", key)
		k.next(talk, "down")
	}
	hold("v")
	k.reaches("press v")
	k.run("xdotool", "key", "x")
	k.reaches("release x")
	k.run("xdotool", "keyup", "v")
	k.next(talk, "up")
	k.reaches("release v")
	for what, end := range map[string]func(){
		"sleep":         func() { m.Sleep(true); m.Sleep(false) },
		"pause":         func() { m.Pause()() },
		"another key":   func() { m.Set(want("B")) },
		"none":          func() { m.Set(nil) },
		"layout is bad": func() { k.run("xmodmap", "-e", "keycode 55 = NoSymbol") },
	} {
		k.run("xmodmap", "-e", "keycode 55 = v V")
		require.Eventually(t, func() bool { return m.Set(want("V"))[0].Active }, 20*time.Second, 10*time.Millisecond)
		hold("55")
		end()
		require.Eventually(t, func() bool { return len(talk) > 0 }, 20*time.Second, 5*time.Millisecond,
			"the microphone stays open: %s", what)
		require.Equal(t, "up", <-talk, what)
		k.run("xdotool", "keyup", "55")
	}
	k.run("xmodmap", "-e", "keycode 55 = v V")
	require.Eventually(t, func() bool { return m.Set(want("V"))[0].Active }, 20*time.Second, 10*time.Millisecond)
	hold("v")
	require.NoError(t, m.Close())
	k.next(talk, "up")
	k.run("xdotool", "keyup", "v")
}

// A new layout is reported, for the keys' labels.
func TestLabelsFollowTheLayout(t *testing.T) {
	k := startKeyboard(t)
	m := hotkey.NewManager(New(), slog.New(slog.DiscardHandler))
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	require.Equal(t, "Ctrl+S", m.Set([]hotkey.Want{{Name: "save", Keys: "Ctrl+S", Press: func() {}}})[0].Label)
	k.run("setxkbmap", "ru")
	require.Eventually(t, func() bool { return m.States()[0].Label == "Ctrl+Ы" }, 20*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool { return len(m.Changed()) > 0 }, 20*time.Second, 5*time.Millisecond)
}

// Hotkeys stay when the layout changes while they are bound: the keys are where they were.
func TestBoundKeysSurviveLayouts(t *testing.T) {
	k := startKeyboard(t)
	m := hotkey.NewManager(New(), slog.New(slog.DiscardHandler))
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	fired := make(chan string, 256)
	presses := map[string]string{
		"Ctrl+Alt+S": "key 37+64+39", "KP_5": "key 84", "ScrollLock": "key 78", "PlayPause": "key 172", "Mouse8": "click 8",
		"Alt+1": "key 64+10", "Ctrl+F8": "key 37+74",
	}
	var wants []hotkey.Want
	for keys := range presses {
		wants = append(wants, hotkey.Want{Name: keys, Keys: keys, Press: func() { fired <- keys }})
	}
	for _, s := range m.Set(wants) {
		require.True(t, s.Active, "%+v", s)
	}
	for _, layout := range []string{"fr", "ru", "de", "us,ru", "ru,us", "us"} {
		k.run("setxkbmap", layout)
		for keys, how := range presses {
			k.run("xdotool", strings.Fields(how)...)
			k.next(fired, keys)
		}
	}
	// In the second group of a layout, which xdotool switches to for such a letter.
	k.run("setxkbmap", "us,ru")
	k.run("xdotool", "key", "Cyrillic_yeru")
	k.reaches("press Cyrillic_yeru")
	k.run("xdotool", "key", "ctrl+alt+Cyrillic_yeru")
	k.next(fired, "Ctrl+Alt+S")
}

// A window manager that ends and starts again takes no hotkey away, and one that holds a key gives it when it ends.
func TestAWindowManagerIsRestarted(t *testing.T) {
	k := startKeyboard(t)
	k.run("xdotool", "key", "z")
	manager := func() *exec.Cmd {
		c := k.desktop.Command(t.Context(), "openbox", "--sm-disable")
		require.NoError(t, c.Start())
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
		require.Eventually(t, func() bool {
			return newBinderProbe(t, "Alt+F4") == hotkey.ErrTaken
		}, 20*time.Second, 50*time.Millisecond, "openbox takes its keys")
		return c
	}
	first := manager()
	m := hotkey.NewManager(New(), slog.New(slog.DiscardHandler))
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	fired := make(chan string, 16)
	press := func(name string) func() { return func() { fired <- name } }
	states := m.Set([]hotkey.Want{{Name: "save", Keys: "Alt+F10", Press: press("save")},
		{Name: "share", Keys: "Alt+F4", Press: press("share")}, {Name: "mouse", Keys: "Mouse9", Press: press("mouse")}})
	require.True(t, states[0].Active && states[2].Active, "%+v", states)
	require.True(t, states[1].Taken && !states[1].Active, "%+v", states)
	require.ErrorIs(t, m.Probe(combo(t, "Alt+F4")), hotkey.ErrTaken)
	require.NoError(t, m.Probe(combo(t, "Alt+F10")), "ours")
	require.NoError(t, first.Process.Kill())
	_ = first.Wait()
	require.Eventually(t, func() bool { return m.States()[1].Active }, 20*time.Second, 20*time.Millisecond)
	again := k.desktop.Command(t.Context(), "openbox", "--sm-disable")
	require.NoError(t, again.Start())
	t.Cleanup(func() { _ = again.Process.Kill(); _ = again.Wait() })
	require.Eventually(t, func() bool { return newBinderProbe(t, "Alt+Escape") == hotkey.ErrTaken }, 20*time.Second,
		50*time.Millisecond)
	for how, want := range map[string]string{"key alt+F10": "save", "key alt+F4": "share", "click 9": "mouse"} {
		k.run("xdotool", strings.Fields(how)...)
		k.next(fired, want)
	}
}

// newBinderProbe looks at a combination as another program would.
func newBinderProbe(t *testing.T, keys string) error {
	b := New()
	defer b.Close()
	return b.Probe(combo(t, keys))
}

// Every name has a keysym, and every layout gives each key one name.
func TestEveryNameIsAKey(t *testing.T) {
	for _, name := range hotkey.Names() {
		require.NotEmpty(t, keysyms(name), name)
		require.NotEmpty(t, hotkey.Keysym(name), name)
		require.Equal(t, name, nameOf[keysyms(name)[0]])
		c, err := hotkey.ParseTalk(strings.ToLower(name))
		require.NoError(t, err)
		require.Equal(t, name, c.Key)
	}
	k := startKeyboard(t)
	for _, layout := range strings.Fields("us fr de ru dvorak us,ru ru,us gr il jp br tr cz") {
		k.run("setxkbmap", layout)
		b := New()
		require.NoError(t, b.Probe(combo(t, "F8")))
		m, err := readKeymap(b.conn)
		require.NoError(t, err)
		for name, keys := range m.keys {
			for _, key := range keys {
				require.Equal(t, name, m.names[key])
			}
			c, err := hotkey.ParseTalk(name)
			require.NoError(t, err, layout)
			require.Equal(t, name, c.Key)
			found, err := m.find(name)
			require.NoError(t, err)
			require.Equal(t, keys, found)
		}
		for c := 'A'; c <= 'Z'; c++ {
			_, err := m.find(string(c))
			require.NoError(t, err, "%s %c", layout, c)
		}
		require.NoError(t, b.Close())
	}
}
