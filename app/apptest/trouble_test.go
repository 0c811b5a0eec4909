package apptest_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
)

const (
	logindPath  = "/org/freedesktop/login1"
	sessionPath = "/org/freedesktop/login1/session/_31"
)

// logind stands in for the service of that name, which a machine without systemd does not have.
type logind struct {
	t     *testing.T
	holds chan hold
}

// hold is a pipe whose one end the program gets as its inhibitor: reading the other one ends when the program lets go,
// as soon as our copy of its end is closed.
type hold struct{ ours, theirs *os.File }

// Inhibit is called over D-Bus (org.freedesktop.login1(5)).
func (l *logind) Inhibit(what, _, _, mode string) (dbus.UnixFD, *dbus.Error) {
	if what != "sleep" || mode != "delay" {
		l.t.Errorf("it inhibits %s in mode %s", what, mode)
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	l.holds <- hold{ours, theirs}
	return dbus.UnixFD(theirs.Fd()), nil
}

// Get is called over D-Bus: the screen is locked from the start.
func (l *logind) Get(iface, property string) (dbus.Variant, *dbus.Error) {
	if iface != "org.freedesktop.login1.Session" || property != "LockedHint" {
		l.t.Errorf("it asks for %s of %s", property, iface)
	}
	return dbus.MakeVariant(true), nil
}

// locker is a screen saver that shows its lock.
type locker struct{}

// GetActive is called over D-Bus.
func (locker) GetActive() (bool, *dbus.Error) { return true, nil }

// GetSessionByPID is called over D-Bus.
func (l *logind) GetSessionByPID(uint32) (dbus.ObjectPath, *dbus.Error) { return sessionPath, nil }

// The screen is locked and the machine sleeps: nothing of that time is kept, what was before stays, and all goes on
// afterwards without anybody being bothered.
func testAway(t *testing.T, m *machine) {
	bus, err := dbus.Connect(m.desktop.DBusAddress)
	require.NoError(t, err)
	defer bus.Close()
	l := &logind{t, make(chan hold, 8)}
	require.NoError(t, bus.Export(l, logindPath, "org.freedesktop.login1.Manager"))
	require.NoError(t, bus.Export(l, sessionPath, "org.freedesktop.DBus.Properties"))
	own := func(c *dbus.Conn, name string) {
		reply, err := c.RequestName(name, dbus.NameFlagDoNotQueue)
		require.NoError(t, err)
		require.Equal(t, dbus.RequestNameReplyPrimaryOwner, reply)
	}
	own(bus, "org.freedesktop.login1")
	saverBus, err := dbus.Connect(m.desktop.DBusAddress)
	require.NoError(t, err)
	defer saverBus.Close()
	require.NoError(t, saverBus.Export(locker{}, "/org/gnome/ScreenSaver", "org.gnome.ScreenSaver"))
	own(saverBus, "org.gnome.ScreenSaver")
	emit := func(path dbus.ObjectPath, signal string, body ...any) {
		require.NoError(t, bus.Emit(path, signal, body...))
	}
	hint := func(locked bool) {
		emit(sessionPath, "org.freedesktop.DBus.Properties.PropertiesChanged", "org.freedesktop.login1.Session",
			map[string]dbus.Variant{"LockedHint": dbus.MakeVariant(locked)}, []string{})
	}
	saver := func(active bool) { emit("/ScreenSaver", "org.freedesktop.ScreenSaver.ActiveChanged", active) }

	r := m.start(t, t.TempDir(), "DBUS_SYSTEM_BUS_ADDRESS="+m.desktop.DBusAddress, "HINDSIGHT_HOTKEYS_TALK=V")
	key := func(what string) {
		out, err := m.desktop.Command(t.Context(), "xdotool", what, "v").CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	held := <-l.holds
	defer held.ours.Close()
	running := func(s session.Snapshot) bool {
		return !s.Paused && s.Screen.State == media.Running && s.Desktop.State == media.Running
	}
	paused := func(s session.Snapshot) bool {
		return s.Paused && s.Screen.State == media.Paused && s.Mic.State == media.Paused
	}
	require.Zero(t, r.until(t, "it is paused from the start", paused).Frames)
	require.NoError(t, saverBus.Close())
	require.Eventually(t, func() bool { return strings.Contains(r.Tail(2000), "locked=true") }, 60*time.Second,
		20*time.Millisecond,
		"a screen saver that crashed says nothing any more, but logind does")
	hint(false)
	r.until(t, "there is something to keep", func(s session.Snapshot) bool { return running(s) && s.BufferedSeconds > 3 })
	saver(true)
	r.until(t, "it pauses", paused)
	hint(true)
	saver(false)
	before := r.until(t, "it stays paused as long as anything says so", paused).BufferedSeconds
	hint(false)
	s := r.until(t, "it goes on", func(s session.Snapshot) bool { return running(s) && s.BufferedSeconds > before+1 })
	require.Empty(t, s.Problems)

	key("keydown")
	r.until(t, "somebody talks", func(s session.Snapshot) bool { return !s.Mic.Closed })
	emit(logindPath, "org.freedesktop.login1.Manager.PrepareForSleep", true)
	require.NoError(t, held.theirs.Close()) // the program has had its copy for long
	require.NoError(t, held.ours.SetReadDeadline(time.Now().Add(60*time.Second)))
	_, err = held.ours.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "the program lets the machine sleep")
	before = r.until(t, "it pauses before sleep", paused).BufferedSeconds
	require.NoError(t, r.Signal(stack.SigStop)) // for the program, the machine sleeps
	for err = nil; err == nil; {                // a signal takes its time to stop all threads
		asleep, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		_, err = r.status(asleep)
		cancel()
	}
	require.ErrorIs(t, err, context.DeadlineExceeded, "who sleeps does not reply")
	require.NoError(t, r.Signal(stack.SigCont))
	emit(logindPath, "org.freedesktop.login1.Manager.PrepareForSleep", false)
	s = r.until(t, "it goes on after sleep",
		func(s session.Snapshot) bool { return running(s) && s.BufferedSeconds > before+2 })
	require.Empty(t, s.Problems)
	require.True(t, s.Mic.Closed, "the key that was held before sleep is let go")
	key("keyup")
	key("keydown")
	r.until(t, "the key works after sleep", func(s session.Snapshot) bool { return !s.Mic.Closed })
	key("keyup")
	require.Eventually(t, func() bool { return len(l.holds) == 1 }, 60*time.Second, 20*time.Millisecond,
		"the next sleep waits again")
	r.call(t, control.Request{Command: control.Save}, nil)
	plays(t, r.saved(t, 1), before+1) // a clip ends with its sound, which is a little behind
}

// plays checks that a clip has all its frames, from the first to the last.
func plays(t *testing.T, path string, atLeast float64) {
	t.Helper()
	info, err := capturetest.Probe(t.Context(), path)
	require.NoError(t, err)
	require.Greater(t, info.Seconds, atLeast-0.1)
	frames, err := capturetest.Frames(t.Context(), path)
	require.NoError(t, err)
	require.Greater(t, float64(len(frames)), info.Seconds*30*0.9)
	for i, p := range frames[1:] {
		require.Less(t, p.At-frames[i].At, 0.5, "picture %d is followed by a gap", i)
	}
}

// The X server dies, and takes the program's window library and with it the whole program along: what was kept is saved
// and told at the next start.
func testDisplayDies(t *testing.T, m *machine) {
	dir := t.TempDir()
	desktop := func() *machine {
		d, err := stack.StartDesktop(t.Context(), t.TempDir(), stack.DesktopOptions{Width: 640, Height: 480,
			WindowManager: true})
		require.NoError(t, err)
		t.Cleanup(func() { d.Close() })
		return &machine{desktop: d, sound: m.sound, program: m.program}
	}
	first := desktop()
	cache := "XDG_CACHE_HOME=" + filepath.Join(dir, "cache") // each desktop has its own
	r := first.start(t, dir, cache)
	kept := r.until(t, "there is something to lose",
		func(s session.Snapshot) bool { return s.BufferedSeconds > 4 }).BufferedSeconds
	require.NoError(t, first.desktop.Close())
	r.wait(t)

	second := desktop()
	n := serveNotices(t, second.desktop)
	again := second.start(t, dir, cache)
	told := wait.First(t, n.shown, time.Minute, "the next start tells of it",
		func(n notice) bool { return n.title == "Replay recovered" })
	found, err := clip.List(filepath.Join(dir, "clips"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.True(t, strings.Contains(told.body, filepath.Base(found[0].Path)))
	plays(t, found[0].Path, kept-1)
	again.until(t, "the replay runs again", buffering)
}
