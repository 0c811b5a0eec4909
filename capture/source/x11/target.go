package x11

import (
	"errors"
	"fmt"
	"image"

	"github.com/jezek/xgb/composite"
	"github.com/jezek/xgb/xproto"

	"github.com/hindsight-app/hindsight/capture/media"
)

// AwayError says that there is nothing to capture for now; it comes back by itself.
type AwayError struct {
	// Reason is empty for a target that cannot be captured as it is.
	Reason media.AwayReason
	text   string
}

// Error says what is away and what happens to the video.
func (e AwayError) Error() string { return e.text }

func away(reason media.AwayReason, format string, args ...any) error {
	return AwayError{reason, fmt.Sprintf(format, args...) + "; the last frame stays until it is back"}
}

// Held is the window that is captured, across several calls of Capture. Its zero value has none yet. It is used by one
// Capture at a time.
type Held struct {
	id     xproto.Window // 0: none, or it was closed
	who    identity
	closed bool
}

// identity distinguishes windows with the same X id: servers reuse ids. A field is empty where the program has
// not said.
type identity struct{ pid, class, machine string }

// same says whether this may be the window that was identified before: a program may add what it did not say at first.
func (i identity) same(before identity) bool {
	fits := func(now, then string) bool { return then == "" || now == then }
	return fits(i.pid, before.pid) && fits(i.class, before.class) && fits(i.machine, before.machine)
}

func (d *Display) identify(w xproto.Window) (i identity, err error) {
	for to, a := range map[*string]xproto.Atom{&i.pid: d.atoms.pid, &i.class: d.atoms.class, &i.machine: d.atoms.machine} {
		value, err := d.property(w, a)
		if err != nil {
			return i, err
		}
		*to = string(value)
	}
	return i, nil
}

// smallest is the width and height in pixels that encoders take.
const smallest = 16

// view is where the target is to be read.
type view struct {
	// drawable is read, watched reports changes.
	drawable, watched xproto.Drawable
	// area is in the drawable; its corner lies at this point of the screen, and at that of what is watched.
	area       image.Rectangle
	at, corner image.Point
	form       form
}

// viewer finds a target again and again.
type viewer struct {
	d      *Display
	target media.Target
	held   *Held
	stay   func() bool
	heard  xproto.Window // whose events come
	pixmap xproto.Pixmap // what the window shows, also where others cover it; 0: none
}

// locate returns where the target is now; an AwayError when it is not there.
func (v *viewer) locate() (view, error) {
	if v.target.IsWindow() {
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
	if a := v.target.Area; v.target.Monitor == "" && !a.Empty() && !a.In(whole) {
		return view{}, AwayError{"", fmt.Sprintf(
			"%s is not within the screen, which is %dx%d; choose one that is", v.target, whole.Dx(), whole.Dy())}
	}
	area = area.Intersect(whole)
	if area.Dx() < smallest || area.Dy() < smallest {
		return view{}, away("", "%s lies outside the screen, which is %dx%d", v.target, whole.Dx(), whole.Dy())
	}
	f, err := v.d.formOf(v.d.screen.RootVisual)
	return view{root, root, area, area.Min, area.Min, f}, err
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
	return image.Rectangle{}, away(media.Disconnected, "%s is not connected", v.target)
}

// locateWindow reads a window through the composite extension (Composite 0.2, NameWindowPixmap), so that what lies over
// it is not captured. The name of its pixmap is good until it is resized or hidden, so it is asked for each time.
func (v *viewer) locateWindow() (view, error) {
	d := v.d
	a, err := v.attributes()
	if err != nil {
		return view{}, err
	}
	if a.MapState != xproto.MapStateViewable {
		return view{}, away(media.Minimized, "%s is minimized", v.target)
	}
	f, err := d.formOf(a.Visual)
	if err != nil {
		return view{}, err
	}
	g, err := xproto.GetGeometry(d.conn, xproto.Drawable(v.held.id)).Reply()
	if err != nil {
		return view{}, v.gone(err)
	}
	at, err := xproto.TranslateCoordinates(d.conn, v.held.id, d.screen.Root, 0, 0).Reply()
	if err != nil {
		return view{}, v.gone(err)
	}
	v.forget()
	pixmap, err := xproto.NewPixmapId(d.conn)
	if err != nil {
		return view{}, err
	}
	if err := composite.NameWindowPixmapChecked(d.conn, v.held.id, pixmap).Check(); err != nil {
		return view{}, v.gone(err)
	}
	v.pixmap = pixmap
	if err := v.recognize(); err != nil { // after the pixmap, which is the named window's whatever happens to its id
		v.forget()
		return view{}, err
	}
	border := int(g.BorderWidth)
	area := image.Rect(0, 0, int(g.Width), int(g.Height)).Add(image.Pt(border, border))
	if area.Dx() < smallest || area.Dy() < smallest {
		return view{}, away("", "%s is smaller than %dx%d", v.target, smallest, smallest)
	}
	return view{xproto.Drawable(pixmap), xproto.Drawable(v.held.id), area, image.Pt(int(at.DstX), int(at.DstY)),
		image.Point{}, f}, nil
}

// attributes are those of the window, which is looked for when there is none or it has been closed.
func (v *viewer) attributes() (*xproto.GetWindowAttributesReply, error) {
	if h := v.held; h.id != 0 && v.d.destroyed.Load() != uint32(h.id) {
		a, err := xproto.GetWindowAttributes(v.d.conn, h.id).Reply()
		if err == nil {
			v.listen()
			return a, nil
		}
		if !refused(err) {
			return a, err
		}
		v.close()
	} else if h.id != 0 {
		v.close()
	}
	if v.held.closed && v.stay != nil && v.stay() {
		return nil, v.wasClosed()
	}
	if !v.d.hasComposite {
		return nil, errors.New("the X server cannot show single windows (no Composite extension); capture the screen or a " +
			"monitor")
	}
	id, err := v.find()
	if err != nil {
		return nil, err
	}
	who, err := v.d.identify(id)
	if err != nil {
		return nil, v.gone(err)
	}
	v.d.destroyed.CompareAndSwap(uint32(id), 0)
	*v.held = Held{id: id, who: who}
	v.listen()
	a, err := xproto.GetWindowAttributes(v.d.conn, id).Reply()
	return a, v.gone(err)
}

// listen asks for the window's events and for its own pixmap, once on this connection.
func (v *viewer) listen() {
	if v.heard == v.held.id {
		return
	}
	v.heard = v.held.id
	v.d.listenTo(v.heard, xproto.EventMaskStructureNotify)
	composite.RedirectWindow(v.d.conn, v.heard, composite.RedirectAutomatic)
}

// recognize checks that the id is still that of the window that was chosen; one that is not was closed.
func (v *viewer) recognize() error {
	now, err := v.d.identify(v.held.id)
	if err != nil {
		return v.gone(err)
	}
	if !now.same(v.held.who) {
		v.close()
		return v.wasClosed()
	}
	v.held.who = now
	return nil
}

// close notes that the window was closed.
func (v *viewer) close() {
	v.forget()
	v.heard = 0
	*v.held = Held{closed: true}
}

func (v *viewer) wasClosed() error {
	if v.stay == nil || !v.stay() {
		return away(media.Closed, "%s is not open", v.target)
	}
	return AwayError{media.Closed, fmt.Sprintf(
		"%s was closed; the last frame stays until you choose what to share instead",
		v.target)}
}

// find looks for the target's window. Titles change, so another window of the same program will do, but not for viewers
// where there are several: one of them would be shown by mere chance.
func (v *viewer) find() (xproto.Window, error) {
	list, err := v.d.Windows()
	if err != nil {
		return 0, err
	}
	t, best, alike := v.target, xproto.Window(0), 0
	for _, w := range list {
		switch {
		case t.Class != "" && w.Class != t.Class:
		case t.Title == "" || w.Title == t.Title:
			return w.id, nil
		case t.Class != "":
			if alike++; best == 0 {
				best = w.id
			}
		}
	}
	if alike > 1 && v.stay != nil && v.stay() {
		return 0, AwayError{media.Closed, fmt.Sprintf(
			"%s cannot be told from other windows of its program; choose again what to share", t)}
	}
	if best == 0 {
		return 0, away(media.Closed, "%s is not open", t)
	}
	return best, nil
}

// gone turns a refused request into "the window is changing"; anything else is passed on.
func (v *viewer) gone(err error) error {
	if err != nil && refused(err) {
		return away(media.Minimized, "%s is hidden", v.target)
	}
	return err
}

// forget gives back the window's pixmap.
func (v *viewer) forget() {
	if v.pixmap != 0 {
		xproto.FreePixmap(v.d.conn, v.pixmap)
		v.pixmap = 0
	}
}
