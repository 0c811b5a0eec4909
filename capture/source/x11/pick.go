package x11

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// ErrNotPicked means that the user canceled the choice of a region.
var ErrNotPicked = errors.New("no region was chosen")

const (
	// frameLine is how thick the frame around the region is, in pixels, frameColor what it looks like (RGB).
	frameLine, frameColor = 3, 0x6f86ff
	// smallestPick is the smallest side of a region in pixels; what is smaller was a click.
	smallestPick = 16

	leftButton, crosshair, escape = 1, 34, 0xff1b // X11/cursorfont.h, X11/keysymdef.h
)

// PickRegion lets the user drag a rectangle with the mouse, which belongs to nobody else in the meantime. Escape and
// any other mouse button cancel: ErrNotPicked. What was chosen is in pixels of the screen. The frame around it consists
// of windows, because desktops that draw by themselves show nothing that is drawn on the root window.
func PickRegion(ctx context.Context, display string) (image.Rectangle, error) {
	d, err := Open(display)
	if err != nil {
		return image.Rectangle{}, err
	}
	name := d.Name
	_ = d.Close()
	conn, err := xgb.NewConnDisplay(name)
	if err != nil {
		return image.Rectangle{}, fmt.Errorf("the X display %s cannot be used: %w", name, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, conn.Close)()
	p := &picker{conn: conn, root: xproto.Setup(conn).DefaultScreen(conn)}
	if err := p.grab(ctx); err != nil {
		return image.Rectangle{}, err
	}
	r, err := p.run()
	if ctx.Err() != nil {
		return image.Rectangle{}, ctx.Err()
	}
	return r, err
}

// picker is one choice of a region. Its connection ends with it, and with that the grabs and windows.
type picker struct {
	conn  *xgb.Conn
	root  *xproto.ScreenInfo
	sides [4]xproto.Window
	shown bool
}

// grab takes mouse and keyboard, for which it waits a little: the button that led here may still hold the mouse.
func (p *picker) grab(ctx context.Context) error {
	cursor, err := p.cursor()
	if err != nil {
		return err
	}
	const events = xproto.EventMaskButtonPress | xproto.EventMaskButtonRelease | xproto.EventMaskPointerMotion
	for range 100 {
		r, err := xproto.GrabPointer(p.conn, false, p.root.Root, events, xproto.GrabModeAsync, xproto.GrabModeAsync,
			xproto.WindowNone, cursor, xproto.TimeCurrentTime).Reply()
		if err != nil {
			return err
		}
		if r.Status == xproto.GrabStatusSuccess {
			k, err := xproto.GrabKeyboard(p.conn, false, p.root.Root, xproto.TimeCurrentTime, xproto.GrabModeAsync,
				xproto.GrabModeAsync).Reply()
			if err == nil && k.Status != xproto.GrabStatusSuccess {
				err = nil // a mouse button cancels, too
			}
			return err
		}
		t := time.NewTimer(20 * time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
	return errors.New("another program holds the mouse; close its menu and try again")
}

// cursor is a cross.
func (p *picker) cursor() (xproto.Cursor, error) {
	font, err := xproto.NewFontId(p.conn)
	if err != nil {
		return 0, err
	}
	const name = "cursor"
	if err := xproto.OpenFontChecked(p.conn, font, uint16(len(name)), name).Check(); err != nil {
		return xproto.CursorNone, nil //nolint:nilerr // then the mouse looks as ever
	}
	cursor, err := xproto.NewCursorId(p.conn)
	if err != nil {
		return 0, err
	}
	xproto.CreateGlyphCursor(p.conn, cursor, font, font, crosshair, crosshair+1, 0xffff, 0xffff, 0xffff, 0, 0, 0)
	return cursor, nil
}

// run follows the mouse from the press of the left button to its release.
func (p *picker) run() (image.Rectangle, error) {
	var from image.Point
	held := false
	for {
		e, err := p.conn.WaitForEvent()
		if e == nil && err == nil {
			return image.Rectangle{}, errors.New("the X display went away")
		}
		switch e := e.(type) {
		case xproto.ButtonPressEvent:
			if e.Detail != leftButton {
				return image.Rectangle{}, ErrNotPicked
			}
			from, held = image.Pt(int(e.RootX), int(e.RootY)), true
		case xproto.MotionNotifyEvent:
			if held {
				if err := p.frame(p.between(from, image.Pt(int(e.RootX), int(e.RootY)))); err != nil {
					return image.Rectangle{}, err
				}
			}
		case xproto.ButtonReleaseEvent:
			if !held || e.Detail != leftButton {
				continue
			}
			r := p.between(from, image.Pt(int(e.RootX), int(e.RootY)))
			if r.Dx() >= smallestPick && r.Dy() >= smallestPick {
				return r, nil
			}
			held = false
		case xproto.KeyPressEvent:
			if p.isEscape(e.Detail) {
				return image.Rectangle{}, ErrNotPicked
			}
		}
	}
}

// between is the rectangle with these corners, both inside, on the screen.
func (p *picker) between(a, b image.Point) image.Rectangle {
	r := image.Rectangle{Min: a, Max: b}.Canon()
	r.Max = r.Max.Add(image.Pt(1, 1))
	return r.Intersect(image.Rect(0, 0, int(p.root.WidthInPixels), int(p.root.HeightInPixels)))
}

// frame shows a frame around a rectangle.
func (p *picker) frame(r image.Rectangle) error {
	around := r.Inset(-frameLine)
	sides := [4]image.Rectangle{
		{around.Min, image.Pt(around.Max.X, r.Min.Y)}, {image.Pt(around.Min.X, r.Max.Y), around.Max},
		{image.Pt(around.Min.X, r.Min.Y), image.Pt(r.Min.X, r.Max.Y)},
		{image.Pt(r.Max.X, r.Min.Y), image.Pt(around.Max.X, r.Max.Y)},
	}
	for i, s := range sides {
		w, h := uint32(max(s.Dx(), 1)), uint32(max(s.Dy(), 1))
		if !p.shown {
			id, err := xproto.NewWindowId(p.conn)
			if err != nil {
				return err
			}
			p.sides[i] = id
			xproto.CreateWindow(p.conn, p.root.RootDepth, id, p.root.Root, int16(s.Min.X), int16(s.Min.Y), uint16(w),
				uint16(h), 0, xproto.WindowClassInputOutput, p.root.RootVisual,
				xproto.CwBackPixel|xproto.CwOverrideRedirect, []uint32{frameColor, 1})
			xproto.MapWindow(p.conn, id)
			continue
		}
		xproto.ConfigureWindow(p.conn, p.sides[i], xproto.ConfigWindowX|xproto.ConfigWindowY|xproto.ConfigWindowWidth|
			xproto.ConfigWindowHeight|xproto.ConfigWindowStackMode,
			[]uint32{uint32(int32(s.Min.X)), uint32(int32(s.Min.Y)), w, h, xproto.StackModeAbove})
	}
	p.shown = true
	return nil
}

func (p *picker) isEscape(code xproto.Keycode) bool {
	r, err := xproto.GetKeyboardMapping(p.conn, code, 1).Reply()
	return err == nil && len(r.Keysyms) > 0 && r.Keysyms[0] == escape
}
