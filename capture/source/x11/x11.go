// Package x11 captures an X server in pure Go: the whole screen, a monitor, a window or a rectangle, by MIT-SHM where
// server and program share a machine. It also lists what can be captured.
//
// Xlib ends the process when its server dies or a request is refused (XSetIOErrorHandler(3), XSetErrorHandler(3)); here
// both are errors that the user can act on. That is why this package does not leave the work to ximagesrc.
//
// A Display owns one connection and one goroutine, which reads events and notes what they change; Close ends both and
// waits. Capture runs in its caller's goroutine. Memory that frames lie in is the receiver's to read until it calls
// Release, also after Close; nothing writes to it, because only what has changed on the screen is read into it again.
// The server says what has, and is checked (damage.go).
package x11

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
	"sync/atomic"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/composite"
	"github.com/jezek/xgb/damage"
	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"

	"github.com/hindsight-app/hindsight/capture/media"
)

// displayName is the form of an X display (X(7), DISPLAY NAMES).
var displayName = regexp.MustCompile(`^[\w./-]*:\d+(\.\d+)?$`)

// Display is a connection to an X server.
type Display struct {
	// Name is for example ":0".
	Name string

	conn   *xgb.Conn
	screen *xproto.ScreenInfo
	atoms  atoms

	hasSHM, hasMonitors, hasComposite, hasPointer, hasDamage bool

	// layoutChanged says that monitors or windows are not where they were, pointerChanged that the pointer looks
	// different. The goroutine that reads events sets them.
	layoutChanged, pointerChanged atomic.Bool
	// layout holds a token when monitors or windows have changed since it was last taken.
	layout chan struct{}
	// destroyed is the last window that was destroyed of those whose events come.
	destroyed atomic.Uint32
	// damaged says that the content of what is watched has changed; see watcher.
	damaged atomic.Bool

	done chan struct{}
	once sync.Once
}

// quiet keeps the client library from writing to standard error; what it has to say comes back as errors, too.
var quiet = sync.OnceFunc(func() { xgb.Logger.SetOutput(io.Discard) })

// Open connects to an X display; an empty name is the environment's. The error is a message.
func Open(name string) (*Display, error) {
	if name == "" {
		name = os.Getenv("DISPLAY")
	}
	if name == "" {
		return nil, errors.New("there is no X display to capture; log in to a graphical session, or set DISPLAY")
	}
	if !displayName.MatchString(name) {
		return nil, fmt.Errorf("%q is not an X display; it should look like :0 or :1.0", name)
	}
	quiet()
	conn, err := xgb.NewConnDisplay(name)
	if err != nil {
		return nil, fmt.Errorf("the X display %s cannot be captured: %w", name, err)
	}
	d := &Display{Name: name, conn: conn, screen: xproto.Setup(conn).DefaultScreen(conn), layout: make(chan struct{}, 1),
		done: make(chan struct{})}
	if err := d.intern(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("the X display %s cannot be captured: %w", name, err)
	}
	d.negotiate()
	go d.read()
	return d, nil
}

// atoms are the names of properties (ICCCM 2.0, 4.1.2; EWMH 1.5).
type atoms struct {
	clients, stacking, wmName, netName, class, pid, machine, utf8, state xproto.Atom
}

func (d *Display) intern() error {
	for name, to := range map[string]*xproto.Atom{
		"_NET_CLIENT_LIST": &d.atoms.clients, "_NET_CLIENT_LIST_STACKING": &d.atoms.stacking, "WM_NAME": &d.atoms.wmName,
		"_NET_WM_NAME": &d.atoms.netName, "WM_CLASS": &d.atoms.class, "_NET_WM_PID": &d.atoms.pid,
		"WM_CLIENT_MACHINE": &d.atoms.machine, "UTF8_STRING": &d.atoms.utf8, "WM_STATE": &d.atoms.state,
	} {
		r, err := xproto.InternAtom(d.conn, false, uint16(len(name)), name).Reply()
		if err != nil {
			return err
		}
		*to = r.Atom
	}
	return nil
}

// negotiate finds out which extensions the server has. The versions are those that brought what is used here.
func (d *Display) negotiate() {
	d.hasSHM = d.extension("MIT-SHM")
	if d.extension("RANDR") {
		if v, err := randr.QueryVersion(d.conn, 1, 5).Reply(); err == nil { // RandR 1.5: monitors
			d.hasMonitors = v.MajorVersion > 1 || v.MinorVersion >= 5
			const what = randr.NotifyMaskScreenChange | randr.NotifyMaskCrtcChange | randr.NotifyMaskOutputChange
			randr.SelectInput(d.conn, d.screen.Root, what)
		}
	}
	if d.extension("Composite") {
		if v, err := composite.QueryVersion(d.conn, 0, 2).Reply(); err == nil { // Composite 0.2: NameWindowPixmap
			d.hasComposite = v.MajorVersion > 0 || v.MinorVersion >= 2
		}
	}
	if d.extension("XFIXES") {
		if _, err := xfixes.QueryVersion(d.conn, 4, 0).Reply(); err == nil {
			d.hasPointer = true
			xfixes.SelectCursorInput(d.conn, d.screen.Root, xfixes.CursorNotifyMaskDisplayCursor)
		}
	}
	if d.extension("DAMAGE") {
		_, err := damage.QueryVersion(d.conn, 1, 1).Reply()
		d.hasDamage = err == nil
	}
	d.listenTo(d.screen.Root, xproto.EventMaskStructureNotify|xproto.EventMaskPropertyChange)
}

func (d *Display) listenTo(w xproto.Window, mask uint32) {
	xproto.ChangeWindowAttributes(d.conn, w, xproto.CwEventMask, []uint32{mask})
}

// extensions guards the client library's tables of extensions, which are the whole program's.
var extensions sync.Mutex

// extension prepares an extension for use. The library's own functions for this write to its tables at each call, while
// other connections read them.
func (d *Display) extension(name string) bool {
	r, err := xproto.QueryExtension(d.conn, uint16(len(name)), name).Reply()
	if err != nil || !r.Present {
		return false
	}
	d.conn.ExtLock.Lock()
	d.conn.Extensions[name] = r.MajorOpcode
	d.conn.ExtLock.Unlock()
	extensions.Lock()
	defer extensions.Unlock()
	for number, f := range xgb.NewExtEventFuncs[name] {
		if n := int(r.FirstEvent) + number; xgb.NewEventFuncs[n] == nil {
			xgb.NewEventFuncs[n] = f
		}
	}
	for number, f := range xgb.NewExtErrorFuncs[name] {
		if n := int(r.FirstError) + number; xgb.NewErrorFuncs[n] == nil {
			xgb.NewErrorFuncs[n] = f
		}
	}
	return true
}

// read notes what events change until the connection ends.
func (d *Display) read() {
	defer close(d.done)
	for {
		event, err := d.conn.WaitForEvent()
		if event == nil && err == nil {
			return
		}
		switch e := event.(type) {
		case damage.NotifyEvent:
			d.damaged.Store(true)
		case xfixes.CursorNotifyEvent:
			d.pointerChanged.Store(true)
		case xproto.PropertyNotifyEvent:
			if e.Atom == d.atoms.clients || e.Atom == d.atoms.stacking {
				d.moved()
			}
		case xproto.DestroyNotifyEvent:
			d.destroyed.Store(uint32(e.Window))
			d.moved()
		case xproto.ConfigureNotifyEvent, xproto.MapNotifyEvent, xproto.UnmapNotifyEvent,
			xproto.ReparentNotifyEvent, randr.ScreenChangeNotifyEvent, randr.NotifyEvent:
			d.moved()
		}
	}
}

// moved notes that the layout is another.
func (d *Display) moved() {
	d.layoutChanged.Store(true)
	media.Poke(d.layout)
}

// Watch calls changed after monitors or windows were added, removed or moved, until the context or the connection ends.
func (d *Display) Watch(ctx context.Context, changed func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.done:
			return
		case <-d.layout:
			changed()
		}
	}
}

// refused says whether an error is the server's reply to one request, and not the end of the connection.
func refused(err error) bool {
	var e xgb.Error
	return errors.As(err, &e)
}

// Close ends the connection and waits. It may be called twice.
func (d *Display) Close() error {
	d.once.Do(func() {
		d.conn.Close()
		<-d.done
	})
	return nil
}
