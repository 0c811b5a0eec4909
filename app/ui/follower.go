package ui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// follower scrolls to what has the keyboard: Fyne's Tab goes on to widgets that nobody sees.
type follower struct {
	canvas fyne.Canvas
	scroll *container.Scroll
	// visible says whether all this is visible, outside what lies on the same page, but not in what is scrolled.
	visible   func() bool
	outside   func(fyne.Focusable) bool
	animation *fyne.Animation // which is how Fyne lets one look at something again and again
	looking   bool
	last      fyne.Focusable
}

func newFollower(canvas fyne.Canvas, scroll *container.Scroll, visible func() bool,
	outside func(fyne.Focusable) bool) *follower {
	f := &follower{canvas: canvas, scroll: scroll, visible: visible, outside: outside}
	f.animation = &fyne.Animation{Duration: time.Second, RepeatCount: fyne.AnimationRepeatForever,
		Tick: func(float32) { f.look() }}
	return f
}

// begin follows the keyboard as long as all this is visible.
func (f *follower) begin() {
	if !f.looking {
		f.looking = true
		f.animation.Start()
	}
}

// look scrolls where the keyboard has moved. While a list or a dialog is open it is in there.
func (f *follower) look() {
	if !f.visible() {
		f.looking = false
		f.animation.Stop()
		return
	}
	focused := f.canvas.Focused()
	if focused == f.last || f.canvas.Overlays().Top() != nil {
		return
	}
	f.last = focused
	if o, ok := focused.(fyne.CanvasObject); ok && !f.outside(focused) {
		f.reveal(o)
	}
}

// reveal scrolls as far as needed to something of which less than half is visible. Else it stays where it is: the
// mouse may just have been on it.
func (f *follower) reveal(o fyne.CanvasObject) {
	d := fyne.CurrentApp().Driver()
	top := d.AbsolutePositionForObject(o).Y - d.AbsolutePositionForObject(f.scroll.Content).Y
	bottom, half := top+o.Size().Height, top+o.Size().Height/2
	offset, height := f.scroll.Offset, f.scroll.Size().Height
	const margin = 24
	switch {
	case half < offset.Y:
		offset.Y = max(top-margin, 0)
	case half > offset.Y+height:
		offset.Y = bottom + margin - height
	default:
		return
	}
	f.scroll.ScrollToOffset(offset)
}
