package portal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	desktop "github.com/hindsight-app/hindsight/capture/portal"
)

// patience is how long the portal may take for what needs no user.
const patience = 30 * time.Second

// Session is a running permission to capture.
type Session struct {
	// Node is the PipeWire node of what was chosen.
	Node uint32
	// Token brings the choice back next time; it is good once. Empty where the desktop remembers nothing.
	Token string

	conn     *dbus.Conn
	path     dbus.ObjectPath
	backend  string        // the unique name of who captures; empty where it is not known
	done     chan struct{} // the reading goroutine has ended
	gone     chan struct{} // the session is over
	requests *desktop.Requests

	once sync.Once
	err  error // why it is over; valid once gone is closed
}

// Open asks the desktop for something to capture and waits for the user as long as ctx allows. ErrRefused says that the
// user chose nothing.
func Open(ctx context.Context, r Request) (*Session, error) {
	// The connection must outlive ctx for as long as the session.
	conn, err := connect(context.Background())
	if err != nil {
		return nil, err
	}
	s := &Session{conn: conn, done: make(chan struct{}), gone: make(chan struct{}),
		requests: desktop.New(conn)}
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	go s.read(signals)
	if err := s.begin(ctx, r); err != nil {
		_ = s.Close() // takes a dialog that is still open along
		return nil, err
	}
	return s, nil
}

func (s *Session) begin(ctx context.Context, r Request) error {
	if err := desktop.Listen(ctx, s.conn, castFace); err != nil {
		return err
	}
	brief, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	offer, err := ask(brief, s.conn)
	if err != nil {
		return err
	}
	made, err := s.request(brief, "CreateSession",
		map[string]dbus.Variant{"session_handle_token": dbus.MakeVariant(desktop.Token())})
	if err != nil {
		return err
	}
	// The handle is a string by mistake (ScreenCast, CreateSession), and an object path where that was mended.
	switch h := made["session_handle"].Value().(type) {
	case string:
		s.path = dbus.ObjectPath(h)
	case dbus.ObjectPath:
		s.path = h
	}
	if !s.path.IsValid() {
		return errors.New("the desktop portal created no session; log out and in again")
	}
	if _, err := s.request(ctx, "SelectSources", offer.selection(r), s.path); err != nil {
		return err
	}
	started, err := s.request(ctx, "Start", map[string]dbus.Variant{}, s.path, "")
	if err != nil {
		return err
	}
	if err := s.started(started); err != nil {
		return err
	}
	s.findBackend(ctx)
	return nil
}

// started reads the one stream that Start returns: an array of (node, properties).
func (s *Session) started(results map[string]dbus.Variant) error {
	var streams []struct {
		Node       uint32
		Properties map[string]dbus.Variant
	}
	if err := dbus.Store([]any{results["streams"].Value()}, &streams); err != nil || len(streams) == 0 {
		return errors.New("the desktop portal gave no screen to capture; log out and in again")
	}
	s.Node = streams[0].Node
	s.Token, _ = results["restore_token"].Value().(string)
	return nil
}

// request makes a call of the interface and waits for its response.
func (s *Session) request(ctx context.Context, method string, options map[string]dbus.Variant, args ...any) (
	map[string]dbus.Variant, error) {
	results, err := s.requests.Do(ctx, castFace+"."+method, options, args...)
	var refused *desktop.RefusedError
	switch {
	case err == nil:
		return results, nil
	case errors.Is(err, desktop.ErrCanceled):
		return nil, ErrRefused
	case errors.Is(err, desktop.ErrFailed):
		return nil, fmt.Errorf("the desktop portal could not capture the screen (%s); see that the portal's part for your "+
			"desktop runs", method)
	case errors.As(err, &refused):
		return nil, fmt.Errorf("the desktop portal refused to capture (%s): %w", method, refused.Err)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("the desktop portal did not respond (%s): %w", method, ctx.Err())
	}
	return nil, err
}

// read hands signals on until the connection ends.
func (s *Session) read(signals <-chan *dbus.Signal) {
	defer close(s.done)
	for m := range signals {
		gone, _ := desktop.OwnerChanged(m)
		switch {
		case s.requests.Deliver(m):
		case m.Name == desktop.Session+".Closed":
			s.over(ErrEnded)
		case gone:
			s.over(errors.New("the desktop portal ended"))
		}
	}
	s.over(errors.New("the session bus stopped"))
}

func (s *Session) over(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.gone)
		s.requests.Fail(err, true)
	})
}

// Err says why the session is over, ErrEnded among them; nil while it is not.
func (s *Session) Err() error {
	select {
	case <-s.gone:
		return s.err
	default:
		return nil
	}
}

// Remote opens a connection to the PipeWire server on which only the chosen node is seen. It may be called again for
// another one; each is the caller's to close.
func (s *Session) Remote(ctx context.Context) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var fd dbus.UnixFD
	call := s.conn.Object(desktop.Name, desktop.Path).CallWithContext(ctx, castFace+".OpenPipeWireRemote", 0, s.path,
		map[string]dbus.Variant{})
	if err := call.Store(&fd); err != nil {
		return nil, fmt.Errorf("the desktop portal hands out no video: %w", err)
	}
	return os.NewFile(uintptr(fd), "pipewire"), nil
}

// Close ends the session.
func (s *Session) Close() error {
	if s.path != "" && s.Err() == nil {
		s.conn.Object(desktop.Name, s.path).Call(desktop.Session+".Close", dbus.FlagNoReplyExpected)
	}
	err := s.conn.Close()
	<-s.done
	if errors.Is(err, dbus.ErrClosed) {
		return nil
	}
	return err
}
