package apptest_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/assets"
	"github.com/hindsight-app/hindsight/capture/media"
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

// testTrayChanges clicks while the menu changes all the time: each click counts, whatever was on show when it came.
func testTrayChanges(t *testing.T, m *machine) {
	r := m.start(t, t.TempDir())
	r.until(t, "the replay runs", buffering)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tray, err := m.desktop.OpenTray(ctx, r.PID())
	require.NoError(t, err)
	defer tray.Close()
	changing, stop := context.WithCancel(ctx)
	defer stop()
	var changer sync.WaitGroup
	changer.Go(func() {
		for changing.Err() == nil {
			_ = control.Call(changing, filepath.Join(r.dir, "run"), // the last one may come too late
				control.Request{Command: control.Mute, Source: "mic", Toggle: true}, nil)
		}
	})
	for i := range 25 {
		require.NoError(t, tray.Click(ctx, "Save replay"))
		r.saved(t, i+1)
	}
	require.NoError(t, tray.Click(ctx, "Quit"))
	r.wait(t)
	stop()
	changer.Wait()
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
	busy  sync.Mutex  // while it is held, no notification is answered
	quiet atomic.Bool // do not disturb
	last  uint32
}

type notice struct {
	title, body string
	actions     []string
	replaces    uint32
	urgency     byte
}

// Notify is called over D-Bus (Desktop Notifications Specification 1.2).
func (n *notices) Notify(_ string, replaces uint32, _, title, body string, actions []string,
	hints map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	n.busy.Lock()
	defer n.busy.Unlock()
	urgency, _ := hints["urgency"].Value().(byte)
	n.last++
	id := n.last
	if replaces != 0 {
		id = replaces
	}
	n.shown <- notice{title, body, actions, replaces, urgency}
	return id, nil
}

// Get is called over D-Bus: Plasma's property that says not to disturb.
func (n *notices) Get(_, property string) (dbus.Variant, *dbus.Error) {
	if property != "Inhibited" {
		return dbus.Variant{}, dbus.MakeFailedError(errors.New(property))
	}
	return dbus.MakeVariant(n.quiet.Load()), nil
}

// next is the next notification.
func (n *notices) next(t *testing.T) notice {
	t.Helper()
	return wait.For(t, n.shown, 30*time.Second, "a notification")
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
	require.NoError(t, conn.Export(n, path, "org.freedesktop.DBus.Properties"))
	reply, err := conn.RequestName(name, dbus.NameFlagReplaceExisting|dbus.NameFlagDoNotQueue)
	require.NoError(t, err)
	require.Equal(t, dbus.RequestNameReplyPrimaryOwner, reply, "the name %s is taken", name)
	return n
}

func testNotification(t *testing.T, m *machine) {
	n := serveNotices(t, m.desktop)
	r := m.start(t, t.TempDir())
	r.until(t, "the replay runs", buffering)
	got := n.next(t)
	require.Equal(t, "Replay buffer on", got.title)
	require.Zero(t, got.urgency)
	r.call(t, control.Request{Command: control.Save}, nil)
	file := filepath.Base(r.saved(t, 1))
	got = n.next(t)
	require.Equal(t, "Replay saved", got.title)
	require.Contains(t, got.body, file)
	require.Regexp(t, `\d (k|M)B$`, got.body)
	require.Equal(t, "default,Play,action-1,Open folder", strings.Join(got.actions, ","))
	// A service that does not answer for a while delays neither saves nor keys. What waited is one notification.
	n.busy.Lock()
	require.NoError(t, m.desktop.Press(t.Context(), "alt+F10"))
	r.saved(t, 2)
	for id := 3; id <= 4; id++ { // faster than a hand, which keys are held to
		r.call(t, control.Request{Command: control.Save}, nil)
		r.saved(t, id)
	}
	n.busy.Unlock()
	got = n.next(t)
	for told := 1; told < 3; {
		require.NotZero(t, got.replaces, "it takes the place of the one before")
		if strings.HasSuffix(got.title, " replays saved") {
			break
		}
		require.Equal(t, "Replay saved", got.title)
		told++
		got = n.next(t)
	}
	// Switches that are switched back at once are not told, and what changes together is one.
	mute := func(on bool) {
		r.call(t, control.Request{Command: control.Mute, Source: "mic", On: on}, nil)
	}
	mute(true)
	mute(false)
	mute(true)
	r.call(t, control.Request{Command: control.Replay}, nil)
	r.until(t, "the replay is off", func(s session.Snapshot) bool { return s.State == session.Idle })
	text := ""
	for !strings.Contains(text, "Microphone muted") || !strings.Contains(text, "Replay buffer off") {
		got = n.next(t)
		require.NotContains(t, got.title+got.body, "unmuted")
		text += got.title + got.body
	}
	// Whoever does not want to be disturbed hears of failures only.
	n.quiet.Store(true)
	mute(false)
	require.NoError(t, m.desktop.Press(t.Context(), "alt+F10"))
	got = n.next(t)
	require.Equal(t, "Couldn't save replay", got.title)
	require.Contains(t, got.body, "turn the replay buffer on")
	require.EqualValues(t, 2, got.urgency)
	s := r.until(t, "the window can show it as well", func(s session.Snapshot) bool { return s.LastSave.ID == 5 })
	require.Equal(t, got.body, s.LastSave.LocalError)
}

// testTrayStates looks at the icon and its tooltip in each state that needs no server.
func testTrayStates(t *testing.T, m *machine) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	open := func(r *running) *stack.Tray {
		tray, err := m.desktop.OpenTray(ctx, r.PID())
		require.NoError(t, err)
		t.Cleanup(func() { tray.Close() })
		return tray
	}
	is := func(tray *stack.Tray, icon string, tooltip ...string) {
		t.Helper()
		want, err := png.Decode(bytes.NewReader(assets.TrayIcon(icon)))
		require.NoError(t, err)
		var said string
		if !assert.Eventually(t, func() bool {
			got, text, err := tray.Icon(ctx)
			said = text
			return err == nil && samePixels(want, got) && !slices.ContainsFunc(tooltip, func(s string) bool {
				return !strings.Contains(text, s)
			})
		}, 20*time.Second, 20*time.Millisecond) {
			t.Fatalf("it never shows the icon %s with %q; the tooltip is %q", icon, tooltip, said)
		}
	}
	r := m.start(t, t.TempDir())
	r.until(t, "the replay runs", buffering)
	tray := open(r)
	click := func(label string) { t.Helper(); require.NoError(t, tray.Click(ctx, label)) }
	is(tray, "buffering", "Replay buffer: 60 s")
	click("Mute microphone")
	is(tray, "buffering-muted", "Replay buffer: 60 s", "Microphone muted")
	click("Start recording")
	is(tray, "recording-muted", "Recording: ", "Microphone muted")
	click("Mute microphone")
	is(tray, "recording", "Recording: ", "Replay buffer: 60 s")
	click("Pause")
	is(tray, "paused", "Paused")
	r.until(t, "nothing is captured", func(s session.Snapshot) bool { return s.Screen.State == media.Paused && s.Held })
	click("Pause")
	is(tray, "recording")
	click("Stop recording")
	is(tray, "buffering")
	r.until(t, "there is something to save", func(s session.Snapshot) bool { return s.BufferedSeconds > 3 })
	click("Save last > Whole buffer (60 s)")
	r.saved(t, 1)
	click("Save last > 15 s")
	r.saved(t, 2)
	require.Eventually(t, func() bool {
		labels, err := tray.Labels(ctx)
		return err == nil && 2 <= len(slices.DeleteFunc(slices.Collect(maps.Keys(labels)), func(l string) bool {
			return !strings.HasPrefix(l, "Last clips > Today ")
		}))
	}, 20*time.Second, 20*time.Millisecond, "the clips and the recording are in the menu")
	click("Turn replay buffer off")
	is(tray, "off", "Off")
	click("Quit")
	r.wait(t)

	r = m.startAs(t, t.TempDir(), func(session.Snapshot) error { return nil })
	tray = open(r)
	is(tray, "off", "Not set up yet")
	r.call(t, control.Request{Command: control.Quit}, nil)
	r.wait(t)

	r = m.start(t, t.TempDir(), "HINDSIGHT_VIDEO_CAPTURE_METHOD=portal")
	is(open(r), "error", "Attention needed")
}

// samePixels compares an icon with the pixels that a panel is given.
func samePixels(want, got image.Image) bool {
	if want.Bounds().Size() != got.Bounds().Size() {
		return false
	}
	for y := range want.Bounds().Dy() {
		for x := range want.Bounds().Dx() {
			if color.RGBAModel.Convert(want.At(x, y)) != color.RGBAModel.Convert(got.At(x, y)) {
				return false
			}
		}
	}
	return true
}
