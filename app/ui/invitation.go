package ui

import (
	"context"
	"net/url"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
	"golang.org/x/net/idna"
)

// Invitation is a link to a team's server that the user has opened or pasted. What it says is what the link claims.
type Invitation struct {
	// Server is the URL, Identity the name in rooms.
	Server, Identity string
	// Accept exchanges the invitation, once, and returns who the user is there.
	Accept func(context.Context) (identity string, err error)
}

// Invite asks whether to accept an invitation; from any goroutine. While a question is open no other is asked: a page
// that opens one link after the other must not bury the window.
func (u *UI) Invite(i Invitation) {
	u.main(func() {
		u.show(-1)
		if !slices.ContainsFunc(u.dialogs, func(o *open) bool { return o.Dialog == u.invitation }) {
			u.askInvitation(i)
		}
	})
}

func (u *UI) askInvitation(i Invitation) {
	host := i.Server
	if parsed, err := url.Parse(i.Server); err == nil {
		host = parsed.Host
		// Letters of other alphabets can look like those of a name that is known (UTS 46).
		if plain, err := idna.Lookup.ToASCII(parsed.Hostname()); err == nil && plain != parsed.Hostname() {
			host = plain
		}
	}
	server := widget.NewLabelWithStyle(host, fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	server.Wrapping = fyne.TextWrapBreak
	name := widget.NewLabelWithStyle(i.Identity, fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	name.Wrapping = fyne.TextWrapBreak
	text := widget.NewLabel(lang.L("This invitation connects Hindsight to a team's server. When you share your screen, " +
		"it goes there. Accept it only if you know who runs this server."))
	text.Wrapping = fyne.TextWrapWord
	form := widget.NewForm(widget.NewFormItem(lang.L("Server"), server), widget.NewFormItem(lang.L("You join as"), name))
	rows := []fyne.CanvasObject{text, form}
	if old := u.parts.Feed.Snapshot().Settings.Sharing.BackendURL; old != "" && old != i.Server {
		note := widget.NewLabel(lang.L("It replaces the server {{.Server}} in the settings.", map[string]any{"Server": old}))
		note.Wrapping = fyne.TextWrapWord
		rows = append(rows, container.NewBorder(nil, nil, widget.NewIcon(theme.WarningIcon()), nil, note))
	}
	if u.parts.Feed.Snapshot().ShareOn {
		rows = append(rows, muted(lang.L("Sharing stops first.")))
	}
	d := dialog.NewCustomConfirm(lang.L("Accept invitation?"), lang.L("Accept"), lang.L("Cancel"),
		container.NewVBox(rows...), func(yes bool) {
			if !yes {
				return
			}
			u.do(lang.L("Couldn't accept invitation"), func() error {
				identity, err := i.Accept(u.ctx)
				if err != nil {
					return err
				}
				u.main(func() {
					u.inform(lang.L("Connected"), lang.L("You are {{.Name}} on {{.Server}}. Start sharing whenever you like.",
						map[string]any{"Name": identity, "Server": host}))
				})
				return nil
			})
		}, u.window)
	d.Resize(fyne.NewSize(460, d.MinSize().Height))
	u.invitation = d
	u.ask(d)
}
