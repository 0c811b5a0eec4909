package ui

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2/test"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
)

func TestKeysForOtherLengthsAndClips(t *testing.T) {
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	b.settle()
	s.keys.record.SetText("Ctrl+Alt+R")
	s.keys.mark.SetText("Ctrl+Alt+M")
	s.keys.shot.SetText("Print")
	s.keys.add(config.SaveKey{})
	s.keys.saves[0].keys.SetText("Ctrl+Alt+1")
	s.keys.saves[0].after.SetText("10")
	s.keys.add(config.SaveKey{Seconds: 30})
	s.keys.saves[1].keys.SetText("Ctrl+Alt+2")
	s.clips.name.SetText("{app} {date}")
	s.clips.quota.SetText("20")
	s.clips.overlap.SetChecked(true)
	s.clips.poster.SetChecked(true)
	s.clips.format.SetSelectedIndex(1)
	if s.apply.Disabled() {
		t.Fatalf("good settings cannot be applied: %s", s.message.Text)
	}
	test.Tap(s.apply)
	b.settle()
	_, again, problems := config.Open(b.dir)
	h := again.Hotkeys
	if len(problems) > 0 || h.Record != "Ctrl+Alt+R" || h.Mark != "Ctrl+Alt+M" || h.Screenshot != "Print" || len(h.Saves) != 2 ||
		h.Saves[0] != (config.SaveKey{Keys: "Ctrl+Alt+1", After: 10}) || h.Saves[1] != (config.SaveKey{Keys: "Ctrl+Alt+2", Seconds: 30}) ||
		again.Clips != (config.Clips{Name: "{app} {date}", Poster: true, NoOverlap: true, QuotaGB: 20, Screenshot: "jpeg"}) {
		t.Errorf("after a restart: %+v %v", again, problems)
	}
	for _, c := range []struct {
		enter func()
		says  string
	}{
		{func() { s.keys.saves[0].seconds.SetText("3") }, "5 to 1200"},
		{func() { s.keys.saves[0].after.SetText("soon") }, "to come"},
		{func() { s.keys.saves[0].after.SetText("1000") }, "0 to 600"},
		{func() { s.clips.name.SetText("{day}") }, "{date}"},
		{func() { s.clips.quota.SetText("much") }, "GB"},
		{func() { s.keys.mark.SetText("Print") }, "different"},
	} {
		c.enter()
		if !s.apply.Disabled() || !strings.Contains(s.message.Text, c.says) {
			t.Errorf("apply is off: %v, and the page says %q; want %q", s.apply.Disabled(), s.message.Text, c.says)
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
	if !strings.Contains(h.last.name.Text, "Saved in ") {
		t.Errorf("a clip that waits says %q", h.last.name.Text)
	}
	b.ui.screenshot()
	b.settle()
	if found, err := filepath.Glob(filepath.Join(snap.Folder, "*.png")); err != nil || len(found) != 1 {
		t.Errorf("screenshots: %q, %v", found, err)
	}
}
