package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Stars for clips that are to be kept, and for those that are not. Fyne colours only what is filled: the empty one is a
// star with a smaller one, drawn the other way round, cut out of it.
var (
	starFull  = star("star-full.svg", "")
	starEmpty = star("star-empty.svg", "M12 5.9L10.1 9.8 5.8 10.4 9 13.4 8.2 17.7 12 15.6 15.8 17.7 15 13.4 18.2 10.4 "+
		"13.9 9.8z")
)

func star(name, hole string) fyne.Resource {
	return icon(name, "M12 3.2L14.7 8.8 20.8 9.6 16.3 13.9 17.4 20 12 17 6.6 20 7.7 13.9 3.2 9.6 9.3 8.8z"+hole)
}

// microphone is a capsule in a holder on a foot.
var microphone = icon("microphone.svg", "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3z"+
	"M5.5 10.5h2v.5a4.5 4.5 0 0 0 9 0v-.5h2v.5a6.5 6.5 0 0 1-5.5 6.4V19h3v2H8v-2h3v-1.6A6.5 6.5 0 0 1 5.5 11z")

// chain is two of its links.
var chain = icon("chain.svg", "M3.9 12a3.1 3.1 0 0 1 3.1-3.1h4V7H7a5 5 0 0 0 0 10h4v-1.9H7A3.1 3.1 0 0 1 3.9 12z"+
	"M8 13h8v-2H8zM17 7h-4v1.9h4a3.1 3.1 0 0 1 0 6.2h-4V17h4a5 5 0 0 0 0-10z")

// icon draws a path on 24 by 24 in the theme's colour.
func icon(name, path string) fyne.Resource {
	return theme.NewThemedResource(fyne.NewStaticResource(name, []byte(
		`<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24"><path d="`+path+`"/></svg>`)))
}
