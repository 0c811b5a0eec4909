package ui

import (
	"bytes"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/hindsight-app/hindsight/assets"
)

// centered gives its one object so much room at most, in the middle of the window.
type centered struct{ width, height, margin float32 }

func (c *centered) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	w := min(size.Width-2*c.margin, c.width)
	h := min(size.Height-2*c.margin, c.height)
	for _, o := range objects {
		o.Resize(fyne.NewSize(w, h))
		o.Move(fyne.NewPos((size.Width-w)/2, (size.Height-h)/2))
	}
}

func (c *centered) MinSize(objects []fyne.CanvasObject) fyne.Size {
	m := objects[0].MinSize()
	return fyne.NewSize(m.Width+2*c.margin, m.Height+2*c.margin)
}

// twoColumns puts two objects beside each other, or below where one would be narrower than least.
type twoColumns struct {
	gap, least float32
	width      float32 // at the last layout, which is what the height depends on
}

func (l *twoColumns) beside() bool { return l.width >= 2*l.least+l.gap }

func (l *twoColumns) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	a, b := objects[0], objects[1]
	a.Move(fyne.NewPos(0, 0))
	if l.beside() {
		w := (size.Width - l.gap) / 2
		a.Resize(fyne.NewSize(w, size.Height))
		b.Resize(fyne.NewSize(w, size.Height))
		b.Move(fyne.NewPos(w+l.gap, 0))
		return
	}
	b.Move(fyne.NewPos(0, 0))
	b.Resize(fyne.NewSize(size.Width, b.MinSize().Height))
	b.Resize(fyne.NewSize(size.Width, b.MinSize().Height)) // wrapped texts know their height after the first
	a.Move(fyne.NewPos(0, b.Size().Height+l.gap))
	a.Resize(fyne.NewSize(size.Width, a.MinSize().Height))
}

func (l *twoColumns) MinSize(objects []fyne.CanvasObject) fyne.Size {
	a, b := objects[0].MinSize(), objects[1].MinSize()
	if l.width == 0 || l.beside() {
		return fyne.NewSize(l.least, max(a.Height, b.Height))
	}
	return fyne.NewSize(l.least, a.Height+b.Height+l.gap)
}

// columns puts objects beside each other in columns of the same width, as many as there is room for.
type columns struct {
	least, gap float32
	width      float32 // at the last layout, which is what the height depends on
}

func (l *columns) count(objects []fyne.CanvasObject) int {
	return max(1, min(len(objects), int((l.width+l.gap)/(l.least+l.gap))))
}

func (l *columns) height(objects []fyne.CanvasObject) (h float32) {
	for _, o := range objects {
		h = max(h, o.MinSize().Height)
	}
	return h
}

func (l *columns) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	n := l.count(objects)
	w := (size.Width - float32(n-1)*l.gap) / float32(n)
	for _, o := range objects {
		o.Resize(fyne.NewSize(w, o.Size().Height)) // wrapped texts know their height after it
	}
	h := l.height(objects)
	for i, o := range objects {
		o.Resize(fyne.NewSize(w, h))
		o.Move(fyne.NewPos(float32(i%n)*(w+l.gap), float32(i/n)*(h+l.gap)))
	}
}

func (l *columns) MinSize(objects []fyne.CanvasObject) fyne.Size {
	n := len(objects)
	if l.width > 0 {
		n = l.count(objects)
	}
	rows := float32((len(objects) + n - 1) / n)
	return fyne.NewSize(l.least, rows*l.height(objects)+(rows-1)*l.gap)
}

// aside puts the second object at the right of the first, or below where the first would be narrower than least.
type aside struct {
	least float32
	width float32 // at the last layout, which is what the height depends on
}

func (l *aside) beside(objects []fyne.CanvasObject) bool {
	return l.width == 0 || l.width >= l.least+objects[1].MinSize().Width
}

func (l *aside) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	a, b := objects[0], objects[1]
	least := b.MinSize()
	if l.beside(objects) {
		a.Resize(fyne.NewSize(size.Width-least.Width, size.Height))
		a.Move(fyne.NewPos(0, 0))
		b.Resize(fyne.NewSize(least.Width, size.Height))
		b.Move(fyne.NewPos(size.Width-least.Width, 0))
		return
	}
	a.Resize(fyne.NewSize(size.Width, size.Height-least.Height))
	a.Move(fyne.NewPos(0, 0))
	b.Resize(fyne.NewSize(size.Width, least.Height))
	b.Move(fyne.NewPos(0, size.Height-least.Height))
}

func (l *aside) MinSize(objects []fyne.CanvasObject) fyne.Size {
	a, b := objects[0].MinSize(), objects[1].MinSize()
	if l.beside(objects) {
		return fyne.NewSize(max(a.Width, b.Width), max(a.Height, b.Height))
	}
	return fyne.NewSize(max(a.Width, b.Width), a.Height+b.Height)
}

// wide gives its one object the whole width at 16 : 9.
type wide struct{ width float32 }

func (l *wide) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	objects[0].Move(fyne.NewPos(0, 0))
	objects[0].Resize(size)
}

func (l *wide) MinSize([]fyne.CanvasObject) fyne.Size {
	w := max(l.width, 200)
	return fyne.NewSize(200, min(w*9/16, 220))
}

// appIcon is the app's icon in this size.
func appIcon(side float32) *canvas.Image {
	icon := canvas.NewImageFromReader(bytes.NewReader(assets.Icon()), "hindsight.png")
	icon.SetMinSize(fyne.NewSquareSize(side))
	icon.FillMode = canvas.ImageFillContain
	return icon
}
