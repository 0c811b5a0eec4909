package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/widget"
)

// ClipQuestion is a viewer's wish for a clip.
type ClipQuestion struct {
	Title, Text string
	Allow, Deny func()
}

// AskClip shows the question over the window while that is visible; it does not bring it to the front. closed takes the
// question away. Both may be called from any goroutine.
func (u *UI) AskClip(q ClipQuestion) (closed func()) {
	var d dialog.Dialog
	u.main(func() {
		if !u.shown.Load() {
			return
		}
		text := widget.NewLabel(q.Text)
		text.Wrapping = fyne.TextWrapWord
		d = dialog.NewCustomConfirm(q.Title, lang.L("Allow"), lang.L("Deny"), text, func(yes bool) {
			if yes {
				q.Allow()
			} else {
				q.Deny()
			}
		}, u.window)
		d.Resize(fyne.NewSize(420, d.MinSize().Height))
		u.ask(d)
	})
	return func() {
		u.main(func() {
			if d != nil {
				d.Hide()
			}
		})
	}
}
