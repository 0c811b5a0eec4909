// Package portaltest is a desktop portal for tests: it responds as the real one does, and does what users do to it.
// Portal owns a connection to the session bus; Close ends it.
package portaltest

import (
	"errors"
	"os"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

const (
	busName  = "org.freedesktop.portal.Desktop"
	path     = dbus.ObjectPath("/org/freedesktop/portal/desktop")
	castFace = "org.freedesktop.portal.ScreenCast"
	session  = path + "/session/test"
)

// Results of the dialog (org.freedesktop.portal.Request, Response); Silent leaves it open.
const (
	Allow  = 0
	Refuse = 1
	Silent = 99
)

// Portal serves org.freedesktop.portal.ScreenCast.
type Portal struct {
	conn *dbus.Conn

	mu      sync.Mutex
	answer  uint32
	starts  int
	options map[string]dbus.Variant
	remote  bool
}

// Start takes the portal's name on the session bus of the environment.
func Start() (*Portal, error) {
	conn, err := dbus.ConnectSessionBus()
	if err != nil {
		return nil, err
	}
	p := &Portal{conn: conn, remote: true}
	values := prop.Map{castFace: {
		"version": {Value: uint32(4)}, "AvailableSourceTypes": {Value: uint32(3)}, "AvailableCursorModes": {Value: uint32(3)},
	}}
	_, err = prop.Export(conn, path, values)
	err = errors.Join(err, conn.Export(face{p}, path, castFace))
	if r, nameErr := conn.RequestName(busName, dbus.NameFlagDoNotQueue); nameErr != nil ||
		r != dbus.RequestNameReplyPrimaryOwner {
		err = errors.Join(err, nameErr, errors.New("the portal's name is taken"))
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return p, nil
}

// Answer sets the dialog's result from now on.
func (p *Portal) Answer(code uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = code
}

// RefuseConnections makes the portal hand out no connection to PipeWire anymore.
func (p *Portal) RefuseConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remote = false
}

// Starts is how often a dialog was asked for.
func (p *Portal) Starts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.starts
}

// Option is what SelectSources was called with last.
func (p *Portal) Option(name string) any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.options[name].Value()
}

// EndSession does what a user does who stops the capture.
func (p *Portal) EndSession() error {
	return p.conn.Emit(session, "org.freedesktop.portal.Session.Closed", map[string]dbus.Variant{})
}

// Close leaves the bus, as a portal that crashes.
func (p *Portal) Close() error { return p.conn.Close() }

// respond emits a request's Response and returns its path.
func (p *Portal) respond(sender dbus.Sender, options map[string]dbus.Variant, code uint32,
	results map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	token, _ := options["handle_token"].Value().(string)
	name := strings.ReplaceAll(strings.TrimPrefix(string(sender), ":"), ".", "_")
	request := path + "/request/" + dbus.ObjectPath(name+"/"+token)
	if code != Silent {
		_ = p.conn.Emit(request, "org.freedesktop.portal.Request.Response", code, results)
	}
	return request, nil
}

// face is what is called over D-Bus.
type face struct{ p *Portal }

// CreateSession returns a session.
func (f face) CreateSession(sender dbus.Sender, options map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	return f.p.respond(sender, options, Allow,
		map[string]dbus.Variant{"session_handle": dbus.MakeVariant(string(session))})
}

// SelectSources notes its options.
func (f face) SelectSources(sender dbus.Sender, _ dbus.ObjectPath, options map[string]dbus.Variant) (dbus.ObjectPath,
	*dbus.Error) {
	f.p.mu.Lock()
	f.p.options = options
	f.p.mu.Unlock()
	return f.p.respond(sender, options, Allow, map[string]dbus.Variant{})
}

// Start responds as Answer said.
func (f face) Start(sender dbus.Sender, _ dbus.ObjectPath, _ string, options map[string]dbus.Variant) (dbus.ObjectPath,
	*dbus.Error) {
	f.p.mu.Lock()
	f.p.starts++
	code := f.p.answer
	f.p.mu.Unlock()
	type stream struct {
		Node       uint32
		Properties map[string]dbus.Variant
	}
	return f.p.respond(sender, options, code, map[string]dbus.Variant{
		"streams": dbus.MakeVariant([]stream{{42, map[string]dbus.Variant{}}}), "restore_token": dbus.MakeVariant(
			"next time"),
	})
}

// OpenPipeWireRemote returns a descriptor of no use.
func (f face) OpenPipeWireRemote(dbus.Sender, dbus.ObjectPath, map[string]dbus.Variant) (dbus.UnixFD, *dbus.Error) {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	if !f.p.remote {
		return 0, dbus.MakeFailedError(errors.New("no frames"))
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	return dbus.UnixFD(null.Fd()), nil
}
