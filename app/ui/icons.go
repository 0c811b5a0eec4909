package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Stars for clips that are to be kept, and for those that are not.
var (
	starFull  = star("star-full.svg", `fill="#000"`)
	starEmpty = star("star-empty.svg", `fill="none" stroke="#000" stroke-width="1.6" stroke-linejoin="round"`)
)

func star(name, how string) fyne.Resource {
	return theme.NewThemedResource(fyne.NewStaticResource(name, []byte(
		`<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24"><path `+how+
			` d="M12 3.2l2.7 5.6 6.1.8-4.5 4.3 1.1 6.1-5.4-3-5.4 3 1.1-6.1L3.2 9.6l6.1-.8z"/></svg>`)))
}
