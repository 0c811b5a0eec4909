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
	wrong                *widget.Label
	root                 fyne.CanvasObject
}

func newHotkeyCard(s *settings) *hotkeyCard {
	h := &hotkeyCard{fields: fields{s: s}, extra: container.NewVBox(), state: widget.NewLabel("")}
	h.state.Wrapping = fyne.TextWrapWord
	h.state.Importance = widget.WarningImportance
	h.state.Hide()
	add := widget.NewButtonWithIcon("Add hotkey for another length", theme.ContentAddIcon(), func() {
		h.add(config.SaveKey{Seconds: 30})
		s.changed()
	})
	add.Alignment = widget.ButtonAlignLeading
	add.Importance = widget.LowImportance
	h.save = h.key("hotkeys.save", "Not set", func(k *config.Hotkeys) *string { return &k.Save })
	h.key("hotkeys.share", "Not set", func(k *config.Hotkeys) *string { return &k.Share })
	h.key("hotkeys.mute", "Not set", func(k *config.Hotkeys) *string { return &k.Mute })
	h.key("hotkeys.talk", "Not set (mic always on)", func(k *config.Hotkeys) *string { return &k.Talk })
	h.record = h.key("hotkeys.record", "Not set", func(k *config.Hotkeys) *string { return &k.Record })
	h.mark = h.key("hotkeys.mark", "Not set", func(k *config.Hotkeys) *string { return &k.Mark })
	h.shot = h.key("hotkeys.screenshot", "Not set", func(k *config.Hotkeys) *string { return &k.Screenshot })
	h.bind(nil, h.loadSaves, h.storeSaves)
	h.card("Hotkeys", h.extra, add, h.state)
	return h
}

// key is a row for a combination, which is kept in its canonical form; empty is none.
func (h *hotkeyCard) key(key, placeholder string, of func(*config.Hotkeys) *string) *widget.Entry {
	show := func(c config.Config) string { return *of(&c.Hotkeys) }
	return h.entry(key, placeholder, show, func(c *config.Config, text string) (err error) {
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
	r := &saveKeyRow{
		keys: h.s.newEntry("Ctrl+Alt+1"), seconds: h.s.newEntry("all"), after: h.s.newEntry("0"), wrong: newPlace(),
	}
	r.keys.Text, r.seconds.Text, r.after.Text = k.Keys, positive(k.Seconds), positive(k.After)
	remove := widget.NewButtonWithIcon("", theme.DeleteIcon(), func() { h.remove(r) })
	small := func(o fyne.CanvasObject) fyne.CanvasObject {
		return container.New(layout.NewGridWrapLayout(fyne.NewSize(64, 36)), o)
	}
	r.root = form(label("Save another length"), container.NewBorder(nil, nil, nil,
		container.NewHBox(label("last"), small(r.seconds), label("s + next"), small(r.after), label("s"), remove), r.keys))
	r.root = container.NewVBox(r.root, container.NewBorder(nil, nil, gapWide(nameWidth), nil, r.wrong))
	h.saves = append(h.saves, r)
	h.extra.Add(r.root)
}

// whole reads a number that may be left out.
func whole(e *widget.Entry) (int, error) {
	text := trimmed(e)
	if text == "" || strings.EqualFold(text, "all") {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("“%s” is not a number of seconds", text)
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
	var wrong error
	for _, r := range h.saves {
		k, err := r.read()
		if err != nil && wrong == nil {
			wrong = misplaced{err, r.wrong}
		}
		c.Hotkeys.Saves = append(c.Hotkeys.Saves, k)
	}
	return wrong
}

func (r *saveKeyRow) read() (k config.SaveKey, err error) {
	if k.Keys, err = keys(trimmed(r.keys)); err != nil {
		return k, err
	}
	if k.Seconds, err = whole(r.seconds); err != nil {
		return k, err
	}
	k.After, err = whole(r.after)
	return k, err
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
