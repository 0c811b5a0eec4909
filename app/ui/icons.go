package ui

import (
	"sync"

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

// icon draws a path on 24 by 24 in the theme's colour.
func icon(name, path string) fyne.Resource {
	return theme.NewThemedResource(fyne.NewStaticResource(name, []byte(
		`<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24"><path d="`+path+`"/></svg>`)))
}

// linkIcon are two links of a chain.
var linkIcon = icon("link.svg", "M3.9 12c0-1.71 1.39-3.1 3.1-3.1h4V7H7c-2.76 0-5 2.24-5 5s2.24 5 5 5h4v-1.9H7"+
	"c-1.71 0-3.1-1.39-3.1-3.1zM8 13h8v-2H8v2zM17 7h-4v1.9h4c1.71 0 3.1 1.39 3.1 3.1s-1.39 3.1-3.1 3.1h-4V17h4"+
	"c2.76 0 5-2.24 5-5s-2.24-5-5-5z")

const cloud = "M19.35 10.04C18.67 6.59 15.64 4 12 4 9.11 4 6.6 5.64 5.35 8.04 2.34 8.36 0 10.91 0 14" +
	"c0 3.31 2.69 6 6 6h13c2.76 0 5-2.24 5-5 0-2.64-2.05-4.78-4.65-4.96z"

// Marks of clips: where they are, and on their images what they are. Each is made once, for Fyne draws an image again
// that has another resource.
var (
	cloudIcon     = once(func() fyne.Resource { return icon("cloud.svg", cloud) }, colorMuted)
	cloudDoneIcon = once(func() fyne.Resource {
		return icon("cloud-done.svg", cloud+"M10 17L6.5 13.5 7.91 12.09 10 14.17 15.18 9 16.59 10.41z")
	}, theme.ColorNamePrimary)
	hereIcon       = once(theme.ComputerIcon, colorMuted)
	awayIcon       = once(theme.ComputerIcon, theme.ColorNameDisabled)
	videoMark      = once(theme.MediaVideoIcon, colorMuted)
	recordingMark  = once(theme.MediaRecordIcon, colorOnImage)
	screenshotMark = once(theme.MediaPhotoIcon, colorOnImage)
	trimmedMark    = once(theme.ContentCutIcon, colorOnImage)
	starOutline    = once(func() fyne.Resource { return starEmpty }, colorOnImage)
	starGold       = once(func() fyne.Resource { return starFull }, colorStar)
)

// once makes a resource in a color of the theme when it is first asked for.
func once(of func() fyne.Resource, fill fyne.ThemeColorName) func() fyne.Resource {
	return sync.OnceValue(func() fyne.Resource { return theme.NewColoredResource(of(), fill) })
}
