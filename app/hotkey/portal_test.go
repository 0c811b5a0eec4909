package hotkey_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"

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
	deny  bool
}

type shortcut struct {
	ID      string
	Details map[string]dbus.Variant
}

func (p *portal) respond(sender dbus.Sender, options map[string]dbus.Variant, results map[string]dbus.Variant) dbus.ObjectPath {
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
	return p.respond(sender, options, map[string]dbus.Variant{"session_handle": dbus.MakeVariant("/session/" + token)}), nil
}

// BindShortcuts is called over D-Bus.
func (p *portal) BindShortcuts(sender dbus.Sender, _ dbus.ObjectPath, list []shortcut, _ string, options map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range list {
		p.bound[s.ID] = fmt.Sprint(s.Details["preferred_trigger"].Value())
	}
	return p.respond(sender, options, map[string]dbus.Variant{}), nil
}

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
	return &portal{conn: conn, bound: map[string]string{}}, d.DBusAddress
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
	if r, err := p.conn.RequestName("org.freedesktop.portal.Desktop", dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("no portal name: %v %v", r, err)
	}
}

func TestPortal(t *testing.T) {
	server, address := startPortal(t)
	server.serve(t)
	b, err := hotkey.OpenPortal(address)
	if err != nil {
		t.Fatal(err)
	}
	pressed := make(chan string, 4)
	bind := func(name, keys string) (hotkey.Binding, error) {
		return b.Bind(name, "purpose of "+name, combo(t, keys), hotkey.Handler{
			Down: func() { pressed <- name }, Up: func() { pressed <- name + " up" },
		})
	}
	save, err := bind("save", "Alt+F10")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bind("share", "Super+Shift+S"); err != nil {
		t.Fatal(err)
	}
	if got := server.triggers(); got != "map[save:ALT+F10 share:SHIFT+LOGO+s]" {
		t.Errorf("the desktop was asked for %s", got)
	}
	for _, want := range []string{"share", "save", "save up"} {
		name, up := strings.CutSuffix(want, " up")
		signal := map[bool]string{false: ".Activated", true: ".Deactivated"}[up]
		if err := server.conn.Emit(portalPath, portalFace+signal, dbus.ObjectPath("/session/x"), name, uint64(0), map[string]dbus.Variant{}); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-pressed:
			if got != want {
				t.Errorf("%s arrived as %s", want, got)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("the press of %s never arrived", name)
		}
	}
	if err := save.Close(); err != nil {
		t.Error(err)
	}
	if got := server.triggers(); got != "map[share:SHIFT+LOGO+s]" {
		t.Errorf("after one was given back the desktop keeps %s", got)
	}
	server.mu.Lock()
	server.deny = true
	server.mu.Unlock()
	if _, err := bind("other", "Alt+F8"); err == nil || !strings.Contains(err.Error(), "not allowed") {
		t.Errorf("a refused shortcut answers %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestNoPortalIsASentence(t *testing.T) {
	_, address := startPortal(t)
	if _, err := hotkey.OpenPortal(address); err == nil || !strings.Contains(err.Error(), "no global shortcuts") {
		t.Errorf("without a portal: %v", err)
	}
}
