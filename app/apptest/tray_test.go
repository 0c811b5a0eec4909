package apptest_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/assert"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
)

// menuItem is one entry of com.canonical.dbusmenu's GetLayout.
type menuItem struct {
	ID       int32
	Props    map[string]dbus.Variant
	Children []dbus.Variant
}

// tray reads the menu of a process.
type tray struct {
	conn *dbus.Conn
	obj  dbus.BusObject
}

func openTray(t *testing.T, m *machine, pid int) *tray {
	t.Helper()
	conn, err := dbus.Connect(m.desktop.DBusAddress)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &tray{conn, conn.Object(fmt.Sprintf("org.kde.StatusNotifierItem-%d-1", pid), "/StatusNotifierItem/menu")}
}

func (tr *tray) items() (map[string]int32, error) {
	var revision uint32
	var root menuItem
	call := tr.obj.Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{})
	if err := call.Store(&revision, &root); err != nil {
		return nil, err
	}
	found := map[string]int32{}
	for _, v := range root.Children {
		var item menuItem
		if err := dbus.Store([]any{v.Value()}, &item); err != nil {
			return nil, err
		}
		if text, ok := item.Props["label"].Value().(string); ok {
			found[text] = item.ID
		}
	}
	return found, nil
}

// click waits for an entry and clicks it.
func (tr *tray) click(t *testing.T, text string) {
	t.Helper()
	var items map[string]int32
	var err error
	there := func() bool {
		items, err = tr.items()
		_, ok := items[text]
		return ok
	}
	if !assert.Eventually(t, there, 30*time.Second, 50*time.Millisecond) {
		t.Fatalf("the tray's menu has no %q: %v, %v", text, items, err)
	}
	if call := tr.obj.Call("com.canonical.dbusmenu.Event", 0, items[text], "clicked", dbus.MakeVariant(""), uint32(0)); call.Err != nil {
		t.Fatal(call.Err)
	}
}

func testTray(t *testing.T, m *machine) {
	r := m.start(t, t.TempDir())
	r.until(t, "the replay runs", buffering)
	tr := openTray(t, m, r.PID())
	tr.click(t, "Save replay")
	r.saved(t, 1)
	tr.click(t, "Stop replay")
	r.until(t, "the replay is off", func(s session.Snapshot) bool { return s.State == session.Idle })
	tr.click(t, "Start replay")
	r.until(t, "the replay is on again", buffering)
	tr.click(t, "Quit")
	r.wait(t)
}

// notices stands in for the desktop's notification service.
type notices struct {
	shown chan notice
}

type notice struct {
	title, body string
	actions     []string
}

// Notify is called over D-Bus (Desktop Notifications Specification 1.2).
func (n *notices) Notify(_ string, _ uint32, _, title, body string, actions []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	n.shown <- notice{title, body, actions}
	return 7, nil
}

// GetCapabilities is called over D-Bus.
func (n *notices) GetCapabilities() ([]string, *dbus.Error) { return []string{"body", "actions"}, nil }

func testNotification(t *testing.T, m *machine) {
	conn, err := dbus.Connect(m.desktop.DBusAddress)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const name, path = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
	n := &notices{make(chan notice, 16)}
	if err := conn.Export(n, path, name); err != nil {
		t.Fatal(err)
	}
	reply, err := conn.RequestName(name, dbus.NameFlagReplaceExisting|dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("the name %s is taken: %v, %v", name, reply, err)
	}
	r := m.start(t, t.TempDir())
	r.until(t, "the replay runs", buffering)
	r.call(t, control.Request{Command: control.Save}, nil)
	file := filepath.Base(r.saved(t, 1))
	select {
	case got := <-n.shown:
		if got.title != "Replay saved" || !strings.Contains(got.body, file) || !strings.Contains(got.body, "MB") ||
			strings.Join(got.actions, ",") != "default,Play,action-1,Open folder" {
			t.Errorf("it shows %+v", got)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("no notification after a save")
	}
	r.call(t, control.Request{Command: control.Replay}, nil)
	r.until(t, "the replay is off", func(s session.Snapshot) bool { return s.State == session.Idle })
	if err := m.desktop.Press(t.Context(), "alt+F10"); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-n.shown:
		if got.title != "The replay could not be saved" || !strings.Contains(got.body, "turn the replay on") {
			t.Errorf("a press while nothing runs shows %+v", got)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("no notification of a press that could not be served")
	}
}
