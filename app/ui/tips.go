package ui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

const (
	// tipWait is how long the mouse or the keyboard rests on a button before its tip appears.
	tipWait = 500 * time.Millisecond
	// tipStays is how long it is there: Fyne does not say when the mouse leaves the window.
	tipStays = 5 * time.Second
)

// tips says what buttons without a text do. A tip lies over the page in a layer of its own: Fyne's overlays would take
// the mouse from the button below.
type tips struct {
	main  func(func()) // runs a function on the main goroutine
	layer *fyne.Container
	// on is what has, or gets, the tip.
	on   tipped
	wait *time.Timer
}

// tipped is what has a tip: empty for none, below it or on its right.
type tipped interface {
	fyne.CanvasObject
	hint() (tip string, right bool)
}

func newTips(main func(func())) *tips { return &tips{main: main, layer: container.NewWithoutLayout()} }

// over is a page with the tips above it.
func (t *tips) over(page fyne.CanvasObject) fyne.CanvasObject {
	return container.NewStack(page, t.layer)
}

// begin shows a tip soon.
func (t *tips) begin(b tipped) {
	t.end()
	if tip, _ := b.hint(); tip == "" {
		return
	}
	t.on = b
	t.wait = time.AfterFunc(tipWait, func() { t.main(func() { t.show(b) }) })
}

// end takes the tip away.
func (t *tips) end() {
	if t.on == nil {
		return
	}
	t.wait.Stop()
	t.on = nil
	t.layer.RemoveAll()
	t.layer.Refresh()
}

func (t *tips) show(b tipped) {
	if t.on != b || len(t.layer.Objects) > 0 || !b.Visible() {
		return
	}
	text, right := b.hint()
	said := widget.NewLabel(text)
	said.SizeName = theme.SizeNameCaptionText
	tip := newSurface(theme.ColorNameMenuBackground, 6, 0, said)
	d := fyne.CurrentApp().Driver()
	at := d.AbsolutePositionForObject(b).Subtract(d.AbsolutePositionForObject(t.layer))
	t.layer.Add(tip)
	tip.Resize(tip.MinSize())
	tip.Move(tipPlace(at, b.Size(), tip.MinSize(), t.layer.Size(), right))
	t.layer.Refresh()
	t.wait = time.AfterFunc(tipStays, func() {
		t.main(func() {
			if t.on == b {
				t.end()
			}
		})
	})
}

// tipPlace is below a button, or above it where there is no room, or on its right, and inside the window.
func tipPlace(at fyne.Position, button, tip, window fyne.Size, right bool) fyne.Position {
	const gap = 2
	if right {
		return fyne.NewPos(at.X+button.Width+gap, at.Y+(button.Height-tip.Height)/2)
	}
	x := min(max(at.X+(button.Width-tip.Width)/2, gap), max(window.Width-tip.Width-gap, 0))
	y := at.Y + button.Height + gap
	if y+tip.Height > window.Height {
		y = at.Y - tip.Height - gap
	}
	return fyne.NewPos(x, y)
}

// tipButton is a button whose tip says what it does.
type tipButton struct {
	pushButton
	all *tips
	tip string // empty for none
	// right has it on the right of the button.
	right bool
}

// newTipButton makes a button that has an icon only.
func newTipButton(all *tips, tip string, icon fyne.Resource, tapped func()) *tipButton {
	b := &tipButton{all: all, tip: tip}
	b.Icon = icon
	b.OnTapped = func() {
		all.end()
		tapped()
	}
	b.ExtendBaseWidget(b)
	return b
}

// hint implements tipped.
func (b *tipButton) hint() (tip string, right bool) { return b.tip, b.right }

// MouseIn begins a tip.
func (b *tipButton) MouseIn(e *desktop.MouseEvent) {
	b.pushButton.MouseIn(e)
	b.all.begin(b)
}

// MouseOut ends it.
func (b *tipButton) MouseOut() {
	b.pushButton.MouseOut()
	b.all.end()
}

// FocusGained begins a tip for those who have no mouse.
func (b *tipButton) FocusGained() {
	b.pushButton.FocusGained()
	b.all.begin(b)
}

// FocusLost ends it.
func (b *tipButton) FocusLost() {
	b.pushButton.FocusLost()
	b.all.end()
}

// tipIcon is an icon whose tip says what it means.
type tipIcon struct {
	widget.Icon
	all *tips
	tip string
}

func newTipIcon(all *tips) *tipIcon {
	i := &tipIcon{all: all}
	i.ExtendBaseWidget(i)
	return i
}

// hint implements tipped.
func (i *tipIcon) hint() (tip string, right bool) { return i.tip, false }

// MouseIn begins a tip.
func (i *tipIcon) MouseIn(*desktop.MouseEvent) { i.all.begin(i) }

// MouseMoved is for desktop.Hoverable.
func (i *tipIcon) MouseMoved(*desktop.MouseEvent) {}

// MouseOut ends it.
func (i *tipIcon) MouseOut() { i.all.end() }
