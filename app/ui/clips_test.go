package ui

import (
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
)

func TestKeysForOtherLengthsAndClips(t *testing.T) {
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	b.settle()
	s.keys.take(t, hotkey.RecordName, "Ctrl+Alt+R")
	s.keys.take(t, hotkey.MarkName, "Ctrl+Alt+M")
	s.keys.take(t, hotkey.ScreenshotName, "Print")
	s.keys.add(config.SaveKey{})
	s.keys.saves[0].take(hotkey.Combo{Mods: hotkey.Ctrl | hotkey.Alt, Key: "1"})
	s.keys.saves[0].after.SetText("10")
	s.keys.add(config.SaveKey{Seconds: 30})
	s.keys.saves[1].take(hotkey.Combo{Mods: hotkey.Ctrl | hotkey.Alt, Key: "2"})
	s.clips.name.SetText("{app} {date}")
	s.store.quota.SetText("20")
	s.clips.overlap.SetChecked(true)
	s.clips.poster.SetChecked(true)
	s.clips.format.SetSelectedIndex(1)
	if s.apply.Disabled() {
		t.Fatalf("good settings cannot be applied: %s", s.saying())
	}
	test.Tap(s.apply)
	b.settle()
	_, again, problems := config.Open(b.dir)
	h := again.Hotkeys
	if len(problems) > 0 || h.Record != "Ctrl+Alt+R" || h.Mark != "Ctrl+Alt+M" || h.Screenshot != "Print" ||
		len(h.Saves) != 2 ||
		h.Saves[0] != (config.SaveKey{Keys: "Ctrl+Alt+1", After: 10}) ||
		h.Saves[1] != (config.SaveKey{Keys: "Ctrl+Alt+2", Seconds: 30}) ||
		again.Clips != (config.Clips{Name: "{app} {date}", Poster: true, NoOverlap: true, QuotaGB: 20, Screenshot: "jpeg"}) {
		t.Errorf("after a restart: %+v %v", again, problems)
	}
	for _, c := range []struct {
		enter func()
		says  string
	}{
		{func() { s.keys.saves[0].seconds.SetText("3") }, "5 to 1200"},
		{func() { s.keys.saves[0].after.SetText("soon") }, "“soon” is not a number of seconds"},
		{func() { s.keys.saves[0].after.SetText("1000") }, "0 to 600"},
		{func() { s.clips.name.SetText("{day}") }, "{date}"},
		{func() { s.store.quota.SetText("much") }, "GB"},
	} {
		c.enter()
		if !s.apply.Disabled() || !strings.Contains(s.saying(), c.says) {
			t.Errorf("apply is off: %v, and the page says %q; want %q", s.apply.Disabled(), s.saying(), c.says)
		}
		test.Tap(s.revert)
	}
	s.keys.remove(s.keys.saves[0])
	test.Tap(s.apply)
	b.settle()
	if _, again, _ := config.Open(b.dir); len(again.Hotkeys.Saves) != 1 || again.Hotkeys.Saves[0].Seconds != 30 {
		t.Errorf("after one is removed: %+v", again.Hotkeys.Saves)
	}
}

func TestRecordingIsShown(t *testing.T) {
	b := start(t)
	b.ui.show(pageHome)
	h := b.ui.home
	test.Tap(h.record)
	b.settle()
	eventually(t, "it records", func() bool { return b.session.Snapshot().Recording != nil })
	h.update(b.session.Snapshot())
	if h.record.Text != "Stop recording" || !h.recording.Visible() || !strings.Contains(h.recording.Text, "recording ") {
		t.Errorf("the button says %q, the line %q", h.record.Text, h.recording.Text)
	}
	test.Tap(h.record)
	b.settle()
	eventually(t, "it has ended", func() bool { return b.session.Snapshot().Recording == nil })
	h.update(b.session.Snapshot())
	if h.record.Text != "Record" || h.recording.Visible() {
		t.Errorf("the button says %q, the line %q", h.record.Text, h.recording.Text)
	}
	snap := b.session.Snapshot()
	snap.LastSave = &session.SaveRecord{Local: "waiting", DueAt: time.Now().Add(7 * time.Second)}
	h.update(snap)
	if !strings.Contains(h.last.name.Text, "Saving in ") {
		t.Errorf("a clip that waits says %q", h.last.name.Text)
	}
	b.ui.screenshot()
	b.settle()
	if found, err := filepath.Glob(filepath.Join(snap.Folder, "*.png")); err != nil || len(found) != 1 {
		t.Errorf("screenshots: %q, %v", found, err)
	}
}

// What became of the last press is said by the tray and the window, whether or not there are notifications.
func TestTheLastPressIsShown(t *testing.T) {
	b := start(t)
	b.ui.show(pageHome)
	at := time.Date(2026, 3, 4, 12, 13, 14, 0, time.Local)
	for _, c := range []struct {
		says string
		save session.SaveRecord
	}{
		{"Saving clip (12:13:14)…", session.SaveRecord{Local: "saving", Server: "saving"}},
		{"Play last clip (12:13:14)", session.SaveRecord{Local: "saved", Server: "failed", Clip: &clip.Clip{Path: "/x"}}},
		{"Last clip not saved (12:13:14)", session.SaveRecord{Local: "failed", Server: "saved"}},
		{"Last clip saved on server (12:13:14)", session.SaveRecord{Local: "off", Server: "saved"}},
		{"Last clip not saved (12:13:14)", session.SaveRecord{Local: "off", Server: "failed"}},
	} {
		c.save.PressedAt = at
		shown := session.Snapshot{State: session.Idle, Settings: config.Defaults(), LastSave: &c.save}
		require.Equal(t, c.says, b.ui.tray.menu(shown).Items[1].Label)
	}
	require.NoError(t, b.session.SetReplay(false))
	b.session.Press(0)
	eventually(t, "a press that cannot be served is there", func() bool { return b.session.Snapshot().LastSave != nil })
	b.ui.home.update(b.session.Snapshot())
	require.Contains(t, b.ui.home.last.name.Text+b.ui.home.last.detail.Text, "Couldn't save replay")
	require.Contains(t, b.ui.home.last.detail.Text, "turn the replay buffer on")
}

// Enter takes what was entered, Escape closes what is asked, and Enter does not say yes to it.
func TestKeysOfTheWindow(t *testing.T) {
	b := start(t)
	b.ui.show(pageSettings)
	b.settle()
	s := b.ui.settings
	s.replay.seconds.SetText("77")
	s.replay.seconds.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	b.settle()
	require.Equal(t, 77, b.session.Snapshot().Settings.Replay.Seconds)

	folder := b.session.Snapshot().Folder
	require.NoError(t, os.MkdirAll(folder, 0o755))
	path := filepath.Join(folder, "a.mp4")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	press := func(k fyne.KeyName) { b.ui.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: k}) }
	overlays := b.ui.window.Canvas().Overlays()
	b.ui.askDelete([]library.Item{{Clip: clip.Clip{Path: path}}})
	press(fyne.KeyReturn)
	require.NotNil(t, overlays.Top())
	press(fyne.KeyEscape)
	require.Nil(t, overlays.Top())
	b.settle()
	require.FileExists(t, path)
	for _, key := range []fyne.KeyName{fyne.KeyReturn, fyne.KeyEscape} {
		b.ui.tell("Couldn't save replay", errors.New("the disk is full"))
		require.NotNil(t, overlays.Top())
		press(key)
		require.Nil(t, overlays.Top())
	}
	press(fyne.KeyEscape) // there is nothing left to close
}

// A folder with many clips costs no more than those that are looked at, however fast somebody scrolls.
func TestFewImagesAreMadeAtOnce(t *testing.T) {
	b := start(t)
	made := b.ui.clips.thumbs
	for i := range 500 {
		require.Nil(t, made.get(fmt.Sprintf("/nowhere/%d.mp4", i)))
	}
	require.LessOrEqual(t, len(made.made), mostWanted+1)
	require.Contains(t, made.made, "/nowhere/499.mp4")
	eventually(t, "all were tried", func() bool { b.settle(); return len(made.wanted) == 0 && !made.busy })
	for i := range 500 {
		made.keep(fmt.Sprintf("/some/%d.mp4", i), image.NewRGBA(image.Rect(0, 0, 480, 270)), nil)
	}
	require.LessOrEqual(t, made.bytes, thumbBytes)
	require.Equal(t, made.bytes, len(made.order)*480*270*4)
	require.NotNil(t, made.get("/some/499.mp4"))
	require.Nil(t, made.get("/some/0.mp4"))
}
