package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/hindsight-app/hindsight/app/config"
)

// hotkeyCard is the page of the hotkeys among the settings.
type hotkeyCard struct{ *hotkeysPage }

func newHotkeyCard(s *settings) *hotkeyCard {
	u := s.u
	return &hotkeyCard{newHotkeysPage(hotkeyParts{
		keys: u.parts.Hotkeys, main: u.main, background: u.wg.Go, ctx: u.ctx, edited: s.changed,
		wanted: s.wantHeld, tips: u.tips,
		focus: func(f fyne.Focusable) { u.window.Canvas().Focus(f) },
	})}
}

func (h *hotkeyCard) bindings() []binding {
	return []binding{{
		load:  func(c config.Config) { h.load(c.Hotkeys) },
		store: func(c *config.Config) error { return h.store(&c.Hotkeys) },
	}}
}

// search shows the page as a whole where a key is called so.
func (h *hotkeyCard) search(words []string) bool {
	text := lang.L("Hotkeys")
	for _, r := range h.all() {
		text += " " + r.name
	}
	found := contains(text, words)
	setShown(h.content(), found)
	return found
}
