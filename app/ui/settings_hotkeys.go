package ui

import (
	"fmt"
	"slices"
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
	fields
	save, record, mark, shot *widget.Entry
	extra                    *fyne.Container
	saves                    []*saveKeyRow
	state                    *widget.Label
}

type saveKeyRow struct {
	keys, seconds, after *widget.Entry
	root                 fyne.CanvasObject
}

func newHotkeyCard(s *settings) *hotkeyCard {
	h := &hotkeyCard{fields: fields{s: s}, extra: container.NewVBox(), state: widget.NewLabel("")}
	h.state.Wrapping = fyne.TextWrapWord
	h.state.Importance = widget.WarningImportance
	h.state.Hide()
	add := widget.NewButtonWithIcon("Another length on another key", theme.ContentAddIcon(), func() {
		h.add(config.SaveKey{Seconds: 30})
		s.changed()
	})
	add.Alignment = widget.ButtonAlignLeading
	add.Importance = widget.LowImportance
	h.save = h.key("Save the replay", "none", func(k *config.Hotkeys) *string { return &k.Save })
	h.key("Start or stop sharing", "none", func(k *config.Hotkeys) *string { return &k.Share })
	h.key("Mute the microphone", "none", func(k *config.Hotkeys) *string { return &k.Mute })
	h.key("Push to talk", "none: the microphone is always heard", func(k *config.Hotkeys) *string { return &k.Talk })
	h.record = h.key("Start or stop recording", "none", func(k *config.Hotkeys) *string { return &k.Record })
	h.mark = h.key("Mark the moment", "none", func(k *config.Hotkeys) *string { return &k.Mark })
	h.shot = h.key("Screenshot", "none", func(k *config.Hotkeys) *string { return &k.Screenshot })
	h.bind(h.loadSaves, h.storeSaves)
	h.card("Hotkeys", h.extra, add, h.state)
	return h
}

// key is a row for a combination, which is kept in its canonical form; empty is none.
func (h *hotkeyCard) key(name, placeholder string, of func(*config.Hotkeys) *string) *widget.Entry {
	return h.entry(name, placeholder, func(c config.Config) string { return *of(&c.Hotkeys) }, func(c *config.Config, text string) (err error) {
		*of(&c.Hotkeys), err = keys(text)
		return err
	})
}

func (h *hotkeyCard) loadSaves(c config.Config) {
	h.saves = nil
	h.extra.RemoveAll()
	for _, k := range c.Hotkeys.Saves {
		h.add(k)
	}
}

// add shows one more key: what it saves of the past (nothing entered: all of it) and of what follows.
func (h *hotkeyCard) add(k config.SaveKey) {
	r := &saveKeyRow{keys: h.s.newEntry("for example Ctrl+Alt+1"), seconds: h.s.newEntry("all"), after: h.s.newEntry("0")}
	r.keys.Text, r.seconds.Text, r.after.Text = k.Keys, positive(k.Seconds), positive(k.After)
	remove := widget.NewButtonWithIcon("", theme.DeleteIcon(), func() { h.remove(r) })
	small := func(o fyne.CanvasObject) fyne.CanvasObject {
		return container.New(layout.NewGridWrapLayout(fyne.NewSize(64, 36)), o)
	}
	r.root = form(label("Save another length"), container.NewBorder(nil, nil, nil,
		container.NewHBox(label("the last"), small(r.seconds), label("s, and the next"), small(r.after), label("s"), remove), r.keys))
	h.saves = append(h.saves, r)
	h.extra.Add(r.root)
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

func (h *hotkeyCard) remove(r *saveKeyRow) {
	h.saves = slices.DeleteFunc(h.saves, func(other *saveKeyRow) bool { return other == r })
	h.extra.Remove(r.root)
	h.s.changed()
}

func (h *hotkeyCard) storeSaves(c *config.Config) error {
	c.Hotkeys.Saves = nil
	for _, r := range h.saves {
		k, err := keys(trimmed(r.keys))
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
		c.Hotkeys.Saves = append(c.Hotkeys.Saves, config.SaveKey{Keys: k, Seconds: n, After: after})
	}
	return nil
}

// keys is an entered combination in its canonical form; empty is none.
func keys(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	combo, err := hotkey.Parse(text)
	return combo.String(), err
}

// states shows which keys do not work.
func (h *hotkeyCard) states(states []hotkey.State) {
	var bad []string
	for _, s := range states {
		if s.Error != "" {
			bad = append(bad, s.Error)
		}
	}
	setText(h.state, strings.Join(bad, "\n"))
	setShown(h.state, len(bad) > 0)
}
