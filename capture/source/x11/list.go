package x11

import (
	"bytes"
	"errors"
	"image"
	"strings"

	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xproto"
)

// Monitor is one of the screen's monitors.
type Monitor struct {
	// Name is its output's, for example "HDMI-1".
	Name string
	// Area is where it lies on the screen, in pixels.
	Area    image.Rectangle
	Primary bool
	// RefreshRate is in Hz, 0 where it is not known.
	RefreshRate float64
}

// Window is the window of a program.
type Window struct {
	// Class is the program's name for its kind (WM_CLASS), the same at each of its starts; Title is what the window
	// shows.
	Class, Title string
	id           xproto.Window
}

// Monitors lists the monitors that are on.
func (d *Display) Monitors() ([]Monitor, error) {
	if !d.hasMonitors {
		return nil, errors.New("the X server is too old to name its monitors (RandR 1.5); capture the whole screen or a " +
			"rectangle")
	}
	r, err := randr.GetMonitors(d.conn, d.screen.Root, true).Reply()
	if err != nil {
		return nil, err
	}
	rates := d.refreshRates()
	list := make([]Monitor, 0, len(r.Monitors))
	for _, m := range r.Monitors {
		name, err := xproto.GetAtomName(d.conn, m.Name).Reply()
		if err != nil {
			return nil, err
		}
		area := image.Rect(0, 0, int(m.Width), int(m.Height)).Add(image.Pt(int(m.X), int(m.Y)))
		list = append(list, Monitor{Name: name.Name, Area: area, Primary: m.Primary,
			RefreshRate: rates[area.Min]})
	}
	return list, nil
}

// Windows lists the programs' windows, the topmost first. Minimised ones are among them.
func (d *Display) Windows() ([]Window, error) {
	ids, err := d.clientWindows()
	if err != nil {
		return nil, err
	}
	var list []Window
	for i := len(ids) - 1; i >= 0; i-- {
		w := Window{id: ids[i]}
		if w.Class, w.Title, err = d.names(ids[i]); err != nil {
			if refused(err) {
				continue // it was closed in the meantime
			}
			return nil, err
		}
		if w.Class != "" || w.Title != "" {
			list = append(list, w)
		}
	}
	return list, nil
}

// Hidden is whether nothing of a program's window can be seen because it is minimized or on another workspace.
func (d *Display) Hidden(window uint32) (bool, error) {
	id := xproto.Window(window)
	a, err := xproto.GetWindowAttributes(d.conn, id).Reply()
	if err != nil {
		return false, err
	}
	const iconic = 3 // IconicState (ICCCM 2.0, 4.1.3.1); some window managers leave such windows mapped
	state, err := d.property(id, d.atoms.state)
	return a.MapState != xproto.MapStateViewable || len(state) > 0 && state[0] == iconic, err
}

// clientWindows are the windows that the window manager manages, the lowest first; without one, all that are visible.
func (d *Display) clientWindows() ([]xproto.Window, error) {
	for _, list := range []xproto.Atom{d.atoms.stacking, d.atoms.clients} {
		value, err := d.property(d.screen.Root, list)
		if err != nil {
			return nil, err
		}
		if len(value) == 0 {
			continue
		}
		ids := make([]xproto.Window, 0, len(value)/4)
		for ; len(value) >= 4; value = value[4:] {
			ids = append(ids, xproto.Window(uint32(value[0])|uint32(value[1])<<8|uint32(value[2])<<16|uint32(value[3])<<24))
		}
		return ids, nil
	}
	tree, err := xproto.QueryTree(d.conn, d.screen.Root).Reply()
	if err != nil {
		return nil, err
	}
	var ids []xproto.Window
	for _, id := range tree.Children {
		a, err := xproto.GetWindowAttributes(d.conn, id).Reply()
		if err == nil && a.MapState == xproto.MapStateViewable {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// names are a window's class and title.
func (d *Display) names(id xproto.Window) (class, title string, err error) {
	c, err := d.property(id, d.atoms.class)
	if err != nil {
		return "", "", err
	}
	// Two texts, each with a zero at its end: instance and class (ICCCM 2.0, 4.1.2.5).
	if parts := bytes.Split(c, []byte{0}); len(parts) > 1 {
		class = strings.ToValidUTF8(string(parts[1]), "?")
	}
	for _, a := range []xproto.Atom{d.atoms.netName, d.atoms.wmName} {
		t, err := d.property(id, a)
		if err != nil {
			return "", "", err
		}
		if title = strings.TrimSpace(string(t)); title != "" {
			break
		}
	}
	return class, strings.ToValidUTF8(title, "?"), nil
}

// property is the value of a window's property, up to 64 KiB; empty where there is none.
func (d *Display) property(w xproto.Window, a xproto.Atom) ([]byte, error) {
	r, err := xproto.GetProperty(d.conn, false, w, a, xproto.GetPropertyTypeAny, 0, 1<<14).Reply()
	if err != nil {
		return nil, err
	}
	return r.Value, nil
}

// Size is the size of the whole screen in pixels.
func (d *Display) Size() (image.Point, error) {
	g, err := xproto.GetGeometry(d.conn, xproto.Drawable(d.screen.Root)).Reply()
	if err != nil {
		return image.Point{}, err
	}
	return image.Pt(int(g.Width), int(g.Height)), nil
}
