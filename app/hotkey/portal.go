package hotkey

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"
)

// The portal's names (xdg-desktop-portal, org.freedesktop.portal.GlobalShortcuts).
const (
	portalName    = "org.freedesktop.portal.Desktop"
	portalPath    = dbus.ObjectPath("/org/freedesktop/portal/desktop")
	shortcutsFace = "org.freedesktop.portal.GlobalShortcuts"
	requestFace   = "org.freedesktop.portal.Request"
	sessionFace   = "org.freedesktop.portal.Session"
	portalPatient = 2 * time.Minute // a dialog may ask the user
)

// Portal takes global hotkeys through the desktop portal: the way on Wayland (KDE, GNOME, Hyprland). The desktop has the
// last word on the keys; ours are its preferred trigger.
//
// The portal fixes a session's shortcuts when they are bound, so every change makes a new session of all of them. It
// owns a D-Bus connection and one goroutine that reads its signals; Close ends both and waits.
type Portal struct {
	conn *dbus.Conn
	done chan struct{}

	mu      sync.Mutex
	session dbus.ObjectPath
	wanted  map[string]portalKey

	listen sync.Mutex
	keys   map[string]Handler
	waits  map[dbus.ObjectPath]chan portalAnswer
}

type portalKey struct {
	purpose string
	combo   Combo
}

type portalAnswer struct {
	code    uint32
	results map[string]dbus.Variant
}

var tokens atomic.Uint64

// OpenPortal connects to the session bus at address (empty: the environment's) and checks that the portal offers
// global shortcuts.
func OpenPortal(address string) (*Portal, error) {
	conn, err := connect(address)
	if err != nil {
		return nil, fmt.Errorf("the session bus does not answer: %w", err)
	}
	p := &Portal{
		conn: conn, done: make(chan struct{}), wanted: map[string]portalKey{}, keys: map[string]Handler{},
		waits: map[dbus.ObjectPath]chan portalAnswer{},
	}
	if _, err := conn.Object(portalName, portalPath).GetProperty(shortcutsFace + ".version"); err != nil {
		conn.Close()
		return nil, errors.New("this desktop's portal has no global shortcuts; use hindsightctl save with the desktop's own shortcuts")
	}
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	for _, m := range [][]dbus.MatchOption{
		{dbus.WithMatchInterface(shortcutsFace), dbus.WithMatchMember("Activated")},
		{dbus.WithMatchInterface(shortcutsFace), dbus.WithMatchMember("Deactivated")},
		{dbus.WithMatchInterface(requestFace), dbus.WithMatchMember("Response")},
	} {
		if err := conn.AddMatchSignal(m...); err != nil {
			conn.Close()
			return nil, fmt.Errorf("the desktop portal cannot be listened to: %w", err)
		}
	}
	go p.read(signals)
	return p, nil
}

func connect(address string) (*dbus.Conn, error) {
	if address == "" {
		return dbus.ConnectSessionBus()
	}
	return dbus.Connect(address)
}

func (p *Portal) read(signals <-chan *dbus.Signal) {
	defer close(p.done)
	for s := range signals {
		switch {
		case strings.HasPrefix(s.Name, shortcutsFace+".") && len(s.Body) >= 2:
			id, _ := s.Body[1].(string)
			p.listen.Lock()
			on, ok := p.keys[id]
			p.listen.Unlock()
			switch {
			case !ok:
			case s.Name == shortcutsFace+".Activated":
				on.Down()
			default:
				on.Up()
			}
		case s.Name == requestFace+".Response" && len(s.Body) >= 2:
			code, _ := s.Body[0].(uint32)
			results, _ := s.Body[1].(map[string]dbus.Variant)
			p.listen.Lock()
			if c, ok := p.waits[s.Path]; ok {
				delete(p.waits, s.Path)
				c <- portalAnswer{code, results}
			}
			p.listen.Unlock()
		}
	}
}

// Bind implements Binder.
func (p *Portal) Bind(name, purpose string, c Combo, on Handler) (Binding, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted[name] = portalKey{purpose, c}
	p.setKey(name, &on)
	if err := p.rebind(); err != nil {
		delete(p.wanted, name)
		p.setKey(name, nil)
		// The refused one took the session of the others with it.
		return nil, errors.Join(err, p.rebindOthers())
	}
	return &portalBinding{p, name}, nil
}

// rebindOthers binds what is left after a failure; it answers nil when there is nothing left.
func (p *Portal) rebindOthers() error {
	if err := p.rebind(); err != nil {
		return fmt.Errorf("the other hotkeys are lost as well: %w", err)
	}
	return nil
}

func (p *Portal) setKey(name string, on *Handler) {
	p.listen.Lock()
	defer p.listen.Unlock()
	if on == nil {
		delete(p.keys, name)
		return
	}
	p.keys[name] = *on
}

// rebind makes a new session with all wanted shortcuts and drops the old one.
func (p *Portal) rebind() error {
	p.dropSession()
	if len(p.wanted) == 0 {
		return nil
	}
	results, err := p.request(func(token string) *dbus.Call {
		return p.portal("CreateSession", map[string]dbus.Variant{
			"handle_token": dbus.MakeVariant(token), "session_handle_token": dbus.MakeVariant(token),
		})
	})
	if err != nil {
		return err
	}
	handle, _ := results["session_handle"].Value().(string)
	if !dbus.ObjectPath(handle).IsValid() {
		return errors.New("the desktop portal gave no session")
	}
	p.session = dbus.ObjectPath(handle)
	type shortcut struct {
		ID      string
		Details map[string]dbus.Variant
	}
	var list []shortcut
	for name, k := range p.wanted {
		list = append(list, shortcut{name, map[string]dbus.Variant{
			"description":       dbus.MakeVariant(k.purpose),
			"preferred_trigger": dbus.MakeVariant(trigger(k.combo)),
		}})
	}
	_, err = p.request(func(token string) *dbus.Call {
		return p.portal("BindShortcuts", p.session, list, "", map[string]dbus.Variant{"handle_token": dbus.MakeVariant(token)})
	})
	return err
}

func (p *Portal) portal(method string, args ...any) *dbus.Call {
	return p.conn.Object(portalName, portalPath).Call(shortcutsFace+"."+method, 0, args...)
}

// request makes a portal call and waits for its Response signal, which may come before the call returns.
func (p *Portal) request(call func(token string) *dbus.Call) (map[string]dbus.Variant, error) {
	token := fmt.Sprintf("hindsight%d", tokens.Add(1))
	sender := strings.ReplaceAll(strings.TrimPrefix(p.conn.Names()[0], ":"), ".", "_")
	path := portalPath + "/request/" + dbus.ObjectPath(sender+"/"+token)
	answer := make(chan portalAnswer, 1)
	p.listen.Lock()
	p.waits[path] = answer
	p.listen.Unlock()
	defer func() {
		p.listen.Lock()
		delete(p.waits, path)
		p.listen.Unlock()
	}()
	if c := call(token); c.Err != nil {
		return nil, fmt.Errorf("the desktop portal refused: %w", c.Err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), portalPatient)
	defer cancel()
	select {
	case a := <-answer:
		if a.code != 0 {
			return nil, errors.New("the shortcut was not allowed in the desktop's dialog")
		}
		return a.results, nil
	case <-p.done:
		return nil, errors.New("the session bus went away")
	case <-ctx.Done():
		return nil, errors.New("the desktop portal did not answer")
	}
}

func (p *Portal) dropSession() {
	if p.session != "" {
		p.conn.Object(portalName, p.session).Call(sessionFace+".Close", 0)
		p.session = ""
	}
}

// Close implements Binder.
func (p *Portal) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropSession()
	err := p.conn.Close()
	<-p.done
	return err
}

type portalBinding struct {
	portal *Portal
	name   string
}

func (b *portalBinding) Close() error {
	p := b.portal
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.wanted[b.name]; !ok {
		return nil
	}
	delete(p.wanted, b.name)
	p.setKey(b.name, nil)
	return p.rebind()
}

// trigger is the text of the freedesktop shortcuts specification: "CTRL+ALT+F10", "LOGO+s".
func trigger(c Combo) string {
	var parts []string
	for _, m := range []struct {
		mod  Mod
		name string
	}{{Ctrl, "CTRL"}, {Alt, "ALT"}, {Shift, "SHIFT"}, {Super, "LOGO"}} {
		if c.Mods&m.mod != 0 {
			parts = append(parts, m.name)
		}
	}
	key := c.Key
	if len(key) == 1 {
		key = strings.ToLower(key)
	}
	return strings.Join(append(parts, key), "+")
}
