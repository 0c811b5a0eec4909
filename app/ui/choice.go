package ui

import (
	"image"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// choice is a small picture with a name that can be chosen.
type choice struct {
	widget.BaseWidget
	on   bool
	tap  func()
	body fyne.CanvasObject
}

// newChoice makes a choice; a nil picture is an empty place.
func newChoice(picture image.Image, name string, on bool, tap func()) *choice {
	c := &choice{on: on, tap: tap}
	var shown fyne.CanvasObject = container.NewCenter(muted("no picture now"))
	if picture != nil {
		i := canvas.NewImageFromImage(picture)
		i.FillMode = canvas.ImageFillContain
		shown = i
	}
	caption := oneLine(widget.NewLabel(name))
	caption.Alignment = fyne.TextAlignCenter
	caption.TextStyle.Bold = on
	c.body = container.NewBorder(nil, caption, nil, nil, shown)
	c.ExtendBaseWidget(c)
	return c
}

// Tapped chooses the choice.
func (c *choice) Tapped(*fyne.PointEvent) { c.tap() }

// Cursor says that it can be tapped.
func (c *choice) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer draws a frame around the chosen one.
func (c *choice) CreateRenderer() fyne.WidgetRenderer {
	frame := canvas.NewRectangle(theme.Color(colorTrack))
	frame.CornerRadius = 8
	if c.on {
		frame.StrokeColor, frame.StrokeWidth = theme.Color(theme.ColorNamePrimary), 2
	}
	return widget.NewSimpleRenderer(container.NewStack(frame, container.NewPadded(c.body)))
}
