// Package portal makes requests to the desktop portal (xdg-desktop-portal): calls whose result comes later, in a
// signal, because a dialog may ask the user. What is asked for is the business of who asks: capture/source/portal
// captures the screen, app/hotkey binds keys.
//
// A Requests belongs to one connection to the session bus, has no goroutine, and needs no Close: whoever reads the
// connection's signals hands them to Deliver, and calls Fail when no more come.
package portal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/godbus/dbus/v5"
)

// The portal's names on the session bus (org.freedesktop.portal.Request, .Session).
const (
	Name    = "org.freedesktop.portal.Desktop"
	Path    = dbus.ObjectPath("/org/freedesktop/portal/desktop")
	Session = "org.freedesktop.portal.Session"
	request = "org.freedesktop.portal.Request"

	busName = "org.freedesktop.DBus"
)

// ErrCanceled says that the user has said no in the portal's dialog.
var ErrCanceled = errors.New("it was not allowed in the desktop's dialog")

// ErrFailed says that the portal could not do what it was asked for, and not why: it never does.
var ErrFailed = errors.New("the desktop portal could not do it")

// RefusedError is a call that the portal did not take.
type RefusedError struct{ Err error }

// Error says so.
func (e *RefusedError) Error() string { return fmt.Sprintf("the desktop portal refused: %v", e.Err) }

// Unwrap gives the portal's error.
func (e *RefusedError) Unwrap() error { return e.Err }

// tokens number the requests of this program.
var tokens atomic.Uint64

// Token is a name for a request or a session that no other of this connection has.
func Token() string { return fmt.Sprintf("hindsight%d", tokens.Add(1)) }

// Listen has the bus send what a Requests and its owner need: responses, the end of sessions, and a portal that comes
// or goes; and the members of an interface of the portal.
func Listen(ctx context.Context, conn *dbus.Conn, face string, members ...string) error {
	matches := [][]dbus.MatchOption{
		{dbus.WithMatchInterface(request), dbus.WithMatchMember("Response")},
		{dbus.WithMatchInterface(Session), dbus.WithMatchMember("Closed")},
		{dbus.WithMatchSender(busName), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, Name)},
	}
	for _, m := range members {
		matches = append(matches, []dbus.MatchOption{dbus.WithMatchInterface(face), dbus.WithMatchMember(m)})
	}
	for _, m := range matches {
		if err := conn.AddMatchSignalContext(ctx, m...); err != nil {
			return fmt.Errorf("the desktop portal cannot be listened to: %w", err)
		}
	}
	return nil
}

// OwnerChanged says whether a signal tells of a portal that goes, comes, or both.
func OwnerChanged(s *dbus.Signal) (gone, came bool) {
	if s.Name != busName+".NameOwnerChanged" || len(s.Body) != 3 || s.Body[0] != Name {
		return false, false
	}
	return s.Body[1] != "", s.Body[2] != ""
}

type response struct {
	err     error
	code    uint32
	results map[string]dbus.Variant
}

// Requests are the requests of one connection that wait for their responses. It may be used from many goroutines.
type Requests struct {
	conn  *dbus.Conn
	mu    sync.Mutex
	waits map[dbus.ObjectPath]chan response
	ended error
}

// New is for a connection whose signals are listened to; see Listen.
func New(conn *dbus.Conn) *Requests {
	return &Requests{conn: conn, waits: map[dbus.ObjectPath]chan response{}}
}

// Deliver hands a signal to the request that waits for it. It returns false for other signals.
func (r *Requests) Deliver(s *dbus.Signal) bool {
	if s.Name != request+".Response" || len(s.Body) < 2 {
		return false
	}
	code, _ := s.Body[0].(uint32)
	results, _ := s.Body[1].(map[string]dbus.Variant)
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.waits[s.Path]; ok {
		delete(r.waits, s.Path)
		c <- response{nil, code, results}
	}
	return true
}

// Fail ends all requests that wait: nobody will respond. With ended, those to come as well.
func (r *Requests) Fail(reason error, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ended && r.ended == nil {
		r.ended = reason
	}
	for path, c := range r.waits {
		delete(r.waits, path)
		c <- response{err: reason}
	}
}

// Do calls a method of the portal, with the options last, and waits for its response, which may come before the call
// returns. The error is ErrCanceled, ErrFailed, a RefusedError, the reason given to Fail, or the context's.
func (r *Requests) Do(ctx context.Context, method string, options map[string]dbus.Variant, args ...any) (
	map[string]dbus.Variant, error) {
	token := Token()
	options["handle_token"] = dbus.MakeVariant(token)
	// The path of a request follows from the sender and its token, so that a response cannot be missed.
	sender := strings.ReplaceAll(strings.TrimPrefix(r.conn.Names()[0], ":"), ".", "_")
	path := Path + "/request/" + dbus.ObjectPath(sender+"/"+token)
	wait := make(chan response, 1)
	r.mu.Lock()
	if r.ended != nil {
		r.mu.Unlock()
		return nil, r.ended
	}
	r.waits[path] = wait
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.waits, path)
		r.mu.Unlock()
	}()
	call := r.conn.Object(Name, Path).CallWithContext(ctx, method, 0, append(args, options)...)
	if call.Err != nil && ctx.Err() == nil {
		return nil, &RefusedError{call.Err}
	}
	select {
	case x := <-wait:
		switch {
		case x.err != nil:
			return nil, x.err
		case x.code == 0:
			return x.results, nil
		case x.code == canceled:
			return nil, ErrCanceled
		}
		return nil, ErrFailed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// canceled is a response's code (org.freedesktop.portal.Request.Response).
const canceled = 1
