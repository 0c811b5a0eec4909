package ui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/publish/api"
)

// linkList is the dialog with the links to a clip.
type linkList struct {
	u    *UI
	at   links.Copy
	rows *fyne.Container
	note *widget.Label
	all  *fyne.Container // of both
}

// showLinks lists the links to a copy of a clip; each can be revoked.
func (u *UI) showLinks(name string, at links.Copy) *linkList {
	l := &linkList{u: u, at: at, rows: container.NewVBox(), note: widget.NewLabel(lang.L("Loading…"))}
	l.note.Wrapping = fyne.TextWrapWord
	title := oneLine(widget.NewLabel(name))
	title.TextStyle.Bold = true
	hint := muted(lang.L("Links can't be copied again: the server keeps no readable copy of them. Create a new one " +
		"instead."))
	hint.Wrapping = fyne.TextWrapWord
	l.all = container.NewVBox(l.note, l.rows)
	list := container.NewVScroll(l.all)
	list.SetMinSize(fyne.NewSize(460, 190))
	d := dialog.NewCustom(lang.L("Links to this clip"), lang.L("Close"),
		container.NewBorder(title, hint, nil, nil, list), u.window)
	u.front(&open{Dialog: d})
	l.load()
	return l
}

// load asks the server, beside the main goroutine.
func (l *linkList) load() {
	l.u.do(lang.L("Couldn't list links"), func() error {
		list, err := l.u.parts.Server.Links(l.u.ctx, l.at)
		if err == nil {
			l.u.main(func() { l.show(list) })
		}
		return err
	})
}

func (l *linkList) show(list []api.Link) {
	l.rows.RemoveAll()
	for _, link := range list {
		l.rows.Add(l.row(link))
	}
	if setShown(l.note, len(list) == 0); len(list) == 0 {
		setText(l.note, lang.L("There are no links to this clip."))
	}
	l.all.Refresh() // the note may have gone
}

func (l *linkList) row(link api.Link) fyne.CanvasObject {
	now := time.Now()
	when := map[string]any{"When": locale.Moment(link.CreatedAt.Local(), now), "Name": api.Printable(link.MadeBy)}
	text := lang.L("Created: {{.When}}", when)
	if link.MadeBy != "" {
		text = lang.L("Created by {{.Name}}: {{.When}}", when)
	}
	made := oneLine(widget.NewLabel(text))
	ends := oneLine(muted(lang.L("Expires: {{.When}}", map[string]any{
		"When": locale.Moment(link.ExpiresAt.Local(), now)})))
	revoke := widget.NewButtonWithIcon(lang.L("Revoke"), theme.DeleteIcon(), nil)
	revoke.OnTapped = func() {
		revoke.Disable()
		l.revoke(link.LinkID)
	}
	lines := container.New(layout.NewCustomPaddedVBoxLayout(-10), made, ends)
	return newSurface(colorTrack, 8, 2, container.NewBorder(nil, nil,
		container.NewHBox(gapWide(4), container.NewCenter(widget.NewIcon(linkIcon))),
		container.NewHBox(container.NewCenter(revoke), gapWide(4)), lines))
}

// revoke makes a link useless, and shows what is left.
func (l *linkList) revoke(link string) {
	l.u.do(lang.L("Couldn't revoke link"), func() error {
		err := l.u.parts.Server.Unlink(l.u.ctx, l.at, link)
		l.u.main(l.load)
		return err
	})
}
