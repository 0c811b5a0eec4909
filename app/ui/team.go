package ui

import (
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/widget"
)

// teamIcon is a group of people.
var teamIcon = icon("team.svg", "M16 11c1.66 0 3-1.34 3-3s-1.34-3-3-3-3 1.34-3 3 1.34 3 3 3zm-8 0c1.66 0 3-1.34 3-3"+
	"S9.66 5 8 5 5 6.34 5 8s1.34 3 3 3zm0 2c-2.33 0-7 1.17-7 3.5V19h14v-2.5c0-2.33-4.67-3.5-7-3.5zm8 0c-.29 0-.62.02-.97"+
	".05 1.16.84 1.97 1.97 1.97 3.45V19h6v-2.5c0-2.33-4.67-3.5-7-3.5z")

// openTeamPage opens the team's page in the browser, signed in.
func (u *UI) openTeamPage() {
	u.do(lang.L("Couldn't open team page"), func() error { return u.parts.Server.TeamPage(u.ctx) })
}

// newTeamButton leads to the team's page; it is shown where there is a server.
func newTeamButton(u *UI) *widget.Button {
	b := widget.NewButtonWithIcon(lang.L("Open team page"), teamIcon, u.openTeamPage)
	b.Hide()
	return b
}
