package apptest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// These tests run the real program with the real engine on a desktop of their own: Xvfb, openbox, a panel with a tray
// and PulseAudio. Keys are pressed through the X server, and the tray's menu is read and clicked over D-Bus.

// machine is the desktop and the program that all tests share.
type machine struct {
	desktop *stack.Desktop
	sound   *stack.Sound
	program string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	dir := t.TempDir()
	m := &machine{}
	var err error
	m.program = build(t, ctx, dir)
	if m.desktop, err = stack.StartDesktop(ctx, dir, stack.DesktopOptions{Width: 1280, Height: 800, Panel: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.desktop.Close() })
	if m.sound, err = stack.StartSound(ctx, dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.sound.Close() })
	return m
}

// build makes the program, with cgo: Fyne needs it.
func build(t *testing.T, ctx context.Context, dir string) string {
	t.Helper()
	root, err := stack.ModuleRoot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "hindsight")
	c := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/hindsight")
	c.Dir, c.Env = root, append(os.Environ(), "CGO_ENABLED=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("hindsight does not build: %v (make setup installs what is missing)\n%s", err, out)
	}
	return program
}

// running is one Hindsight with settings and socket of its own.
type running struct {
	*stack.Proc
	dir string
	env []string
}

func (m *machine) env(dir string, more ...string) []string {
	env := append([]string{}, m.desktop.Env...)
	env = append(env, m.sound.Env...)
	env = append(env, "HINDSIGHT_CONFIG_DIR="+filepath.Join(dir, "settings"), "HINDSIGHT_RUNTIME_DIR="+filepath.Join(dir, "run"),
		"HINDSIGHT_REPLAY_FOLDER="+filepath.Join(dir, "clips"))
	return append(env, more...)
}

func (m *machine) start(t *testing.T, dir string, more ...string) *running {
	t.Helper()
	r := &running{dir: dir, env: m.env(dir, more...)}
	var err error
	r.Proc, err = stack.Start(t.Context(), stack.Spec{
		Name: "hindsight", Path: m.program, Args: []string{"-hidden"}, Dir: dir, Env: r.env,
		Ready: func(ctx context.Context) error {
			var s session.Snapshot
			if err := control.Call(ctx, filepath.Join(dir, "run"), control.Request{Command: control.Status}, &s); err != nil {
				return err
			}
			if s.State == session.Starting || len(s.Hotkeys) == 0 {
				return fmt.Errorf("it is %s with %d hotkeys", s.State, len(s.Hotkeys))
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func (r *running) call(t *testing.T, q control.Request, out any) {
	t.Helper()
	if err := control.Call(t.Context(), filepath.Join(r.dir, "run"), q, out); err != nil {
		t.Fatalf("%s: %v\n%s", q.Command, err, r.Tail(2000))
	}
}

func (r *running) status(t *testing.T) (s session.Snapshot) {
	t.Helper()
	r.call(t, control.Request{Command: control.Status}, &s)
	return s
}

func (r *running) until(t *testing.T, what string, holds func(session.Snapshot) bool) session.Snapshot {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		s := r.status(t)
		if holds(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("it never came to this: %s; status: %+v\n%s", what, s, r.Tail(3000))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// saved waits until the save with this number is on disk.
func (r *running) saved(t *testing.T, id int) {
	t.Helper()
	s := r.until(t, fmt.Sprintf("save %d", id), func(s session.Snapshot) bool {
		return s.LastSave != nil && s.LastSave.ID == id && s.LastSave.Local != "saving"
	})
	if s.LastSave.Local != "saved" {
		t.Fatalf("save %d failed: %s", id, s.LastSave.LocalError)
	}
	if st, err := os.Stat(s.LastSave.Clip.Path); err != nil || st.Size() == 0 {
		t.Fatalf("save %d left no file: %v", id, err)
	}
}

func (r *running) wait(t *testing.T) {
	t.Helper()
	select {
	case <-r.Done():
	case <-time.After(60 * time.Second):
		t.Fatalf("it does not end:\n%s", r.Tail(2000))
	}
}

func TestTheRealProgram(t *testing.T) {
	m := newMachine(t)
	t.Run("hotkey", func(t *testing.T) { testHotkey(t, m) })
	t.Run("tray", func(t *testing.T) { testTray(t, m) })
	t.Run("taken key", func(t *testing.T) { testTakenKey(t, m) })
	t.Run("one instance", func(t *testing.T) { testOneInstance(t, m) })
	t.Run("bad settings", func(t *testing.T) { testBadSettings(t, m) })
	t.Run("no display", func(t *testing.T) { testNoDisplay(t, m) })
}

func buffering(s session.Snapshot) bool { return s.State == session.Buffering && s.BufferedSeconds > 1 }

func testHotkey(t *testing.T, m *machine) {
	r := m.start(t, t.TempDir())
	r.until(t, "the replay runs", buffering)
	press := func(keys string) {
		if err := m.desktop.Press(t.Context(), keys); err != nil {
			t.Fatal(err)
		}
	}
	press("alt+F10")
	r.saved(t, 1)
	press("shift+alt+F10") // Shift is held for something else
	r.saved(t, 2)
	press("Num_Lock")
	press("alt+F10")
	r.saved(t, 3)
	press("Num_Lock")
	press("Caps_Lock")
	press("alt+F10")
	r.saved(t, 4)
	press("Caps_Lock")
}

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
	deadline := time.Now().Add(30 * time.Second)
	for {
		items, err := tr.items()
		if id, ok := items[text]; ok {
			call := tr.obj.Call("com.canonical.dbusmenu.Event", 0, id, "clicked", dbus.MakeVariant(""), uint32(0))
			if call.Err != nil {
				t.Fatal(call.Err)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the tray's menu has no %q: %v, %v", text, items, err)
		}
		time.Sleep(50 * time.Millisecond)
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

func testTakenKey(t *testing.T, m *machine) {
	t.Setenv("DISPLAY", m.desktop.Display)
	x, err := xgb.NewConnDisplay(m.desktop.Display)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	root := xproto.Setup(x).DefaultScreen(x).Root
	code := keycode(t, x, 0xffc4) // F7
	if err := xproto.GrabKeyChecked(x, false, root, xproto.ModMask1, code, xproto.GrabModeAsync, xproto.GrabModeAsync).Check(); err != nil {
		t.Fatal(err)
	}
	r := m.start(t, t.TempDir(), "HINDSIGHT_HOTKEYS_SAVE=Alt+F7")
	s := r.until(t, "the conflict is told", func(s session.Snapshot) bool { return len(s.Problems) > 0 })
	if !strings.Contains(s.Problems[0], "Alt+F7") || !strings.Contains(s.Problems[0], "another program") {
		t.Errorf("it says %q", s.Problems[0])
	}
	if s.State == session.Failed {
		t.Error("a taken key stopped the replay")
	}
}

// keycode finds the key that makes a keysym on this server.
func keycode(t *testing.T, x *xgb.Conn, sym xproto.Keysym) xproto.Keycode {
	t.Helper()
	setup := xproto.Setup(x)
	m, err := xproto.GetKeyboardMapping(x, setup.MinKeycode, byte(setup.MaxKeycode-setup.MinKeycode+1)).Reply()
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range m.Keysyms {
		if s == sym {
			return setup.MinKeycode + xproto.Keycode(i/int(m.KeysymsPerKeycode))
		}
	}
	t.Fatalf("no key makes %#x", sym)
	return 0
}

func testOneInstance(t *testing.T, m *machine) {
	r := m.start(t, t.TempDir())
	windows := func() bool {
		out, err := m.desktop.Command(t.Context(), "xdotool", "search", "--onlyvisible", "--name", "^Hindsight$").Output()
		return err == nil && len(out) > 0
	}
	if windows() {
		t.Error("the window is there although the program was started hidden")
	}
	second := exec.CommandContext(t.Context(), m.program)
	second.Env = append(os.Environ(), r.env...)
	if out, err := second.CombinedOutput(); err != nil {
		t.Fatalf("a second start: %v: %s", err, out)
	}
	deadline := time.Now().Add(30 * time.Second)
	for !windows() {
		if time.Now().After(deadline) {
			t.Fatal("a second start did not show the window of the first")
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.call(t, control.Request{Command: control.Quit}, nil)
	r.wait(t)
}

func testBadSettings(t *testing.T, m *machine) {
	dir := t.TempDir()
	path := filepath.Join(dir, "settings", "config.toml")
	const text = "[video]\nframe_rate = \"fast\"\n\n[replay]\nseconds = 33\n"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := m.start(t, dir)
	s := r.until(t, "the replay runs nevertheless", buffering)
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0], "video.frame_rate") || !strings.Contains(s.Problems[0], "30 or 60") {
		t.Errorf("it says %q", s.Problems)
	}
	if s.FrameRate != 30 || s.ReplaySeconds != 33 {
		t.Errorf("it runs at %d frames a second and keeps %v s", s.FrameRate, s.ReplaySeconds)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != text {
		t.Errorf("the file was changed: %q, %v", now, err)
	}
}

func testNoDisplay(t *testing.T, m *machine) {
	c := exec.CommandContext(t.Context(), m.program)
	c.Env = append(os.Environ(), m.env(t.TempDir(), "DISPLAY=:31999")...)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("without a display it ends with %v", err)
	}
	text := strings.TrimSpace(string(out))
	if !strings.Contains(text, "no X display answers") || strings.Contains(text, "goroutine") || strings.Contains(text, "\n") {
		t.Errorf("without a display it says %q", text)
	}
}
