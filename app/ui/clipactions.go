package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/theme"

	"github.com/hindsight-app/hindsight/app/library"
)

// clipAction is what can be done with the chosen clips. The clips page shows each in its menu, under its key, and those
// of its toolbar there as well.
type clipAction struct {
	id    string
	label string
	icon  fyne.Resource
	// key and mod are what is pressed on the clips page; no key is none.
	key fyne.KeyName
	mod fyne.KeyModifier
	// usable is whether the action can be used with these clips, of which there is at least one; run does it, on the
	// main goroutine.
	usable func(items []library.Item) bool
	run    func(u *UI, items []library.Item)
	// toolbar shows the action over the list as well, group draws a line over it in the menu.
	toolbar, group bool
}

// clipActions are the actions, in the order of the menu.
func clipActions() []clipAction {
	return append([]clipAction{
		{id: "play", label: lang.L("Play"), icon: theme.MediaPlayIcon(), key: fyne.KeyReturn, usable: oneHere,
			run: func(u *UI, items []library.Item) { u.play(items[0].Path) }},
		{id: "show", label: lang.L("Show in folder"), icon: theme.FolderOpenIcon(), key: fyne.KeyO,
			mod: fyne.KeyModifierShortcutDefault, usable: oneHere, toolbar: true,
			run: func(u *UI, items []library.Item) { u.reveal(items[0].Path) }},
	}, uploadActions()...)
}

// oneHere is one clip whose file is here, allHere any number, oneVideoHere and allVideosHere leave out screenshots and
// what cannot be read.
func oneHere(items []library.Item) bool      { return len(items) == 1 && allHere(items) }
func oneVideoHere(items []library.Item) bool { return len(items) == 1 && allVideosHere(items) }

func allHere(items []library.Item) bool {
	for _, i := range items {
		if !i.Here() {
			return false
		}
	}
	return true
}

func allVideosHere(items []library.Item) bool {
	for _, i := range items {
		if !i.Here() || !i.Playable() {
			return false
		}
	}
	return true
}

// paths are the files of clips.
func paths(items []library.Item) []string {
	out := make([]string, 0, len(items))
	for _, i := range items {
		if i.Path != "" {
			out = append(out, i.Path)
		}
	}
	return out
}
