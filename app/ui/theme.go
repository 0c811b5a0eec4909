package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Colours of our own beside Fyne's.
const (
	colorCard  fyne.ThemeColorName = "hindsightCard"
	colorSide  fyne.ThemeColorName = "hindsightSide"
	colorTrack fyne.ThemeColorName = "hindsightTrack"
	colorMuted fyne.ThemeColorName = "hindsightMuted"
	colorWarn  fyne.ThemeColorName = "hindsightWarn"
	// colorOnImage is for what lies on an image, whatever the theme.
	colorOnImage fyne.ThemeColorName = "hindsightOnImage"
	colorStar    fyne.ThemeColorName = "hindsightStar"
)

// look is the app's theme: Fyne's with other colours and a little more room.
type look struct {
	fyne.Theme
	mode string
}

func newLook(mode string) *look { return &look{Theme: theme.DefaultTheme(), mode: mode} }

// choose sets "system", "light" or "dark" and returns whether that changed.
func (l *look) choose(mode string) bool {
	if mode == l.mode {
		return false
	}
	l.mode = mode
	return true
}

func rgb(hex uint32) color.Color {
	return color.NRGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 255} //nolint:gosec // cut on purpose
}

type pair struct{ dark, light color.Color }

var palette = map[fyne.ThemeColorName]pair{
	theme.ColorNameBackground:          {rgb(0x11131a), rgb(0xf3f5fa)},
	colorSide:                          {rgb(0x161924), rgb(0xe9edf6)},
	colorCard:                          {rgb(0x1b1f2c), rgb(0xffffff)},
	colorTrack:                         {rgb(0x2a3042), rgb(0xe1e6f0)},
	colorMuted:                         {rgb(0x929bb3), rgb(0x606a82)},
	colorWarn:                          {rgb(0x33291a), rgb(0xfff3dc)},
	colorOnImage:                       {rgb(0xffffff), rgb(0xffffff)},
	colorStar:                          {rgb(0xffc83d), rgb(0xffc83d)},
	theme.ColorNameForeground:          {rgb(0xe8ebf5), rgb(0x1a1f30)},
	theme.ColorNamePrimary:             {rgb(0x6f86ff), rgb(0x465ee0)},
	theme.ColorNameForegroundOnPrimary: {rgb(0x0d1020), rgb(0xffffff)},
	theme.ColorNameFocus:               {color.NRGBA{0x6f, 0x86, 0xff, 0x70}, color.NRGBA{0x46, 0x5e, 0xe0, 0x50}},
	theme.ColorNameButton:              {rgb(0x2a3042), rgb(0xdbe1ee)},
	theme.ColorNameDisabledButton:      {rgb(0x20242f), rgb(0xeceff5)},
	theme.ColorNameDisabled:            {rgb(0x828ba2), rgb(0x79839a)},
	theme.ColorNameInputBackground:     {rgb(0x232838), rgb(0xf3f5fa)},
	theme.ColorNameInputBorder:         {rgb(0x56607c), rgb(0xaab3c6)},
	theme.ColorNamePlaceHolder:         {rgb(0x7d869d), rgb(0x7a8399)},
	theme.ColorNameSeparator:           {rgb(0x2a3042), rgb(0xdfe4ee)},
	theme.ColorNameHover:               {color.NRGBA{255, 255, 255, 14}, color.NRGBA{20, 30, 70, 14}},
	theme.ColorNameMenuBackground:      {rgb(0x232838), rgb(0xffffff)},
	theme.ColorNameOverlayBackground:   {rgb(0x1b1f2c), rgb(0xffffff)},
	theme.ColorNameError:               {rgb(0xff6468), rgb(0xd62c38)},
	theme.ColorNameSuccess:             {rgb(0x3ecf8e), rgb(0x17925c)},
	theme.ColorNameWarning:             {rgb(0xf5b84b), rgb(0xb97400)},
	theme.ColorNameShadow:              {color.NRGBA{0, 0, 0, 0x66}, color.NRGBA{20, 30, 70, 0x1c}},
	theme.ColorNameScrollBar:           {color.NRGBA{255, 255, 255, 60}, color.NRGBA{20, 30, 70, 60}},
}

// Color implements fyne.Theme.
func (l *look) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	switch l.mode {
	case "light":
		variant = theme.VariantLight
	case "dark":
		variant = theme.VariantDark
	}
	if p, ok := palette[name]; ok {
		if variant == theme.VariantLight {
			return p.light
		}
		return p.dark
	}
	return l.Theme.Color(name, variant)
}

// Size implements fyne.Theme.
func (l *look) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameInputRadius, theme.SizeNameSelectionRadius:
		return 7
	case theme.SizeNameButtonRadius:
		return 8
	case theme.SizeNameSubHeadingText:
		return 17
	case theme.SizeNameHeadingText:
		return 22
	case theme.SizeNameCaptionText:
		return 12
	case theme.SizeNameScrollBar:
		return 10
	}
	return l.Theme.Size(name)
}
