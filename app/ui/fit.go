package ui

import (
	"fyne.io/fyne/v2"

	"github.com/hindsight-app/hindsight/capture"
)

// decoration is the room in pixels for a panel and the window's frame.
const decoration = 40

// fit makes a window that is larger than the monitor as large as it: with large text, what fits everywhere else may not
// fit. Where nobody says how large monitors are, the desktop sees to it.
func (u *UI) fit() {
	if u.fitted {
		return
	}
	u.fitted = true
	u.wg.Go(func() {
		list, err := u.parts.Screens("x11")
		if err != nil {
			return
		}
		u.main(func() {
			have := u.window.Canvas().Size()
			want := smaller(have, list, u.window.Canvas().Scale())
			if want != have {
				u.window.Resize(want)
			}
		})
	})
}

// smaller is a size that fits the main monitor; scale is pixels for each unit of size.
func smaller(size fyne.Size, list capture.ScreenList, scale float32) fyne.Size {
	width, height := list.Width, list.Height
	for i, m := range list.Monitors {
		if m.Primary || i == 0 {
			width, height = m.Width, m.Height
		}
	}
	if width <= 0 || height <= 0 || scale <= 0 {
		return size
	}
	return fyne.NewSize(min(size.Width, float32(width)/scale), min(size.Height, float32(height-decoration)/scale))
}
