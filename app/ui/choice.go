package ui

import (
	"image"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// choice is a small image with a name that can be chosen, by a click or, with the focus, by the space bar.
type choice struct {
	widget.BaseWidget
	on, focused bool
	name        string
	tap         func()
	frame       *canvas.Rectangle
	body        fyne.CanvasObject
}

// newChoice makes a choice; a nil preview is an empty place.
func newChoice(preview image.Image, name string, on bool, tap func()) *choice {
	c := &choice{name: name, on: on, tap: tap, frame: canvas.NewRectangle(nil)}
	c.frame.CornerRadius = 8
	var shown fyne.CanvasObject = container.NewCenter(muted(lang.L("No preview")))
	if preview != nil {
		i := canvas.NewImageFromImage(preview)
		i.FillMode = canvas.ImageFillContain
		shown = i
	}
	caption := oneLine(widget.NewLabel(name))
	caption.Alignment = fyne.TextAlignCenter
	caption.TextStyle.Bold = on
	c.body = container.NewStack(c.frame, container.NewPadded(container.NewBorder(nil, caption, nil, nil, shown)))
	c.ExtendBaseWidget(c)
	return c
}

// Tapped chooses the choice.
func (c *choice) Tapped(*fyne.PointEvent) { c.tap() }

// Cursor says that it can be tapped.
func (c *choice) Cursor() desktop.Cursor { return desktop.PointerCursor }

// FocusGained shows where the space bar goes.
func (c *choice) FocusGained() { c.focused = true; c.draw() }

// FocusLost ends that.
func (c *choice) FocusLost() { c.focused = false; c.draw() }

// TypedKey chooses by the space bar or Enter.
func (c *choice) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter {
		c.tap()
	}
}

// TypedRune takes no text.
func (c *choice) TypedRune(rune) {}

// draw frames the chosen one, and the one with the focus.
func (c *choice) draw() {
	c.frame.FillColor, c.frame.StrokeColor, c.frame.StrokeWidth = theme.Color(colorTrack),
		theme.Color(theme.ColorNamePrimary), 0
	switch {
	case c.focused:
		c.frame.StrokeColor, c.frame.StrokeWidth = theme.Color(theme.ColorNameFocus), 4
	case c.on:
		c.frame.StrokeWidth = 2
	}
	c.frame.Refresh()
}

// CreateRenderer draws the choice.
func (c *choice) CreateRenderer() fyne.WidgetRenderer {
	c.draw()
	return widget.NewSimpleRenderer(c.body)
}

// Refresh takes new colours of the theme.
func (c *choice) Refresh() {
	c.draw()
	c.BaseWidget.Refresh()
}
