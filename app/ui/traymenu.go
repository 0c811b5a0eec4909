package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/systray"
)

// trayEntry is an entry of the tray's menu, which may be absent for now.
type trayEntry struct {
	item  *fyne.MenuItem
	there bool
}

// trayMenu is the menu as desktops have it. Fyne makes all of it anew at each change: a menu that is open closes, and a
// click on what was read just before is lost, "Quit" as well. Here an entry stays the same one for good, and is changed
// in place or hidden. It belongs to the main goroutine; each entry has a goroutine that waits for clicks until the
// entry goes.
type trayMenu struct {
	main    func(func())
	entries []*trayItem // with nil for a separator
}

// trayItem is an entry on the bus with what it shows there.
type trayItem struct {
	on       *systray.MenuItem
	action   func() // nil does nothing
	label    string
	disabled bool
	hidden   bool
	inside   []*trayItem // of a submenu
}

// show brings the menu to these entries. Another number of them is another menu, as before and after the first start.
func (m *trayMenu) show(want []trayEntry) {
	if len(want) != len(m.entries) {
		m.build(want)
	}
	for i, e := range want {
		if !e.item.IsSeparator {
			m.change(m.entries[i], e)
		}
	}
}

func (m *trayMenu) build(want []trayEntry) {
	systray.ResetMenu()
	m.entries = make([]*trayItem, len(want))
	for i, e := range want {
		switch {
		case e.item.IsSeparator:
			systray.AddSeparator()
		case e.item.Checked:
			m.entries[i] = m.follow(systray.AddMenuItemCheckbox(e.item.Label, "", true), e.item.Label)
		default:
			m.entries[i] = m.follow(systray.AddMenuItem(e.item.Label, ""), e.item.Label)
		}
	}
}

// follow does what a new entry is for whenever it is clicked.
func (m *trayMenu) follow(on *systray.MenuItem, label string) *trayItem {
	t := &trayItem{on: on, label: label}
	go func() {
		for range on.ClickedCh {
			m.main(func() {
				if t.action != nil && !t.disabled && !t.hidden {
					t.action()
				}
			})
		}
	}()
	return t
}

func (m *trayMenu) change(t *trayItem, e trayEntry) {
	t.action = e.item.Action
	if e.there && t.label != e.item.Label {
		t.label = e.item.Label
		t.on.SetTitle(t.label)
	}
	if t.disabled != e.item.Disabled {
		if t.disabled = e.item.Disabled; t.disabled {
			t.on.Disable()
		} else {
			t.on.Enable()
		}
	}
	if e.there {
		m.fill(t, e.item.ChildMenu)
	}
	if t.hidden == e.there {
		if t.hidden = !e.there; t.hidden {
			t.on.Hide()
		} else {
			t.on.Show()
		}
	}
}

// fill puts other entries into a submenu; where they are the same ones they stay.
func (m *trayMenu) fill(t *trayItem, menu *fyne.Menu) {
	var want []*fyne.MenuItem
	if menu != nil {
		want = menu.Items
	}
	same := slices.EqualFunc(t.inside, want, func(a *trayItem, b *fyne.MenuItem) bool { return a.label == b.Label })
	if !same {
		for _, old := range t.inside {
			old.on.Remove()
		}
		t.inside = nil
		for _, item := range want {
			t.inside = append(t.inside, m.follow(t.on.AddSubMenuItem(item.Label, ""), item.Label))
		}
	}
	for i, item := range want {
		t.inside[i].action = item.Action
	}
}
