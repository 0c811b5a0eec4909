package ui

import (
	"context"
	"slices"
	"strings"
)

// The names of pages for commands, in the order of nav and of the settings' sections.
var (
	pageNames    = []string{"home", "clips", "settings", "log"}
	sectionNames = []string{"audio", "video", "replay", "hotkeys", "storage", "sharing", "general"}
)

// firstRunName is the card of the first start, which takes the place of the whole window.
const firstRunName = "first-run"

// Pages are the names that ShowPage takes. A page of the settings is settings/NAME.
func Pages() []string {
	all := []string{}
	for i, name := range pageNames {
		all = append(all, name)
		if i != pageSettings {
			continue
		}
		for _, section := range sectionNames {
			all = append(all, name+"/"+section)
		}
	}
	return append(all, firstRunName)
}

// ShowPage brings the window to the front at one of Pages; empty keeps the page. It returns which page is shown then,
// and how many dialogs are over it: before the first start's question is answered, nothing else is shown.
func (u *UI) ShowPage(ctx context.Context, name string) (page string, dialogs int, err error) {
	type shown struct {
		page    string
		dialogs int
	}
	done := make(chan shown, 1)
	u.main(func() {
		u.turn(name)
		done <- shown{u.where(), len(u.dialogs)}
	})
	select {
	case s := <-done:
		return s.page, s.dialogs, nil
	case <-u.ctx.Done():
		return "", 0, u.ctx.Err()
	case <-ctx.Done():
		return "", 0, ctx.Err()
	}
}

// turn shows the window at a page; it runs on the main goroutine.
func (u *UI) turn(name string) {
	if name == firstRunName {
		u.show(-1)
		u.openFirstRun()
		return
	}
	if name != "" && u.firstRun != nil && u.parts.Feed.Snapshot().Settings.App.FirstRunDone {
		u.closeFirstRun()
	}
	page, section, _ := strings.Cut(name, "/")
	u.show(slices.Index(pageNames, page))
	if i := slices.Index(sectionNames, section); i >= 0 {
		u.settings.open(i)
	}
}

// where is the page that is shown.
func (u *UI) where() string {
	switch name := pageNames[u.nav.current]; {
	case u.firstRun != nil:
		return firstRunName
	case u.nav.current == pageSettings:
		return name + "/" + sectionNames[u.settings.current]
	default:
		return name
	}
}
