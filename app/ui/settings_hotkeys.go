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
	extra       *fyne.Container
	rows        []*saveKeyRow
	state       *widget.Label
	root        fyne.CanvasObject
}

type saveKeyRow struct {
	keys, seconds *widget.Entry
	root          fyne.CanvasObject
}

func newHotkeyCard(s *settings) *hotkeyCard {
	c := &hotkeyCard{s: s, save: s.newEntry("none"), share: s.newEntry("none"), mute: s.newEntry("none"), talk: s.newEntry("none: the microphone is always heard"), extra: container.NewVBox(), state: widget.NewLabel("")}
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
			label("Mute the microphone"), c.mute, label("Push to talk"), c.talk), c.extra, add, c.state))
	return c
}

func (c *hotkeyCard) content() fyne.CanvasObject { return c.root }

func (c *hotkeyCard) load(cfg config.Config) {
	c.save.SetText(cfg.Hotkeys.Save)
	c.share.SetText(cfg.Hotkeys.Share)
	c.mute.SetText(cfg.Hotkeys.Mute)
	c.talk.SetText(cfg.Hotkeys.Talk)
	c.rows = nil
	c.extra.RemoveAll()
	for _, k := range cfg.Hotkeys.Saves {
		c.add(k)
	}
}

func (c *hotkeyCard) add(k config.SaveKey) {
	r := &saveKeyRow{keys: c.s.newEntry("for example Ctrl+Alt+1"), seconds: c.s.newEntry("30")}
	r.keys.Text = k.Keys
	r.seconds.Text = strconv.Itoa(k.Seconds)
	remove := widget.NewButtonWithIcon("", theme.DeleteIcon(), func() { c.remove(r) })
	seconds := container.New(layout.NewGridWrapLayout(fyne.NewSize(80, 36)), r.seconds)
	r.root = form(label("Save other length"), container.NewBorder(nil, nil, nil, container.NewHBox(seconds, label("seconds"), remove), r.keys))
	c.rows = append(c.rows, r)
	c.extra.Add(r.root)
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
	var err error
	if cfg.Hotkeys.Save, err = keys(c.save); err != nil {
		return err
	}
	if cfg.Hotkeys.Share, err = keys(c.share); err != nil {
		return err
	}
	if cfg.Hotkeys.Mute, err = keys(c.mute); err != nil {
		return err
	}
	if cfg.Hotkeys.Talk, err = keys(c.talk); err != nil {
		return err
	}
	cfg.Hotkeys.Saves = nil
	for _, r := range c.rows {
		k, err := keys(r.keys)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(trimmed(r.seconds))
		if err != nil {
			return fmt.Errorf("%q is no number of seconds for the hotkey %s", r.seconds.Text, k)
		}
		cfg.Hotkeys.Saves = append(cfg.Hotkeys.Saves, config.SaveKey{Keys: k, Seconds: n})
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
