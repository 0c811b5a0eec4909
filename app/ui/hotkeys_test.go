package ui

import (
	"context"
	"log/slog"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/hotkey/hotkeytest"
)

// named finds the row of an action.
func (p *hotkeysPage) named(t *testing.T, name string) *hotkeyRow {
	t.Helper()
	for _, r := range p.rows {
		if r.state == name {
			return r
		}
	}
	require.Fail(t, "no such row", name)
	return nil
}

// take sets a key as if it had been pressed.
func (p *hotkeysPage) take(t *testing.T, name, keys string) {
	t.Helper()
	c, err := hotkey.ParseTalk(keys)
	require.NoError(t, err)
	p.named(t, name).take(c)
}

// keysBench is the page alone.
type keysBench struct {
	*hotkeysPage
	queue chan func()
	edits int
}

func startKeys(t *testing.T, m *hotkey.Manager) *keysBench {
	t.Helper()
	a := test.NewTempApp(t)
	a.Settings().SetTheme(newLook("dark"))
	b := &keysBench{queue: make(chan func(), 256)}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	w := test.NewTempWindow(t, nil)
	b.hotkeysPage = newHotkeysPage(hotkeyParts{
		keys: m, main: func(f func()) { b.queue <- f }, background: func(f func()) { go f() }, ctx: ctx,
		focus: func(f fyne.Focusable) { w.Canvas().Focus(f) }, edited: func() { b.edits++ },
		wanted: func(string) {}, tips: newTips(func(f func()) { b.queue <- f }),
	})
	w.SetContent(b.content())
	w.Resize(fyne.NewSize(760, 640))
	b.load(config.Defaults().Hotkeys)
	return b
}

// until runs what wants to run on the main goroutine until something holds.
func (b *keysBench) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	eventually(t, what, func() bool {
		for {
			select {
			case f := <-b.queue:
				f()
			default:
				return holds()
			}
		}
	})
}

// press sets a row's key with the fake keyboard.
func (b *keysBench) press(t *testing.T, f *hotkeytest.Fake, r *hotkeyRow, keys string) {
	t.Helper()
	c, err := hotkey.ParseTalk(keys)
	require.NoError(t, err)
	test.Tap(r.set)
	require.Contains(t, test.RenderObjectToMarkup(r.root), "Esc cancels")
	require.Equal(t, "Cancel", r.set.Text)
	f.Type(c)
	b.until(t, "the key is set", func() bool { return b.setting == nil })
	require.Equal(t, "Set", r.set.Text)
}

func TestHotkeysAreSetInThePage(t *testing.T) {
	f := hotkeytest.NewFake(hotkey.Combo{Mods: hotkey.Alt, Key: "F4"})
	m := hotkey.NewManager(f, slog.New(slog.DiscardHandler))
	b := startKeys(t, m)
	save, share := b.named(t, hotkey.SaveName), b.named(t, hotkey.ShareName)
	talk, mark := b.named(t, hotkey.TalkName), b.named(t, hotkey.MarkName)
	stored := func() (h config.Hotkeys) {
		require.NoError(t, b.store(&h))
		return h
	}
	require.Equal(t, config.Defaults().Hotkeys, stored())
	b.press(t, f, save, "Ctrl+KP_5")
	require.Equal(t, "Ctrl+KP_5", stored().Save)
	require.Contains(t, test.RenderObjectToMarkup(save.field), "Num 5")
	b.press(t, f, save, "Mouse8")
	require.Equal(t, "Mouse8", stored().Save)
	require.Equal(t, 2, b.edits)
	b.press(t, f, save, "Escape")
	require.Equal(t, "Mouse8", stored().Save, "Escape changes nothing")

	// What is taken is said with its holder, and nothing is set before the user says so.
	b.press(t, f, mark, "Mouse8")
	require.Equal(t, "Mouse 8 (back) is already used for Save replay.", mark.note.Text)
	require.Equal(t, []string{"", "Mouse8"}, []string{stored().Mark, stored().Save})
	test.Tap(mark.act)
	require.Equal(t, []string{"Mouse8", ""}, []string{stored().Mark, stored().Save})
	require.False(t, mark.note.Visible() || mark.act.Visible())
	b.press(t, f, save, "Alt+F4")
	require.Equal(t, "Alt + F4 is held by another program.", save.note.Text)
	require.Empty(t, stored().Save)
	test.Tap(save.act)
	require.Equal(t, "Alt+F4", stored().Save)
	for _, s := range m.Set([]hotkey.Want{{Name: "save", Keys: "Alt+F4", Press: func() {}}}) {
		b.update([]hotkey.State{s})
	}
	require.Contains(t, save.note.Text, "Held by another program")
	b.press(t, f, save, "Alt+F10")
	b.update(nil)
	require.False(t, save.note.Visible())

	// A plain key is for push-to-talk.
	b.press(t, f, share, "V")
	require.Contains(t, share.note.Text, "V needs Ctrl, Alt or Super")
	require.False(t, share.act.Visible())
	require.Equal(t, "Alt+F9", stored().Share)
	b.press(t, f, talk, "V")
	require.Equal(t, "V", stored().Talk)
	b.press(t, f, talk, "Backspace")
	require.Empty(t, stored().Talk)
	require.True(t, talk.clear.Disabled())
	b.press(t, f, talk, "RightCtrl")
	test.Tap(talk.clear)
	require.Empty(t, stored().Talk)

	// Only one waits at a time, and Cancel ends it.
	test.Tap(save.set)
	test.Tap(share.set)
	require.True(t, b.setting == share && save.set.Text == "Set")
	test.Tap(share.set)
	require.Nil(t, b.setting)
	b.until(t, "nothing has changed", func() bool { return stored().Share == "Alt+F9" })

	// A key for another length.
	b.add(config.SaveKey{Seconds: 30})
	b.press(t, f, &b.saves[0].hotkeyRow, "Ctrl+1")
	b.saves[0].after.SetText("5")
	require.Equal(t, []config.SaveKey{{Keys: "Ctrl+1", Seconds: 30, After: 5}}, stored().Saves)
	b.press(t, f, mark, "Ctrl+1")
	require.Equal(t, "Ctrl + 1 is already used for Save another length.", mark.note.Text)
	b.remove(b.saves[0])
	require.Empty(t, stored().Saves)
}

// A key that another program holds is stored where the user wants it all the same, also where it was refused before.
func TestAHeldHotkeyIsUsedAnyway(t *testing.T) {
	b := start(t)
	b.session.BindHotkeys(func(h config.Hotkeys) []hotkey.State {
		var wants []hotkey.Want
		for _, k := range h.Bound() {
			wants = append(wants, hotkey.Want{Name: k.Key, Keys: k.Combo.String(), Press: func() {}})
		}
		return b.hotkeys.Set(wants)
	})
	b.ui.show(pageSettings)
	b.settle()
	s := b.ui.settings
	save, stored := s.keys.named(t, hotkey.SaveName), func() string { return b.session.Snapshot().Settings.Hotkeys.Save }
	was := stored()
	s.keys.take(t, hotkey.SaveName, "Alt+F4") // nobody was asked
	b.settle()
	require.Equal(t, was, stored())
	save.offer(hotkey.Combo{Mods: hotkey.Alt, Key: "F4"}, hotkey.ErrTaken)
	require.Equal(t, "Use anyway", save.act.Text)
	test.Tap(save.act)
	b.settle()
	require.Equal(t, "Alt+F4", stored())
	require.Contains(t, s.message.Text, "Saved.")
}

// noSet is a desktop whose portal takes every key.
type noSet struct{}

func (noSet) BindAll(keys []hotkey.Key) []error { return make([]error, len(keys)) }

func (noSet) Close() error { return nil }

// Where the desktop assigns hotkeys, the window's own keys say which.
func TestHotkeysOfADesktopThatAssignsThem(t *testing.T) {
	m := hotkey.NewSetManager(noSet{}, slog.New(slog.DiscardHandler))
	b := startKeys(t, m)
	save := b.named(t, hotkey.SaveName)
	require.Contains(t, test.RenderObjectToMarkup(b.root), "assigns global hotkeys itself")
	press := func(keys ...fyne.KeyName) string {
		test.Tap(save.set)
		require.True(t, save.field.waits)
		for _, k := range keys {
			save.field.KeyDown(&fyne.KeyEvent{Name: k})
		}
		b.until(t, "the key is set", func() bool { return b.setting == nil })
		return save.keys
	}
	require.Equal(t, "Ctrl+Shift+PageUp", press(desktop.KeyControlLeft, desktop.KeyShiftLeft, fyne.KeyPageUp))
	require.Equal(t, "Alt+Minus", press(desktop.KeyAltLeft, fyne.KeyMinus))
	require.Equal(t, "Ctrl+Plus", press(desktop.KeyControlRight, fyne.KeyPlus))
	require.Equal(t, "Ctrl+Plus", press(fyne.KeyEscape))
	require.Equal(t, "Print", press(desktop.KeyPrintScreen))
	require.Empty(t, press(fyne.KeyBackspace))
	test.Tap(save.set)
	save.field.FocusLost()
	require.Nil(t, b.setting)
}
