package control

import (
	"fmt"
	"slices"
	"strings"
)

// Pages are the pages that Show turns to. The window's are app/ui's; a test in app compares them.
var Pages = []string{
	"home", "clips", "settings", "settings/audio", "settings/video", "settings/replay", "settings/hotkeys",
	"settings/storage", "settings/sharing", "settings/general", "log", FirstRunPage,
}

// FirstRunPage is the card of the first start, which takes the place of the whole window.
const FirstRunPage = "first-run"

// ShowAnswer is what the window shows.
type ShowAnswer struct {
	// Page is one of Pages; the settings are called by their page.
	Page string `json:"page"`
	// Dialogs is how many dialogs are over it.
	Dialogs int `json:"dialogs"`
}

// CheckPage returns an error that lists the pages where there is none of this name. Empty is the page that is shown.
func CheckPage(name string) error {
	if name == "" || slices.Contains(Pages, name) {
		return nil
	}
	return &InvalidError{fmt.Errorf("there is no page %q; use one of: %s", name, strings.Join(Pages, ", "))}
}
