package apptest_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
)

func testTray(t *testing.T, m *machine) {
	r := m.start(t, t.TempDir())
	r.until(t, "the replay runs", buffering)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tray, err := m.desktop.OpenTray(ctx, r.PID())
	require.NoError(t, err)
	defer tray.Close()
	click := func(label string) { require.NoError(t, tray.Click(ctx, label)) }
	click("Save replay")
	r.saved(t, 1)
	for _, muted := range []bool{true, false} {
		click("Mute microphone")
		r.until(t, "the tray mutes and unmutes", func(s session.Snapshot) bool { return s.Mic.Muted == muted })
	}
	click("Turn replay buffer off")
	r.until(t, "the replay is off", func(s session.Snapshot) bool { return s.State == session.Idle })
	click("Turn replay buffer on")
	r.until(t, "the replay is on again", buffering)
	click("Quit")
	r.wait(t)
}

// testLatePanel starts the program before the panel, as happens at login.
func testLatePanel(t *testing.T, shared *machine) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	desk, err := stack.StartDesktop(ctx, dir, stack.DesktopOptions{Width: 1280, Height: 800, WindowManager: true})
	require.NoError(t, err)
	t.Cleanup(func() { desk.Close() })
	m := &machine{desktop: desk, sound: shared.sound, program: shared.program}
	visible := func() bool {
		out, _ := desk.Command(ctx, "xdotool", "search", "--onlyvisible", "--name", "^Hindsight$").Output()
		return strings.TrimSpace(string(out)) != ""
	}
	r := m.start(t, dir, "LC_ALL=C.UTF-8")
	r.until(t, "the replay runs", buffering)
	require.False(t, visible(), "a hidden start shows the window before the panel had time to come")
	require.NoError(t, desk.StartPanel(ctx, dir))
	tray, err := desk.OpenTray(ctx, r.PID())
	require.NoError(t, err)
	defer tray.Close()
	require.False(t, visible(), "the window is there although the tray is")
	r.call(t, control.Request{Command: control.Show}, nil)
	require.Eventually(t, visible, 20*time.Second, 50*time.Millisecond, "the window does not open")
	gone := func() bool {
		_ = desk.Press(ctx, "alt+F4") // until the window has the keyboard
		return !visible()
	}
	require.Eventually(t, gone, 20*time.Second, 200*time.Millisecond, "the window does not close")
	since := r.until(t, "it still runs", buffering).BufferedSeconds
	r.until(t, "it goes on", func(s session.Snapshot) bool { return s.BufferedSeconds > since+0.5 })
	require.NoError(t, tray.Click(ctx, "Quit"))
	r.wait(t)
	require.NotContains(t, r.Tail(1<<20), "locale", "the usual locale of servers is nothing to complain about")
}

// notices stands in for the desktop's notification service.
type notices struct {
	shown chan notice
	busy  sync.Mutex // while it is held, no notification is answered
}

type notice struct {
	title, body string
	actions     []string
}

// Notify is called over D-Bus (Desktop Notifications Specification 1.2).
func (n *notices) Notify(_ string, _ uint32, _, title, body string, actions []string, _ map[string]dbus.Variant,
	_ int32) (uint32, *dbus.Error) {
	n.busy.Lock()
	defer n.busy.Unlock()
	n.shown <- notice{title, body, actions}
	return 7, nil
}

// GetCapabilities is called over D-Bus.
func (n *notices) GetCapabilities() ([]string, *dbus.Error) { return []string{"body", "actions"}, nil }

// serveNotices stands in for the desktop's notification service, which must not have started yet.
func serveNotices(t *testing.T, d *stack.Desktop) *notices {
	t.Helper()
	conn, err := dbus.Connect(d.DBusAddress)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	const name, path = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
	n := &notices{shown: make(chan notice, 16)}
	require.NoError(t, conn.Export(n, path, name))
	reply, err := conn.RequestName(name, dbus.NameFlagReplaceExisting|dbus.NameFlagDoNotQueue)
	require.NoError(t, err)
	require.Equal(t, dbus.RequestNameReplyPrimaryOwner, reply, "the name %s is taken", name)
	return n
}

func testNotification(t *testing.T, m *machine) {
	n := serveNotices(t, m.desktop)
	r := m.start(t, t.TempDir())
	r.until(t, "the replay runs", buffering)
	r.call(t, control.Request{Command: control.Save}, nil)
	file := filepath.Base(r.saved(t, 1))
	got := wait.For(t, n.shown, 30*time.Second, "a notification of a save")
	if got.title != "Replay saved" || !strings.Contains(got.body, file) || !strings.Contains(got.body, "MB") ||
		strings.Join(got.actions, ",") != "default,Play,action-1,Open folder" {
		t.Errorf("it shows %+v", got)
	}
	// A service that does not answer for a while delays neither saves nor keys, and misses nothing.
	n.busy.Lock()
	if err := m.desktop.Press(t.Context(), "alt+F10"); err != nil {
		t.Fatal(err)
	}
	r.saved(t, 2)
	for id := 3; id <= 4; id++ { // faster than a hand, which keys are held to
		r.call(t, control.Request{Command: control.Save}, nil)
		r.saved(t, id)
	}
	n.busy.Unlock()
	for range 3 {
		require.Equal(t, "Replay saved", wait.For(t, n.shown, 30*time.Second, "all notifications").title)
	}
	r.call(t, control.Request{Command: control.Replay}, nil)
	r.until(t, "the replay is off", func(s session.Snapshot) bool { return s.State == session.Idle })
	if err := m.desktop.Press(t.Context(), "alt+F10"); err != nil {
		t.Fatal(err)
	}
	got = wait.For(t, n.shown, 30*time.Second, "a notification of a press that could not be served")
	if got.title != "Couldn't save replay" || !strings.Contains(got.body, "turn the replay buffer on") {
		t.Errorf("a press while nothing runs shows %+v", got)
	}
	s := r.until(t, "the window can show it as well", func(s session.Snapshot) bool { return s.LastSave.ID == 5 })
	require.Equal(t, got.body, s.LastSave.LocalError)
}
