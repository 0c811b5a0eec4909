package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// open is a dialog that is visible, and whether it asks something.
type open struct {
	dialog.Dialog
	asks bool
	// enter is what Enter does; nil closes what asks nothing.
	enter func()
}

// ask shows a dialog that Escape closes without doing anything.
func (u *UI) ask(d dialog.Dialog) { u.front(&open{Dialog: d, asks: true}) }

// inform shows a text until the user closes it, by Escape or Enter as well.
func (u *UI) inform(title, text string) {
	u.message(theme.NewPrimaryThemedResource(theme.InfoIcon()), title, text)
}

// tell shows an error over the window; the title says what did not work.
func (u *UI) tell(failed string, err error) {
	u.show(-1)
	u.message(theme.NewErrorThemedResource(theme.ErrorIcon()), failed, wording(err))
}

func (u *UI) message(icon fyne.Resource, title, text string) {
	body, width := u.besideIcon(icon, text)
	d := dialog.NewCustom(title, lang.L("OK"), body, u.window)
	d.Resize(fyne.NewSize(width, d.MinSize().Height))
	u.front(&open{Dialog: d})
}

// confirm asks whether to do what the button is called; danger is what cannot be undone.
func (u *UI) confirm(title, text, button string, danger bool, do func()) {
	var icon fyne.Resource = theme.NewPrimaryThemedResource(theme.QuestionIcon())
	importance := widget.HighImportance
	if danger {
		icon, importance = theme.NewWarningThemedResource(theme.WarningIcon()), widget.DangerImportance
	}
	body, width := u.besideIcon(icon, text)
	d := dialog.NewCustomConfirm(title, button, lang.L("Cancel"), body, func(yes bool) {
		if yes {
			do()
		}
	}, u.window)
	d.SetConfirmImportance(importance)
	d.Resize(fyne.NewSize(width, d.MinSize().Height))
	u.ask(d)
}

// dialogWidth is how wide a text in a dialog is, where the window has room for it.
const dialogWidth = 460

// besideIcon is the body of a dialog, and the dialog's width. Fyne's own dialogs have a large icon behind their texts.
func (u *UI) besideIcon(icon fyne.Resource, text string) (body fyne.CanvasObject, width float32) {
	const side, around = 28, 56 // the icon, and what else is beside the text
	width = min(dialogWidth, u.window.Canvas().Size().Width-40)
	said := widget.NewLabel(text)
	said.Wrapping = fyne.TextWrapWord
	said.Resize(fyne.NewSize(width-side-around, 0)) // it knows its height then
	shown := container.NewGridWrap(fyne.NewSquareSize(side), widget.NewIcon(icon))
	return container.NewBorder(nil, gap(6), container.NewVBox(gap(2), shown), nil, said), width
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
		switch {
		case top.enter != nil:
			top.enter()
		case !top.asks:
			top.Dismiss()
		}
	}
}
