package x11

import (
	"errors"
	"fmt"
	"image"

	"github.com/jezek/xgb/composite"
	"github.com/jezek/xgb/xproto"
)

// Target is what is filmed: the first that is set of Monitor, window (Class and Title) and Area; else the whole screen.
type Target struct {
	// Monitor is the name of a monitor.
	Monitor string
	// Class and Title choose a window: the topmost with both, else the topmost with the class. Empty ones fit all.
	Class, Title string
	// Area is a rectangle of the screen in pixels.
	Area image.Rectangle
}

// String is what people call it.
func (t Target) String() string {
	switch {
	case t.Monitor != "":
		return "the monitor " + t.Monitor
	case t.Title != "":
		return fmt.Sprintf("the window %q", t.Title)
	case t.Class != "":
		return "the window of " + t.Class
	case !t.Area.Empty():
		return fmt.Sprintf("the rectangle %dx%d at %d,%d", t.Area.Dx(), t.Area.Dy(), t.Area.Min.X, t.Area.Min.Y)
	}
	return "the screen"
}

func (t Target) isWindow() bool { return t.Monitor == "" && (t.Class != "" || t.Title != "") }

// awayError says that there is nothing to film for now; it comes back by itself.
type awayError struct{ text string }

func (e awayError) Error() string { return e.text }

func away(format string, args ...any) error {
	return awayError{fmt.Sprintf(format, args...) + "; the last picture stays until it is back"}
}

// smallest is the width and height in pixels that encoders take.
const smallest = 16

// view is where the target is to be read.
type view struct {
	// drawable is read, watched tells of changes.
	drawable, watched xproto.Drawable
	// area is in the drawable; its corner lies at this point of the screen, and at that of what is watched.
	area       image.Rectangle
	at, corner image.Point
}

// viewer finds a target again and again.
type viewer struct {
	d      *Display
	target Target
	window xproto.Window
	pixmap xproto.Pixmap // what the window shows, also where others cover it; 0: none
}

// locate answers where the target is now; an awayError when it is not there.
func (v *viewer) locate() (view, error) {
	if v.target.isWindow() {
		return v.locateWindow()
	}
	root := xproto.Drawable(v.d.screen.Root)
	g, err := xproto.GetGeometry(v.d.conn, root).Reply()
	if err != nil {
		return view{}, err
	}
	whole := image.Rect(0, 0, int(g.Width), int(g.Height))
	area := whole
	switch {
	case v.target.Monitor != "":
		if area, err = v.monitor(); err != nil {
			return view{}, err
		}
	case !v.target.Area.Empty():
		area = v.target.Area
	}
	area = area.Intersect(whole)
	if area.Dx() < smallest || area.Dy() < smallest {
		return view{}, away("%s lies outside the screen, which is %dx%d", v.target, whole.Dx(), whole.Dy())
	}
	return view{root, root, area, area.Min, area.Min}, nil
}

func (v *viewer) monitor() (image.Rectangle, error) {
	list, err := v.d.Monitors()
	if err != nil {
		return image.Rectangle{}, err
	}
	for _, m := range list {
		if m.Name == v.target.Monitor {
			return m.Area, nil
		}
	}
	return image.Rectangle{}, away("%s is not connected", v.target)
}

// locateWindow reads a window through the composite extension (Composite 0.2, NameWindowPixmap), so that what lies over
// it is not filmed. The name of its picture is good until it is resized or hidden, so it is asked for each time.
func (v *viewer) locateWindow() (view, error) {
	d := v.d
	a, err := v.attributes()
	if err != nil {
		return view{}, err
	}
	if a.MapState != xproto.MapStateViewable {
		return view{}, away("%s is minimised", v.target)
	}
	g, err := xproto.GetGeometry(d.conn, xproto.Drawable(v.window)).Reply()
	if err != nil {
		return view{}, v.gone(err)
	}
	at, err := xproto.TranslateCoordinates(d.conn, v.window, d.screen.Root, 0, 0).Reply()
	if err != nil {
		return view{}, v.gone(err)
	}
	v.forget()
	pixmap, err := xproto.NewPixmapId(d.conn)
	if err != nil {
		return view{}, err
	}
	if err := composite.NameWindowPixmapChecked(d.conn, v.window, pixmap).Check(); err != nil {
		return view{}, v.gone(err)
	}
	v.pixmap = pixmap
	border := int(g.BorderWidth)
	area := image.Rect(0, 0, int(g.Width), int(g.Height)).Add(image.Pt(border, border))
	if area.Dx() < smallest || area.Dy() < smallest {
		return view{}, away("%s is smaller than %dx%d", v.target, smallest, smallest)
	}
	return view{xproto.Drawable(pixmap), xproto.Drawable(v.window), area, image.Pt(int(at.DstX), int(at.DstY)), image.Point{}}, nil
}

// attributes are those of the window, which is looked for when there is none or it has been closed.
func (v *viewer) attributes() (*xproto.GetWindowAttributesReply, error) {
	if v.window != 0 {
		a, err := xproto.GetWindowAttributes(v.d.conn, v.window).Reply()
		if err == nil || !refused(err) {
			return a, err
		}
		v.forget()
		v.window = 0
	}
	if !v.d.hasComposite {
		return nil, errors.New("the X server cannot show single windows (no Composite extension); film the screen or a monitor")
	}
	id, err := v.find()
	if err != nil {
		return nil, err
	}
	v.window = id
	v.d.listenTo(id, xproto.EventMaskStructureNotify)
	composite.RedirectWindow(v.d.conn, id, composite.RedirectAutomatic)
	a, err := xproto.GetWindowAttributes(v.d.conn, id).Reply()
	return a, v.gone(err)
}

// find looks for the target's window.
func (v *viewer) find() (xproto.Window, error) {
	list, err := v.d.Windows()
	if err != nil {
		return 0, err
	}
	t, best := v.target, xproto.Window(0)
	for _, w := range list {
		switch {
		case t.Class != "" && w.Class != t.Class:
		case t.Title == "" || w.Title == t.Title:
			return w.id, nil
		case t.Class != "" && best == 0:
			best = w.id
		}
	}
	if best == 0 {
		return 0, away("%s is not open", t)
	}
	return best, nil
}

// gone makes of a refused request that the window is changing; anything else is passed on.
func (v *viewer) gone(err error) error {
	if err != nil && refused(err) {
		return away("%s is not to be seen", v.target)
	}
	return err
}

// forget gives back the window's picture.
func (v *viewer) forget() {
	if v.pixmap != 0 {
		xproto.FreePixmap(v.d.conn, v.pixmap)
		v.pixmap = 0
	}
}
