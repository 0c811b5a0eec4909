package ui

import (
	"cmp"
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/capture"
)

// chooseWindow lets the user choose the window that is captured and shared from now on: in the desktop's dialog where
// that one chooses, else among the windows that are open.
func (u *UI) chooseWindow() {
	failed := lang.L("Couldn't capture window")
	backend := u.parts.Feed.Snapshot().Settings.Video.Backend
	if portal, _ := capture.ByPortal(backend); portal {
		u.do(failed, u.parts.Commands.ChooseScreen)
		return
	}
	u.do(lang.L("Couldn't list windows"), func() error {
		seen := takeIn(u.parts, backend)
		if seen.err == nil {
			u.main(func() { u.offerWindows(failed, seen) })
		}
		return seen.err
	})
}

// offerWindows shows the windows that can be captured.
func (u *UI) offerWindows(failed string, seen found) {
	tiles := newTiles()
	var content fyne.CanvasObject = container.NewVScroll(tiles)
	if len(seen.list.Windows) == 0 {
		content = container.NewCenter(muted(lang.L("No other window is open.")))
	}
	d := dialog.NewCustom(lang.L("Choose another window"), lang.L("Cancel"), content, u.window)
	for _, w := range seen.list.Windows {
		preview := seen.images[capture.Target{Class: w.Class, Title: w.Title}]
		tiles.Add(newChoice(preview, cmp.Or(w.Title, w.Class), false, func() {
			d.Dismiss()
			u.do(failed, func() error {
				now := u.parts.Feed.Snapshot().Settings
				ctx, cancel := context.WithTimeout(u.ctx, settleWait)
				defer cancel()
				result := u.parts.Editor.Apply(ctx, config.Edit(now, func(c *config.Config) {
					c.Video.Source.Kind = config.OneWindow
					c.Video.Source.WindowClass, c.Video.Source.WindowTitle = w.Class, w.Title
				}))
				if refused := result.Refused(); len(refused) > 0 {
					return errors.New(refusal(refused[0]))
				}
				return u.parts.Commands.ChooseScreen() // it may be named like the one that was closed
			})
		}))
	}
	u.ask(d)
	d.Resize(fyne.NewSize(720, 460))
}
