package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/theme"
)

// ClipQuestion is a viewer's wish for a clip.
type ClipQuestion struct {
	Title, Text string
	Allow, Deny func()
}

// clipQuestion is the one that is asked, with its dialog once that was shown.
type clipQuestion struct {
	ClipQuestion
	dialog dialog.Dialog
	over   bool // it is answered, or was taken away
}

// AskClip asks over the window, now or once that is shown; it does not bring it to the front. closed takes the question
// away. Both may be called from any goroutine, and there is one question at a time.
func (u *UI) AskClip(q ClipQuestion) (closed func()) {
	asked := &clipQuestion{ClipQuestion: q}
	u.main(func() {
		u.question = asked
		asked.show(u)
	})
	return func() {
		u.main(func() {
			if u.question == asked {
				u.question = nil
			}
			if asked.over = true; asked.dialog != nil {
				asked.dialog.Hide()
			}
		})
	}
}

// show shows the question where the window is visible and it was not shown yet. It may be nil.
func (q *clipQuestion) show(u *UI) {
	if q == nil || q.dialog != nil || q.over || !u.shown.Load() {
		return
	}
	body, width := u.besideIcon(theme.NewPrimaryThemedResource(theme.QuestionIcon()), q.Text)
	q.dialog = dialog.NewCustomConfirm(q.Title, lang.L("Allow"), lang.L("Deny"), body, func(yes bool) {
		switch {
		case q.over:
		case yes:
			q.Allow()
		default:
			q.Deny()
		}
		q.over = true
	}, u.window)
	q.dialog.Resize(fyne.NewSize(width, q.dialog.MinSize().Height))
	u.ask(q.dialog)
}
