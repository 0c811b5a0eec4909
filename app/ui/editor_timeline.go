package ui

import (
	"image"
	"image/color"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// The timeline's measures. The strip begins below the row of markers.
const (
	markerRow   = 16
	stripHeight = 58
	laneHeight  = 40
	laneGap     = 6
	handleWidth = 12
	// handleReach is how far from a handle's middle the mouse takes it.
	handleReach = 14
	// stripFrames is how many frames are on the strip.
	stripFrames = 10
)

// grip is what of the timeline the mouse moves.
type grip int

const (
	gripNone grip = iota
	gripHead
	gripIn
	gripOut
)

// timeline is a strip of frames with the waveforms below it, the handles of what is kept, the markers and the moment
// that is shown. It says what the mouse does, and moves nothing by itself.
type timeline struct {
	widget.BaseWidget
	length      time.Duration
	in, out, at time.Duration
	// from and to are what of the clip is visible: all of it, or less where it is zoomed in.
	from, to time.Duration
	frames   [stripFrames]image.Image
	lanes    []lane
	markers  []marker

	// moved is called while the mouse moves something, done at the end of that.
	moved func(what grip, to time.Duration)
	done  func()
	// viewed is called when another part of the clip is visible, for which frames are to be decoded.
	viewed func()
	// hinted shows the name of a marker, and takes it away with an empty one.
	hinted func(text string)

	held     grip
	hover    float32
	renderer *timelineRenderer // the newest
}

// lane is a track of sound.
type lane struct {
	peaks []float32 // 0 to 1, spread over the whole length
	gain  float64
}

// same says whether two lanes look the same.
func (l lane) same(o lane) bool {
	return l.gain == o.gain && len(l.peaks) == len(o.peaks) && (len(l.peaks) == 0 || &l.peaks[0] == &o.peaks[0])
}

type marker struct {
	at   time.Duration
	name string
}

func newTimeline() *timeline {
	t := &timeline{hover: -1}
	t.ExtendBaseWidget(t)
	return t
}

// shortestView is how long the visible part is at least.
const shortestView = time.Second

// zoom makes the visible part longer or shorter by a factor; the moment at a place stays there.
func (t *timeline) zoom(factor float64, x float32) {
	span := t.to - t.from
	next := min(max(time.Duration(float64(span)*factor), min(shortestView, t.length)), t.length)
	at := t.moment(x)
	t.see(at-time.Duration(float64(at-t.from)*float64(next)/float64(max(span, 1))), next)
}

// see shows a part of this length, from a moment on where there is so much behind it.
func (t *timeline) see(from, span time.Duration) {
	from = min(max(from, 0), t.length-span)
	if from == t.from && from+span == t.to {
		return
	}
	t.from, t.to = from, from+span
	t.Refresh()
	t.viewed()
}

// Scrolled zooms, and moves along where the mouse wheel turns sideways.
func (t *timeline) Scrolled(e *fyne.ScrollEvent) {
	switch {
	case e.Scrolled.DY > 0:
		t.zoom(0.75, e.Position.X)
	case e.Scrolled.DY < 0:
		t.zoom(1/0.75, e.Position.X)
	case e.Scrolled.DX != 0:
		span := t.to - t.from
		t.see(t.from-time.Duration(float64(e.Scrolled.DX)/200*float64(span)), span)
	}
}

// show moves the handles and the moment, and sees to it that the moment is visible where it moved. It costs little: a
// refresh draws frames and waveforms anew.
func (t *timeline) show(in, out, at time.Duration) {
	gone := at != t.at && (at < t.from || at > t.to)
	t.in, t.out, t.at = in, out, at
	if span := t.to - t.from; gone && t.held == gripNone {
		t.see(at-span/4, span)
	}
	if t.renderer != nil {
		t.renderer.move()
	}
}

// x is where a moment is.
func (t *timeline) x(at time.Duration) float32 {
	if t.to <= t.from {
		return handleWidth
	}
	return handleWidth + float32(float64(at-t.from)/float64(t.to-t.from))*(t.Size().Width-2*handleWidth)
}

// moment is the inverse of x.
func (t *timeline) moment(x float32) time.Duration {
	inside := max(t.Size().Width-2*handleWidth, 1)
	return min(max(t.from+time.Duration(float64((x-handleWidth)/inside)*float64(t.to-t.from)), 0), t.length)
}

// laneTop is where a lane begins.
func laneTop(n int) float32 {
	return markerRow + stripHeight + laneGap + float32(n)*(laneHeight+laneGap)
}

// gripAt is what the mouse takes at a place.
func (t *timeline) gripAt(p fyne.Position) grip {
	in, out := p.X-(t.x(t.in)-handleWidth/2), p.X-(t.x(t.out)+handleWidth/2)
	switch {
	case p.Y < markerRow:
		return gripHead
	case abs(in) <= handleReach && abs(in) <= abs(out):
		return gripIn
	case abs(out) <= handleReach:
		return gripOut
	}
	return gripHead
}

func abs(x float32) float32 { return max(x, -x) }

// MouseDown takes a handle, or goes to the place.
func (t *timeline) MouseDown(e *desktop.MouseEvent) {
	if e.Button == desktop.MouseButtonPrimary {
		t.take(e.Position)
	}
}

func (t *timeline) take(p fyne.Position) {
	t.held = t.gripAt(p)
	if m := t.markerAt(p); m != nil {
		t.moved(gripHead, m.at)
	} else if t.held == gripHead {
		t.move(p.X)
	}
}

// MouseUp lets go.
func (t *timeline) MouseUp(*desktop.MouseEvent) { t.release() }

// Dragged moves what was taken.
func (t *timeline) Dragged(e *fyne.DragEvent) {
	if t.held == gripNone {
		t.take(e.Position.Subtract(fyne.NewPos(e.Dragged.DX, e.Dragged.DY)))
	}
	t.move(e.Position.X)
}

// DragEnd lets go.
func (t *timeline) DragEnd() { t.release() }

func (t *timeline) release() {
	if t.held != gripNone {
		t.held = gripNone
		t.done()
	}
}

func (t *timeline) move(x float32) {
	at := t.moment(x)
	switch t.held {
	case gripIn:
		at = t.moment(x + handleWidth/2)
	case gripOut:
		at = t.moment(x - handleWidth/2)
	}
	t.moved(t.held, at)
}

// markerAt is the marker at a place in the row of markers.
func (t *timeline) markerAt(p fyne.Position) *marker {
	for i := range t.markers {
		if p.Y >= 0 && p.Y < markerRow && abs(p.X-t.x(t.markers[i].at)) <= markerRow/2 {
			return &t.markers[i]
		}
	}
	return nil
}

// Tapped goes to a marker, or to the place.
func (t *timeline) Tapped(e *fyne.PointEvent) {
	t.held = gripNone
	if m := t.markerAt(e.Position); m != nil {
		t.moved(gripHead, m.at)
		t.done()
	} else if t.gripAt(e.Position) == gripHead {
		t.moved(gripHead, t.moment(e.Position.X))
		t.done()
	}
}

// MouseIn, MouseMoved and MouseOut follow the mouse for the cursor and the names of markers.
func (t *timeline) MouseIn(e *desktop.MouseEvent) { t.MouseMoved(e) }

// MouseMoved says what is below the mouse.
func (t *timeline) MouseMoved(e *desktop.MouseEvent) {
	t.hover = e.Position.X
	text := ""
	if m := t.markerAt(e.Position); m != nil {
		text = m.name
	}
	t.hinted(text)
}

// MouseOut ends that.
func (t *timeline) MouseOut() {
	t.hover = -1
	t.hinted("")
}

// Cursor shows that handles can be dragged.
func (t *timeline) Cursor() desktop.Cursor {
	if t.held == gripIn || t.held == gripOut {
		return desktop.HResizeCursor
	}
	if g := t.gripAt(fyne.NewPos(t.hover, markerRow+1)); t.hover >= 0 && (g == gripIn || g == gripOut) {
		return desktop.HResizeCursor
	}
	return desktop.DefaultCursor
}

// CreateRenderer draws the timeline.
func (t *timeline) CreateRenderer() fyne.WidgetRenderer {
	r := &timelineRenderer{t: t}
	r.back = canvas.NewRectangle(nil)
	r.back.CornerRadius = 6
	for i := range r.frames {
		r.frames[i] = &canvas.Image{FillMode: canvas.ImageFillCover, ScaleMode: canvas.ImageScaleFastest}
	}
	r.before, r.after = canvas.NewRectangle(nil), canvas.NewRectangle(nil)
	r.top, r.bottom = canvas.NewRectangle(nil), canvas.NewRectangle(nil)
	for i := range r.handles {
		r.handles[i] = canvas.NewRectangle(nil)
		r.handles[i].CornerRadius = 5
		r.grips[i] = canvas.NewRectangle(nil)
		r.grips[i].CornerRadius = 1
	}
	r.head, r.knob = canvas.NewRectangle(nil), canvas.NewCircle(nil)
	t.renderer = r
	r.Refresh()
	return r
}

type timelineRenderer struct {
	t             *timeline
	back          *canvas.Rectangle
	frames        [stripFrames]*canvas.Image
	waves         []*canvas.Raster
	before, after *canvas.Rectangle // what is cut off
	top, bottom   *canvas.Rectangle
	handles       [2]*canvas.Rectangle
	grips         [2]*canvas.Rectangle
	flags         []*canvas.Circle
	poles         []*canvas.Rectangle
	head          *canvas.Rectangle
	knob          *canvas.Circle

	drawn    []lane // what the waveforms show
	from, to time.Duration
}

func (r *timelineRenderer) height() float32 {
	if n := len(r.t.lanes); n > 0 {
		return laneTop(n)
	}
	return markerRow + stripHeight + 2
}

// MinSize is what the lanes need.
func (r *timelineRenderer) MinSize() fyne.Size { return fyne.NewSize(300, r.height()) }

// Layout puts everything to its place.
func (r *timelineRenderer) Layout(size fyne.Size) {
	place(r.back, handleWidth, markerRow, size.Width-2*handleWidth, stripHeight)
	slot := (size.Width - 2*handleWidth) / stripFrames
	for i, f := range r.frames {
		place(f, handleWidth+float32(i)*slot, markerRow, slot, stripHeight)
	}
	for i, w := range r.waves {
		place(w, handleWidth, laneTop(i), size.Width-2*handleWidth, laneHeight)
	}
	r.move()
}

// move is Layout for what the handles and the moment change.
func (r *timelineRenderer) move() {
	t := r.t
	width, bottom := t.Size().Width, r.height()-laneGap
	left, right := float32(handleWidth), width-handleWidth
	inside := func(x float32) float32 { return min(max(x, left), max(right, left)) }
	visible := func(x float32) bool { return x >= left-0.5 && x <= right+0.5 }
	in, out := t.x(t.in), t.x(t.out)
	place(r.before, left, markerRow, inside(in)-left, bottom-markerRow)
	place(r.after, inside(out), markerRow, right-inside(out), bottom-markerRow)
	place(r.top, inside(in), markerRow, inside(out)-inside(in), 3)
	place(r.bottom, inside(in), markerRow+stripHeight-3, inside(out)-inside(in), 3)
	for i, x := range []float32{in, out} {
		setShown(r.handles[i], visible(x))
		setShown(r.grips[i], visible(x))
		if i == 0 {
			x -= handleWidth
		}
		place(r.handles[i], x, markerRow, handleWidth, stripHeight)
		place(r.grips[i], x+handleWidth/2-1, markerRow+stripHeight/2-10, 2, 20)
	}
	for i := range min(len(r.flags), len(t.markers)) { // a refresh may be due
		x := t.x(t.markers[i].at)
		setShown(r.flags[i], visible(x))
		setShown(r.poles[i], visible(x))
		place(r.flags[i], x-5, 2, 10, 10)
		place(r.poles[i], x-0.5, 12, 1, stripHeight+markerRow-12)
	}
	at := t.x(t.at)
	setShown(r.head, visible(at))
	setShown(r.knob, visible(at))
	place(r.head, at-1, markerRow-4, 2, bottom-markerRow+4)
	place(r.knob, at-5, markerRow-9, 10, 10)
}

func place(o fyne.CanvasObject, x, y, w, h float32) {
	o.Move(fyne.NewPos(x, y))
	o.Resize(fyne.NewSize(max(w, 0), max(h, 0)))
}

// Refresh takes what has changed; frames and waveforms are drawn anew only where they did.
func (r *timelineRenderer) Refresh() {
	t := r.t
	variant := fyne.CurrentApp().Settings().ThemeVariant()
	color := func(name fyne.ThemeColorName) color.Color { return t.Theme().Color(name, variant) }
	r.back.FillColor = color(colorTrack)
	dim := veil(color(theme.ColorNameBackground))
	r.before.FillColor, r.after.FillColor = dim, dim
	accent := color(theme.ColorNamePrimary)
	for _, o := range []*canvas.Rectangle{r.top, r.bottom, r.handles[0], r.handles[1]} {
		o.FillColor = accent
	}
	for _, o := range r.grips {
		o.FillColor = color(theme.ColorNameForegroundOnPrimary)
	}
	r.head.FillColor, r.knob.FillColor = color(theme.ColorNameForeground), color(theme.ColorNameForeground)
	for len(r.flags) < len(t.markers) {
		r.flags, r.poles = append(r.flags, canvas.NewCircle(nil)), append(r.poles, canvas.NewRectangle(nil))
	}
	r.flags, r.poles = r.flags[:len(t.markers)], r.poles[:len(t.markers)]
	for i := range r.flags {
		r.flags[i].FillColor, r.poles[i].FillColor = color(theme.ColorNameWarning), color(theme.ColorNameWarning)
	}
	for i, f := range r.frames {
		if f.Image != t.frames[i] {
			f.Image = t.frames[i]
			f.Refresh()
		}
	}
	for len(r.waves) < len(t.lanes) {
		i := len(r.waves)
		r.waves = append(r.waves, canvas.NewRaster(func(w, h int) image.Image { return r.wave(i, w, h) }))
		r.waves[i].ScaleMode = canvas.ImageScaleFastest
	}
	r.waves = r.waves[:len(t.lanes)]
	for i, l := range t.lanes {
		if r.from != t.from || r.to != t.to || i >= len(r.drawn) || !r.drawn[i].same(l) {
			r.waves[i].Refresh()
		}
	}
	r.drawn, r.from, r.to = append(r.drawn[:0], t.lanes...), t.from, t.to
	r.Layout(t.Size())
	canvas.Refresh(t)
}

// veil is a color that hides most of what is below.
func veil(c color.Color) color.Color {
	r, g, b, _ := c.RGBA()
	return color.NRGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 190} //nolint:gosec // 8 of 16 bits
}

// visible are the peaks of what is visible.
func (t *timeline) visible(peaks []float32) []float32 {
	at := func(d time.Duration) int {
		return min(int(float64(d)/float64(max(t.length, 1))*float64(len(peaks))+0.5), len(peaks))
	}
	return peaks[at(t.from):at(t.to)]
}

// wave draws a waveform in a size in pixels.
func (r *timelineRenderer) wave(n, w, h int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	if n >= len(r.t.lanes) || w == 0 || h == 0 {
		return img
	}
	variant := fyne.CurrentApp().Settings().ThemeVariant()
	nrgba := func(name fyne.ThemeColorName) color.NRGBA {
		return color.NRGBAModel.Convert(r.t.Theme().Color(name, variant)).(color.NRGBA)
	}
	back, fill, l := nrgba(colorTrack), nrgba(theme.ColorNameSuccess), r.t.lanes[n]
	peaks := r.t.visible(l.peaks)
	if l.gain == 0 {
		fill = nrgba(theme.ColorNameDisabled)
	}
	for x := range w {
		peak := float32(0)
		from, to := x*len(peaks)/w, (x+1)*len(peaks)/w
		for i := from; i < max(to, from+1) && i < len(peaks); i++ {
			peak = max(peak, peaks[i])
		}
		gain := l.gain
		if gain == 0 {
			gain = 1
		}
		half := int(min(peak*float32(gain), 1)*float32(h-4)/2 + 0.5)
		for y := range h {
			c := back
			if y >= h/2-half && y <= h/2+half {
				c = fill
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// Objects are drawn in this order.
func (r *timelineRenderer) Objects() []fyne.CanvasObject {
	out := []fyne.CanvasObject{r.back}
	for _, f := range r.frames {
		out = append(out, f)
	}
	for _, w := range r.waves {
		out = append(out, w)
	}
	for i := range r.poles {
		out = append(out, r.poles[i])
	}
	out = append(out, r.before, r.after, r.top, r.bottom)
	for i := range r.handles {
		out = append(out, r.handles[i], r.grips[i])
	}
	for i := range r.flags {
		out = append(out, r.flags[i])
	}
	return append(out, r.head, r.knob)
}

// Destroy has nothing to end.
func (r *timelineRenderer) Destroy() {}
