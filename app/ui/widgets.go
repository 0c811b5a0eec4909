package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// surface is a rounded area of a theme colour behind its content.
type surface struct {
	widget.BaseWidget
	fill   fyne.ThemeColorName
	radius float32
	inside fyne.CanvasObject
}

func newSurface(fill fyne.ThemeColorName, radius, padding float32, content fyne.CanvasObject) *surface {
	s := &surface{}
	s.build(s, fill, radius, padding, content)
	return s
}

// build makes a surface that is, or is part of, the widget self. It must be the widget that is in the window: Fyne
// keeps a renderer for each, and draws only that of the one in the window again when the theme changes.
func (s *surface) build(self fyne.Widget, fill fyne.ThemeColorName, radius, padding float32,
	content fyne.CanvasObject) {
	s.fill, s.radius = fill, radius
	s.inside = container.New(layout.NewCustomPaddedLayout(padding, padding, padding, padding), content)
	s.ExtendBaseWidget(self)
}

// card is a surface for a group of things with a heading; an empty heading has none.
func card(heading string, content fyne.CanvasObject) *surface {
	if heading != "" {
		h := widget.NewLabel(heading)
		h.TextStyle.Bold = true
		content = container.NewVBox(h, content)
	}
	return newSurface(colorCard, 12, 10, content)
}

func (s *surface) CreateRenderer() fyne.WidgetRenderer {
	r := &surfaceRenderer{s: s, rect: canvas.NewRectangle(nil)}
	r.rect.CornerRadius = s.radius
	r.Refresh()
	return r
}

type surfaceRenderer struct {
	s    *surface
	rect *canvas.Rectangle
}

func (r *surfaceRenderer) Layout(size fyne.Size) { r.rect.Resize(size); r.s.inside.Resize(size) }
func (r *surfaceRenderer) MinSize() fyne.Size    { return r.s.inside.MinSize() }
func (r *surfaceRenderer) Refresh() {
	r.rect.FillColor = r.s.Theme().Color(r.s.fill, fyne.CurrentApp().Settings().ThemeVariant())
	r.rect.Refresh()
}
func (r *surfaceRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.rect, r.s.inside}
}
func (r *surfaceRenderer) Destroy() {}

// bar is a thin horizontal gauge, 0 to 1.
type bar struct {
	widget.BaseWidget
	fill   fyne.ThemeColorName
	height float32
	value  float64
}

func newBar(fill fyne.ThemeColorName, height float32) *bar {
	b := &bar{fill: fill, height: height}
	b.ExtendBaseWidget(b)
	return b
}

// set moves the gauge; nothing is drawn when nothing changed.
func (b *bar) set(value float64, fill fyne.ThemeColorName) {
	value = min(max(value, 0), 1)
	if value == b.value && fill == b.fill {
		return
	}
	b.value, b.fill = value, fill
	b.Refresh()
}

func (b *bar) CreateRenderer() fyne.WidgetRenderer {
	r := &barRenderer{b: b, track: canvas.NewRectangle(nil), full: canvas.NewRectangle(nil)}
	r.track.CornerRadius, r.full.CornerRadius = b.height/2, b.height/2
	r.Refresh()
	return r
}

type barRenderer struct {
	b           *bar
	track, full *canvas.Rectangle
}

func (r *barRenderer) Layout(size fyne.Size) {
	top := (size.Height - r.b.height) / 2
	r.track.Move(fyne.NewPos(0, top))
	r.track.Resize(fyne.NewSize(size.Width, r.b.height))
	r.full.Move(fyne.NewPos(0, top))
	r.full.Resize(fyne.NewSize(size.Width*float32(r.b.value), r.b.height))
}
func (r *barRenderer) MinSize() fyne.Size { return fyne.NewSize(60, r.b.height) }
func (r *barRenderer) Refresh() {
	v := fyne.CurrentApp().Settings().ThemeVariant()
	r.track.FillColor = r.b.Theme().Color(colorTrack, v)
	r.full.FillColor = r.b.Theme().Color(r.b.fill, v)
	r.Layout(r.b.Size())
	r.track.Refresh()
	r.full.Refresh()
}
func (r *barRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.track, r.full} }
func (r *barRenderer) Destroy()                     {}

// meterFloor is the level in dB at which a meter is empty.
const meterFloor = -60

// level shows a sound level in dB of full scale.
func (b *bar) level(db float64) {
	fill := theme.ColorNameSuccess
	switch {
	case db > -3:
		fill = theme.ColorNameError
	case db > -12:
		fill = theme.ColorNameWarning
	}
	b.set((db-meterFloor)/-meterFloor, fill)
}

// column puts cards below each other with space between them.
func column(cards ...fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewCustomPaddedVBoxLayout(cardGap), cards...)
}

// beside leaves space for the bar of the scroll that the content is in.
func beside(content fyne.CanvasObject) fyne.CanvasObject {
	return container.New(layout.NewCustomPaddedLayout(0, 0, 0, 12), content)
}

// cardGap is the space between cards.
const cardGap = 10

// muted is a label in a quiet colour.
func muted(text string) *widget.Label {
	l := widget.NewLabel(text)
	l.Importance = widget.LowImportance
	l.SizeName = theme.SizeNameCaptionText
	return l
}

// oneLine keeps a label to one line that ends in dots where there is no room.
func oneLine(l *widget.Label) *widget.Label {
	l.Truncation = fyne.TextTruncateEllipsis
	return l
}

// heading begins a page.
func heading(text string, right ...fyne.CanvasObject) fyne.CanvasObject {
	l := widget.NewLabel(text)
	l.TextStyle.Bold = true
	l.SizeName = theme.SizeNameHeadingText
	row := container.NewHBox(l, layout.NewSpacer())
	for _, o := range right {
		row.Add(container.NewCenter(o))
	}
	return row
}

// setText changes a label only when the text differs, for every change is drawn.
func setText(l *widget.Label, text string) {
	if l.Text != text {
		l.SetText(text)
	}
}

// setButton is setText for a button and its icon.
func setButton(b *pushButton, text string, icon fyne.Resource) {
	if b.Text != text {
		b.Icon = icon
		b.SetText(text)
	}
}

// setShown hides or shows an object and returns whether that changed anything.
func setShown(o fyne.CanvasObject, shown bool) bool {
	switch {
	case shown && !o.Visible():
		o.Show()
	case !shown && o.Visible():
		o.Hide()
	default:
		return false
	}
	return true
}

// keyboardIcon is a keyboard.
var keyboardIcon = icon("keyboard.svg", "M3 5h18a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H3a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2z"+
	"M4 8v2h2V8zM8 8v2h2V8zM12 8v2h2V8zM16 8v2h4V8zM4 12v2h2v-2zM8 12v2h2v-2zM12 12v2h2v-2zM16 12v2h4v-2z"+
	"M7 15.500v1.500h10v-1.500z")
