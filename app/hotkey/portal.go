package hotkey

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/portal"
)

// The portal's names (xdg-desktop-portal, org.freedesktop.portal.GlobalShortcuts).
const (
	shortcutsFace = "org.freedesktop.portal.GlobalShortcuts"
	portalPatient = 2 * time.Minute // a dialog may ask the user
	portalAnswers = 5 * time.Second // what asks nobody
)

// Portal takes global hotkeys through the desktop portal: the way on Wayland (KDE, GNOME, Hyprland). The desktop has
// the last word on the keys; ours are its preferred trigger.
//
// The portal fixes a session's shortcuts when they are bound, so every change makes a new session of all of them,
// and so does a portal that was started again. It owns a D-Bus connection, one goroutine that reads its signals,
// and one that binds again; Close ends them and waits.
type Portal struct {
	conn     *dbus.Conn
	requests *portal.Requests
	done     chan struct{}
	ctx      context.Context // of everything that waits for the portal
	cancel   context.CancelFunc

	back  chan struct{} // a token is a portal that was started
	again sync.WaitGroup

	mu      sync.Mutex // held while binding
	session dbus.ObjectPath
	wanted  []Key

	listen sync.Mutex
	keys   map[string]*portalKey
	// current is session, for the goroutine that reads, which must not wait for a dialog.
	current dbus.ObjectPath
}

type portalKey struct {
	on   Handler
	held bool
}

var errPortalEnded = errors.New("the desktop portal ended; its keys come back when it is started again")

// OpenPortal connects to the session bus at address (empty: the environment's) and checks that the portal offers
// global shortcuts.
func OpenPortal(address string) (*Portal, error) {
	conn, err := connect(address)
	if err != nil {
		return nil, fmt.Errorf("the session bus does not respond: %w", err)
	}
	p := &Portal{
		conn: conn, done: make(chan struct{}), back: make(chan struct{}, 1), keys: map[string]*portalKey{},
		requests: portal.New(conn),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if err := p.version(); err != nil {
		p.cancel()
		conn.Close()
		return nil, errors.New("this desktop's portal has no global shortcuts; use hindsightctl save with the desktop's " +
			"own shortcuts")
	}
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	if err := portal.Listen(p.ctx, conn, shortcutsFace, "Activated", "Deactivated"); err != nil {
		p.cancel()
		conn.Close()
		return nil, err
	}
	go p.read(signals)
	p.again.Go(p.bindAgain)
	return p, nil
}

// version fails where the portal has no shortcuts, or does not answer.
func (p *Portal) version() error {
	ctx, cancel := context.WithTimeout(p.ctx, portalAnswers)
	defer cancel()
	return p.conn.Object(portal.Name, portal.Path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0,
		shortcutsFace, "version").Err
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
			if id, ok := s.Body[1].(string); ok {
				p.press(id, s.Name == shortcutsFace+".Activated")
			}
		case p.requests.Deliver(s):
		case s.Name == portal.Session+".Closed" && p.isCurrent(s.Path):
			p.lose(errors.New("the desktop took it back"))
		default:
			gone, came := portal.OwnerChanged(s)
			if gone {
				p.lose(errPortalEnded)
			}
			if came {
				media.Poke(p.back)
			}
		}
	}
	p.lose(errors.New("the session bus went away"))
	p.requests.Fail(errors.New("the session bus stopped"), true)
}

func (p *Portal) isCurrent(session dbus.ObjectPath) bool {
	p.listen.Lock()
	defer p.listen.Unlock()
	return session == p.current
}

// lose says that no key arrives anymore. What was held comes up: nothing will tell of its release, and the
// microphone must not stay open.
func (p *Portal) lose(reason error) {
	p.listen.Lock()
	keys := p.keys
	p.keys, p.current = map[string]*portalKey{}, ""
	p.listen.Unlock()
	if errors.Is(reason, errPortalEnded) {
		p.requests.Fail(reason, false) // nobody will respond
	}
	for _, k := range keys {
		if k.held {
			k.on.Up()
		}
		if k.on.Lost != nil {
			k.on.Lost(reason)
		}
	}
}

// press hands on what a key does.
func (p *Portal) press(id string, down bool) {
	p.listen.Lock()
	k, ok := p.keys[id]
	if ok {
		k.held = down
	}
	p.listen.Unlock()
	switch {
	case !ok:
	case down:
		k.on.Down()
	default:
		k.on.Up()
	}
}

// setKeys makes keys the only ones whose signals count; what was held comes up.
func (p *Portal) setKeys(keys map[string]*portalKey) {
	p.listen.Lock()
	old := p.keys
	p.keys, p.current = keys, ""
	var up []*portalKey
	for _, k := range old {
		if k.held {
			up = append(up, k)
		}
	}
	p.listen.Unlock()
	for _, k := range up {
		k.on.Up()
	}
}

// BindAll implements SetBinder, with one session and one dialog for all keys.
func (p *Portal) BindAll(keys []Key) []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropSession()
	p.wanted = append([]Key{}, keys...)
	errs := p.bindWanted()
	for i, err := range errs {
		if err != nil && keys[i].On.Lost != nil {
			keys[i].On.Lost(err)
		}
	}
	return errs
}

// bindAgain binds what was bound to a portal that has ended.
func (p *Portal) bindAgain() {
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-p.back:
		}
		p.mu.Lock()
		if !p.isCurrent("") { // already bound, to the new one
			p.mu.Unlock()
			continue
		}
		p.session = ""
		errs := p.bindWanted()
		for i, k := range p.wanted {
			if k.On.Lost != nil {
				k.On.Lost(errs[i])
			}
		}
		p.mu.Unlock()
	}
}

// bindWanted makes a session for wanted. It runs under the lock.
func (p *Portal) bindWanted() []error {
	errs := make([]error, len(p.wanted))
	if len(p.wanted) == 0 {
		return errs
	}
	handlers := map[string]*portalKey{}
	for _, k := range p.wanted {
		handlers[k.Name] = &portalKey{on: k.On}
	}
	p.setKeys(handlers)
	given, err := p.bind(p.wanted)
	if err != nil {
		p.dropSession()
	}
	for i, k := range p.wanted {
		switch {
		case err != nil:
			errs[i] = err
		case trigger(k.Combo) == "":
			errs[i] = fmt.Errorf("the desktop takes no %s as a hotkey", k.Combo.Label(nil))
		case given != nil && !given[k.Name]:
			errs[i] = errors.New("the desktop did not assign it")
		}
	}
	return errs
}

type portalShortcut struct {
	ID      string
	Details map[string]dbus.Variant
}

// bind makes a session with the shortcuts. It returns which of them the desktop has bound, nil where it does not
// say.
func (p *Portal) bind(keys []Key) (given map[string]bool, err error) {
	results, err := p.request(portalAnswers, "CreateSession", map[string]dbus.Variant{
		"session_handle_token": dbus.MakeVariant(portal.Token())})
	if err != nil {
		return nil, err
	}
	handle, _ := results["session_handle"].Value().(string)
	if !dbus.ObjectPath(handle).IsValid() {
		return nil, errors.New("the desktop portal created no session")
	}
	p.session = dbus.ObjectPath(handle)
	p.listen.Lock()
	p.current = p.session
	p.listen.Unlock()
	list := make([]portalShortcut, 0, len(keys))
	for _, k := range keys {
		if trigger(k.Combo) == "" {
			continue
		}
		list = append(list, portalShortcut{k.Name, map[string]dbus.Variant{
			"description":       dbus.MakeVariant(k.Purpose),
			"preferred_trigger": dbus.MakeVariant(trigger(k.Combo)),
		}})
	}
	results, err = p.request(portalPatient, "BindShortcuts", map[string]dbus.Variant{}, p.session, list, "")
	if err != nil {
		return nil, err
	}
	var bound []portalShortcut
	if v, ok := results["shortcuts"]; !ok || v.Store(&bound) != nil {
		return nil, nil
	}
	given = map[string]bool{}
	for _, b := range bound {
		given[b.ID] = true
	}
	return given, nil
}

// request makes a call of the interface and waits for its response.
func (p *Portal) request(wait time.Duration, method string, options map[string]dbus.Variant, args ...any) (
	map[string]dbus.Variant, error) {
	ctx, cancel := context.WithTimeout(p.ctx, wait)
	defer cancel()
	results, err := p.requests.Do(ctx, shortcutsFace+"."+method, options, args...)
	switch {
	case err == nil:
		return results, nil
	case errors.Is(err, portal.ErrCanceled), errors.Is(err, portal.ErrFailed):
		return nil, errors.New("the shortcut was not allowed in the desktop's dialog")
	case p.ctx.Err() != nil:
		return nil, errClosed
	case ctx.Err() != nil:
		return nil, errors.New("the desktop portal did not answer")
	}
	return nil, err
}

// dropSession gives every key back. Nobody waits for the portal's answer, which may hang.
func (p *Portal) dropSession() {
	p.setKeys(map[string]*portalKey{})
	if p.session != "" {
		p.conn.Object(portal.Name, p.session).Call(portal.Session+".Close", dbus.FlagNoReplyExpected)
		p.session = ""
	}
}

// Close implements SetBinder.
func (p *Portal) Close() error {
	p.cancel()
	p.again.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropSession()
	err := p.conn.Close()
	<-p.done
	return err
}

// trigger is the text of the freedesktop shortcuts specification, whose keys are called as in xkbcommon:
// "CTRL+ALT+F10", "LOGO+s", "Prior". It is empty for what has no such name: buttons of the mouse and keys by
// number.
func trigger(c Combo) string {
	key := Keysym(c.Key)
	if key == "" {
		return ""
	}
	var parts []string
	for _, m := range []struct {
		mod  Mod
		name string
	}{{Ctrl, "CTRL"}, {Alt, "ALT"}, {Shift, "SHIFT"}, {Super, "LOGO"}} {
		if c.Mods&m.mod != 0 {
			parts = append(parts, m.name)
		}
	}
	return strings.Join(append(parts, key), "+")
}
