package portal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"
)

// patience is how long the portal may take for what needs no user.
const patience = 30 * time.Second

// Session is a running permission to capture.
type Session struct {
	// Node is the PipeWire node of what was chosen.
	Node uint32
	// Token brings the choice back next time; it is good once. Empty where the desktop remembers nothing.
	Token string

	conn    *dbus.Conn
	path    dbus.ObjectPath
	backend string        // the unique name of who captures; empty where it is not known
	done    chan struct{} // the reading goroutine has ended
	gone    chan struct{} // the session is over
	answer  chan response

	once sync.Once
	err  error // why it is over; valid once gone is closed
}

type response struct {
	path    dbus.ObjectPath
	code    uint32
	results map[string]dbus.Variant
}

// Open asks the desktop for something to capture and waits for the user as long as ctx allows. ErrRefused says that the
// user chose nothing.
func Open(ctx context.Context, r Request) (*Session, error) {
	// The connection must outlive ctx for as long as the session.
	conn, err := connect(context.Background())
	if err != nil {
		return nil, err
	}
	s := &Session{conn: conn, done: make(chan struct{}), gone: make(chan struct{}), answer: make(chan response, 4)}
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
	for _, m := range [][]dbus.MatchOption{
		{dbus.WithMatchInterface(requestFace), dbus.WithMatchMember("Response")},
		{dbus.WithMatchInterface(sessionFace), dbus.WithMatchMember("Closed")},
		{dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"),
			dbus.WithMatchArg(0, busName)},
	} {
		if err := s.conn.AddMatchSignalContext(ctx, m...); err != nil {
			return fmt.Errorf("the desktop portal cannot be listened to: %w", err)
		}
	}
	brief, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	offer, err := ask(brief, s.conn)
	if err != nil {
		return err
	}
	token := token()
	made, err := s.request(brief, "CreateSession",
		map[string]dbus.Variant{"session_handle_token": dbus.MakeVariant(token)})
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

var tokens atomic.Uint64

// token names a request or session; it must be unique within the connection.
func token() string { return fmt.Sprintf("hindsight%d", tokens.Add(1)) }

// request calls a method of the portal and waits for its Response, which may come before the call returns.
func (s *Session) request(ctx context.Context, method string, options map[string]dbus.Variant, args ...any) (
	map[string]dbus.Variant, error) {
	token := token()
	options["handle_token"] = dbus.MakeVariant(token)
	want := objectPath + "/request/" + dbus.ObjectPath(handleName(s.conn.Names()[0])+"/"+token)
	call := s.conn.Object(busName, objectPath).CallWithContext(ctx, castFace+"."+method, 0, append(args, options)...)
	if call.Err != nil {
		return nil, fmt.Errorf("the desktop portal refused to capture (%s): %w", method, call.Err)
	}
	for {
		select {
		case r := <-s.answer:
			if r.path != want {
				continue
			}
			switch r.code {
			case 0:
				return r.results, nil
			case cancelled:
				return nil, ErrRefused
			}
			return nil, fmt.Errorf("the desktop portal could not capture the screen (%s); see that the portal's part for your "+
				"desktop runs", method)
		case <-s.gone:
			return nil, s.err
		case <-ctx.Done():
			return nil, fmt.Errorf("the desktop portal did not respond (%s): %w", method, ctx.Err())
		}
	}
}

// read hands signals on until the connection ends.
func (s *Session) read(signals <-chan *dbus.Signal) {
	defer close(s.done)
	for m := range signals {
		switch {
		case m.Name == requestFace+".Response" && len(m.Body) >= 2:
			r := response{path: m.Path}
			r.code, _ = m.Body[0].(uint32)
			r.results, _ = m.Body[1].(map[string]dbus.Variant)
			select {
			case s.answer <- r:
			default: // nobody asked
			}
		case m.Name == sessionFace+".Closed":
			s.over(ErrEnded)
		case m.Name == "org.freedesktop.DBus.NameOwnerChanged" && len(m.Body) == 3 && m.Body[1] != "": // it had an owner
			s.over(errors.New("the desktop portal ended"))
		}
	}
	s.over(errors.New("the session bus stopped"))
}

func (s *Session) over(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.gone)
	})
}

// Gone is closed when the session is over.
func (s *Session) Gone() <-chan struct{} { return s.gone }

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
	call := s.conn.Object(busName, objectPath).CallWithContext(ctx, castFace+".OpenPipeWireRemote", 0, s.path,
		map[string]dbus.Variant{})
	if err := call.Store(&fd); err != nil {
		return nil, fmt.Errorf("the desktop portal hands out no video: %w", err)
	}
	return os.NewFile(uintptr(fd), "pipewire"), nil
}

// Close ends the session.
func (s *Session) Close() error {
	if s.path != "" && s.Err() == nil {
		s.conn.Object(busName, s.path).Call(sessionFace+".Close", dbus.FlagNoReplyExpected)
	}
	err := s.conn.Close()
	<-s.done
	if errors.Is(err, dbus.ErrClosed) {
		return nil
	}
	return err
}
