package hotkeytest_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

const (
	portalFace = "org.freedesktop.portal.GlobalShortcuts"
	portalPath = dbus.ObjectPath("/org/freedesktop/portal/desktop")
)

// portal plays xdg-desktop-portal on a session bus of its own.
type portal struct {
	conn *dbus.Conn

	mu    sync.Mutex
	bound map[string]string // trigger by id
	// deny refuses everything, silent shows a dialog that stays unanswered.
	deny, silent    bool
	created, closed int // sessions
	session         dbus.ObjectPath
	binds           int    // calls of BindShortcuts
	withhold        string // the id of a shortcut that the user leaves out
	asked           chan struct{}
}

type shortcut struct {
	ID      string
	Details map[string]dbus.Variant
}

func (p *portal) respond(sender dbus.Sender, options map[string]dbus.Variant,
	results map[string]dbus.Variant) dbus.ObjectPath {
	token, _ := options["handle_token"].Value().(string)
	name := strings.ReplaceAll(strings.TrimPrefix(string(sender), ":"), ".", "_")
	path := portalPath + "/request/" + dbus.ObjectPath(name+"/"+token)
	code := uint32(0)
	if p.deny {
		code = 1
	}
	_ = p.conn.Emit(path, "org.freedesktop.portal.Request.Response", code, results)
	return path
}

// CreateSession is called over D-Bus.
func (p *portal) CreateSession(sender dbus.Sender, options map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	token, _ := options["session_handle_token"].Value().(string)
	p.bound = map[string]string{}
	p.created++
	path := dbus.ObjectPath("/session/" + token)
	p.session = path
	if err := p.conn.Export(portalSession{p}, path, "org.freedesktop.portal.Session"); err != nil {
		return "", dbus.MakeFailedError(err)
	}
	return p.respond(sender, options, map[string]dbus.Variant{"session_handle": dbus.MakeVariant("/session/" + token)}),
		nil
}

// BindShortcuts is called over D-Bus.
func (p *portal) BindShortcuts(sender dbus.Sender, _ dbus.ObjectPath, list []shortcut, _ string,
	options map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.binds++
	if p.silent {
		p.asked <- struct{}{}
		return portalPath + "/request/silent", nil
	}
	given := []shortcut{}
	for _, s := range list {
		if s.ID != p.withhold {
			p.bound[s.ID] = fmt.Sprint(s.Details["preferred_trigger"].Value())
			given = append(given, shortcut{s.ID, map[string]dbus.Variant{"trigger_description": dbus.MakeVariant("x")}})
		}
	}
	return p.respond(sender, options, map[string]dbus.Variant{"shortcuts": dbus.MakeVariant(given)}), nil
}

type portalSession struct{ p *portal }

// Close is called over D-Bus.
func (s portalSession) Close() *dbus.Error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.closed++
	s.p.bound = map[string]string{}
	return nil
}

// counts are the sessions made and closed so far, and the calls of BindShortcuts.
func (p *portal) counts() [3]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return [3]int{p.created, p.closed, p.binds}
}

func (p *portal) set(change func()) { p.mu.Lock(); defer p.mu.Unlock(); change() }

func (p *portal) triggers() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprint(p.bound)
}

func startPortal(t *testing.T) (p *portal, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d, err := stack.StartDesktop(ctx, t.TempDir(), stack.DesktopOptions{Width: 320, Height: 240})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	conn, err := dbus.Connect(d.DBusAddress)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &portal{conn: conn, bound: map[string]string{}, asked: make(chan struct{}, 1)}, d.DBusAddress
}

func (p *portal) serve(t *testing.T) {
	t.Helper()
	if err := p.conn.Export(p, portalPath, portalFace); err != nil {
		t.Fatal(err)
	}
	version := prop.Map{portalFace: {"version": {Value: uint32(1)}}}
	if _, err := prop.Export(p.conn, portalPath, version); err != nil {
		t.Fatal(err)
	}
	if r, err := p.conn.RequestName("org.freedesktop.portal.Desktop", dbus.NameFlagDoNotQueue); err != nil ||
		r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("no portal name: %v %v", r, err)
	}
}

// received waits for a value, far shorter than the portal may take for an answer.
func received[T any](t *testing.T, c <-chan T) (got T) {
	t.Helper()
	require.Eventually(t, func() bool {
		select {
		case got = <-c:
			return true
		default:
			return false
		}
	}, 20*time.Second, 5*time.Millisecond, "nothing comes")
	return got
}

// closes closes the manager, which may not hang.
func closes(t *testing.T, m *hotkey.Manager) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- m.Close() }()
	require.NoError(t, received(t, done))
}

// portalManager is a manager that binds at a portal of the test's. The test closes it.
func portalManager(t *testing.T) (*portal, *hotkey.Manager) {
	t.Helper()
	server, address := startPortal(t)
	server.serve(t)
	b, err := hotkey.OpenPortal(address)
	require.NoError(t, err)
	return server, hotkey.NewSetManager(b, slog.New(slog.DiscardHandler))
}

func TestPortal(t *testing.T) {
	server, m := portalManager(t)
	pressed := make(chan string, 4)
	want := func(name, keys string) hotkey.Want {
		return hotkey.Want{Name: name, Purpose: "purpose of " + name, Keys: keys,
			Press: func() { pressed <- name }, Release: func() { pressed <- name + " up" }}
	}
	save, share, talk := want("save", "Alt+F10"), want("share", "Super+Shift+S"), want("talk", "Alt+F9")
	active := func(states []hotkey.State) (names string) {
		for _, s := range states {
			if s.Active {
				names += s.Name + " "
			}
		}
		return strings.TrimSpace(names)
	}
	require.Equal(t, "save share talk", active(m.Set([]hotkey.Want{save, want("off", ""), share, talk})))
	require.Equal(t, "map[save:ALT+F10 share:SHIFT+LOGO+s talk:ALT+F9]", server.triggers())
	require.Equal(t, [3]int{1, 0, 1}, server.counts(), "one session and one dialog for all keys")
	emit := func(signal, name string) {
		require.NoError(t, server.conn.Emit(portalPath, portalFace+signal, dbus.ObjectPath("/session/x"), name, uint64(0),
			map[string]dbus.Variant{}))
	}
	next := func(want string) {
		t.Helper()
		require.Equal(t, want, received(t, pressed))
	}
	for _, what := range []string{"share", "save", "save up"} {
		name, up := strings.CutSuffix(what, " up")
		emit(map[bool]string{false: ".Activated", true: ".Deactivated"}[up], name)
		next(what)
	}
	// What stays is not bound again, and a key that is held comes up when it is given back.
	require.Equal(t, "save share talk", active(m.Set([]hotkey.Want{save, share, talk})))
	require.Equal(t, [3]int{1, 0, 1}, server.counts())
	emit(".Deactivated", "share")
	next("share up")
	emit(".Activated", "talk")
	next("talk")
	server.set(func() { server.withhold = "save" })
	states := m.Set([]hotkey.Want{save, share})
	next("talk up")
	require.Equal(t, "share", active(states))
	require.Contains(t, states[0].Error, "the desktop did not assign it")
	require.Equal(t, "map[share:SHIFT+LOGO+s]", server.triggers())
	require.Equal(t, [3]int{2, 1, 2}, server.counts())
	server.set(func() { server.deny = true })
	states = m.Set([]hotkey.Want{save, share, talk})
	require.Empty(t, active(states))
	require.Contains(t, states[2].Error, "not allowed")
	server.set(func() { server.deny, server.withhold = false, "" })
	require.Equal(t, "save share talk", active(m.Set([]hotkey.Want{save, share, talk})), "it is tried again")
	before := server.counts()
	for range 2 {
		closes(t, m)
	}
	require.Eventually(t, func() bool { return server.counts() == [3]int{before[0], before[1] + 1, before[2]} },
		20*time.Second, 10*time.Millisecond, "closing closes the session, and binds nothing")
	require.Empty(t, active(m.Set([]hotkey.Want{save})))
}

// Where the portal ends or takes the keys back, a key that is held comes up, for the microphone not to stay open, and
// the keys are shown as lost.
func TestKeysOfAPortalThatIsGone(t *testing.T) {
	for what, gone := range map[string]func(*portal) error{
		"ended": func(p *portal) error {
			_, err := p.conn.ReleaseName("org.freedesktop.portal.Desktop")
			return err
		},
		"took it back": func(p *portal) error {
			return p.conn.Emit(p.session, "org.freedesktop.portal.Session.Closed", map[string]dbus.Variant{})
		},
	} {
		t.Run(what, func(t *testing.T) {
			server, m := portalManager(t)
			defer closes(t, m)
			did := make(chan string, 4)
			states := m.Set([]hotkey.Want{{Name: "talk", Keys: "Alt+F9", Press: func() { did <- "down" },
				Release: func() { did <- "up" }}})
			require.True(t, states[0].Active)
			require.NoError(t, server.conn.Emit(portalPath, portalFace+".Activated", dbus.ObjectPath("/session/x"), "talk",
				uint64(0), map[string]dbus.Variant{}))
			require.Equal(t, "down", received(t, did))
			require.NoError(t, gone(server))
			require.Equal(t, "up", received(t, did))
			received(t, m.Changed())
			states = m.States()
			require.False(t, states[0].Active)
			require.Contains(t, states[0].Error, what)
		})
	}
}

// A portal that is started again has the keys bound again, by itself.
func TestKeysOfAPortalThatIsStartedAgain(t *testing.T) {
	server, m := portalManager(t)
	defer closes(t, m)
	did := make(chan string, 4)
	wants := []hotkey.Want{{Name: "talk", Keys: "V", Talk: true, Press: func() { did <- "down" },
		Release: func() { did <- "up" }}, {Name: "save", Keys: "Alt+PageUp", Press: func() {}},
		{Name: "mouse", Keys: "Mouse8", Press: func() {}}}
	states := m.Set(wants)
	require.True(t, states[0].Active && states[1].Active, "%+v", states)
	require.Contains(t, states[2].Error, "takes no Mouse 8", "the portal has no buttons of the mouse")
	press := func() {
		require.NoError(t, server.conn.Emit(portalPath, portalFace+".Activated", dbus.ObjectPath("/session/x"), "talk",
			uint64(0), map[string]dbus.Variant{}))
		require.Equal(t, "down", received(t, did))
	}
	press()
	for range 2 {
		_, err := server.conn.ReleaseName("org.freedesktop.portal.Desktop")
		require.NoError(t, err)
		require.Equal(t, "up", received(t, did), "a key that is held comes up")
		require.Eventually(t, func() bool { return !m.States()[1].Active }, 20*time.Second, 5*time.Millisecond)
		server.set(func() { server.bound = map[string]string{} })
		server.serve(t)
		require.Eventually(t, func() bool { return m.States()[0].Active && m.States()[1].Active }, 20*time.Second,
			5*time.Millisecond)
		require.Equal(t, "map[save:ALT+Prior talk:v]", server.triggers())
		press()
	}
	before := server.counts()
	m.Set(wants[:2])
	require.Equal(t, before[0]+1, server.counts()[0], "what is wanted has changed")
	require.Equal(t, "up", received(t, did))
	// It ends while it shows its dialog.
	server.set(func() { server.silent = true })
	changed := make(chan []hotkey.State, 1)
	go func() { changed <- m.Set(wants[:1]) }()
	received(t, server.asked)
	_, err := server.conn.ReleaseName("org.freedesktop.portal.Desktop")
	require.NoError(t, err)
	require.Contains(t, received(t, changed)[0].Error, "portal ended")
	server.set(func() { server.silent = false })
	server.serve(t)
	require.Eventually(t, func() bool { return m.States()[0].Active }, 20*time.Second, 5*time.Millisecond)
}

// A dialog left unanswered, or a portal that hangs, does not hold up the end of the app.
func TestClosingDoesNotWaitForThePortal(t *testing.T) {
	server, m := portalManager(t)
	server.set(func() { server.silent = true })
	states := make(chan []hotkey.State, 1)
	go func() { states <- m.Set([]hotkey.Want{{Name: "save", Keys: "Alt+F10", Press: func() {}}}) }()
	received(t, server.asked)
	closes(t, m)
	require.Contains(t, received(t, states)[0].Error, "closing")
}

func TestNoPortalIsExplained(t *testing.T) {
	_, address := startPortal(t)
	if _, err := hotkey.OpenPortal(address); err == nil || !strings.Contains(err.Error(), "no global shortcuts") {
		t.Errorf("without a portal: %v", err)
	}
}
