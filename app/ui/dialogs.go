package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
)

// open is a dialog that is visible, and whether it asks something.
type open struct {
	dialog.Dialog
	asks bool
}

// ask shows a dialog that Escape closes without doing anything.
func (u *UI) ask(d dialog.Dialog) { u.front(&open{d, true}) }

// inform shows a text until the user closes it, by Escape or Enter as well.
func (u *UI) inform(title, text string) {
	d := dialog.NewInformation(title, text, u.window)
	d.SetDismissText(lang.L("OK"))
	u.front(&open{d, false})
}

// tell shows an error over the window; the title says what did not work.
func (u *UI) tell(failed string, err error) {
	u.show(-1)
	u.inform(failed, wording(err))
}

func (u *UI) front(o *open) {
	u.dialogs = append(u.dialogs, o)
	o.SetOnClosed(func() {
		u.dialogs = slices.DeleteFunc(u.dialogs, func(other *open) bool { return other == o })
	})
	o.Show()
}

// typed is called with keys that no control takes.
func (u *UI) typed(e *fyne.KeyEvent) {
	if len(u.dialogs) == 0 {
		if u.editor != nil {
			u.editor.typed(e.Name)
		}
		return
	}
	top := u.dialogs[len(u.dialogs)-1]
	switch e.Name {
	case fyne.KeyEscape:
		top.Dismiss()
	case fyne.KeyReturn, fyne.KeyEnter:
		if !top.asks {
			top.Dismiss()
		}
	}
}
