package ui

import (
	"fmt"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
)

// hotkeyCard is the global keys, with further lengths on further keys.
type hotkeyCard struct {
	s           *settings
	save, share *widget.Entry
	mute, talk  *widget.Entry
	record      *widget.Entry
	mark, shot  *widget.Entry
	extra       *fyne.Container
	rows        []*saveKeyRow
	state       *widget.Label
	root        fyne.CanvasObject
}

type saveKeyRow struct {
	keys, seconds, after *widget.Entry
	root                 fyne.CanvasObject
}

func newHotkeyCard(s *settings) *hotkeyCard {
	c := &hotkeyCard{s: s, save: s.newEntry("none"), share: s.newEntry("none"), mute: s.newEntry("none"), talk: s.newEntry("none: the microphone is always heard"),
		record: s.newEntry("none"), mark: s.newEntry("none"), shot: s.newEntry("none"), extra: container.NewVBox(), state: widget.NewLabel("")}
	c.state.Wrapping = fyne.TextWrapWord
	c.state.Importance = widget.WarningImportance
	c.state.Hide()
	add := widget.NewButtonWithIcon("Another length on another key", theme.ContentAddIcon(), func() {
		c.add(config.SaveKey{Seconds: 30})
		s.changed()
	})
	add.Alignment = widget.ButtonAlignLeading
	add.Importance = widget.LowImportance
	c.root = card("Hotkeys", container.NewVBox(
		form(label("Save the replay"), c.save, label("Start or stop sharing"), c.share,
			label("Mute the microphone"), c.mute, label("Push to talk"), c.talk,
			label("Record, and end it"), c.record, label("Mark the moment"), c.mark, label("Screenshot"), c.shot), c.extra, add, c.state))
	return c
}

func (c *hotkeyCard) content() fyne.CanvasObject { return c.root }

func (c *hotkeyCard) load(cfg config.Config) {
	c.save.SetText(cfg.Hotkeys.Save)
	c.share.SetText(cfg.Hotkeys.Share)
	c.mute.SetText(cfg.Hotkeys.Mute)
	c.talk.SetText(cfg.Hotkeys.Talk)
	c.record.SetText(cfg.Hotkeys.Record)
	c.mark.SetText(cfg.Hotkeys.Mark)
	c.shot.SetText(cfg.Hotkeys.Screenshot)
	c.rows = nil
	c.extra.RemoveAll()
	for _, k := range cfg.Hotkeys.Saves {
		c.add(k)
	}
}

// add shows one more key: what it saves of the past (nothing entered: all of it) and of what follows.
func (c *hotkeyCard) add(k config.SaveKey) {
	r := &saveKeyRow{keys: c.s.newEntry("for example Ctrl+Alt+1"), seconds: c.s.newEntry("all"), after: c.s.newEntry("0")}
	r.keys.Text, r.seconds.Text, r.after.Text = k.Keys, positive(k.Seconds), positive(k.After)
	remove := widget.NewButtonWithIcon("", theme.DeleteIcon(), func() { c.remove(r) })
	small := func(o fyne.CanvasObject) fyne.CanvasObject {
		return container.New(layout.NewGridWrapLayout(fyne.NewSize(64, 36)), o)
	}
	r.root = form(label("Save other length"), container.NewBorder(nil, nil, nil,
		container.NewHBox(label("the last"), small(r.seconds), label("s, and the next"), small(r.after), label("s"), remove), r.keys))
	c.rows = append(c.rows, r)
	c.extra.Add(r.root)
}

// positive is a number's text, empty for 0.
func positive(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// whole reads a number that may be left out.
func whole(e *widget.Entry, what, keys string) (int, error) {
	text := trimmed(e)
	if text == "" || strings.EqualFold(text, "all") {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of seconds %s for the hotkey %s", text, what, keys)
	}
	return n, nil
}

func (c *hotkeyCard) remove(r *saveKeyRow) {
	for i, other := range c.rows {
		if other == r {
			c.rows = append(c.rows[:i], c.rows[i+1:]...)
			break
		}
	}
	c.extra.Remove(r.root)
	c.s.changed()
}

func (c *hotkeyCard) store(cfg *config.Config) error {
	h := &cfg.Hotkeys
	for _, f := range []struct {
		to   *string
		from *widget.Entry
	}{{&h.Save, c.save}, {&h.Share, c.share}, {&h.Mute, c.mute}, {&h.Talk, c.talk}, {&h.Record, c.record}, {&h.Mark, c.mark}, {&h.Screenshot, c.shot}} {
		var err error
		if *f.to, err = keys(f.from); err != nil {
			return err
		}
	}
	h.Saves = nil
	for _, r := range c.rows {
		k, err := keys(r.keys)
		if err != nil {
			return err
		}
		n, err := whole(r.seconds, "of the past", k)
		if err != nil {
			return err
		}
		after, err := whole(r.after, "to come", k)
		if err != nil {
			return err
		}
		h.Saves = append(h.Saves, config.SaveKey{Keys: k, Seconds: n, After: after})
	}
	return nil
}

// keys is an entered combination in its canonical form; empty is none.
func keys(e *widget.Entry) (string, error) {
	text := trimmed(e)
	if text == "" {
		return "", nil
	}
	combo, err := hotkey.Parse(text)
	return combo.String(), err
}

// states shows which keys do not work.
func (c *hotkeyCard) states(states []hotkey.State) {
	var bad []string
	for _, s := range states {
		if s.Error != "" {
			bad = append(bad, s.Error)
		}
	}
	setText(c.state, strings.Join(bad, "\n"))
	setShown(c.state, len(bad) > 0)
}
