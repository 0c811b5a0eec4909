package apptest_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
)

// These tests run the real program with the real engine on a desktop of their own: Xvfb, openbox, a panel with a tray
// and PulseAudio. Keys are pressed through the X server, and the tray's menu is read and clicked over D-Bus.

func TestTheRealProgram(t *testing.T) {
	m := newMachine(t)
	// first: the desktop's own service starts on demand
	t.Run("notification", func(t *testing.T) { testNotification(t, m) })
	t.Run("first run", func(t *testing.T) { testFirstRun(t, m) })
	t.Run("hotkey", func(t *testing.T) { testHotkey(t, m) })
	t.Run("microphone keys", func(t *testing.T) { testMicrophoneKeys(t, m) })
	t.Run("tray", func(t *testing.T) { testTray(t, m) })
	t.Run("tray states", func(t *testing.T) { testTrayStates(t, m) })
	t.Run("tray changes", func(t *testing.T) { testTrayChanges(t, m) })
	t.Run("late panel", func(t *testing.T) { testLatePanel(t, m) })
	t.Run("taken key", func(t *testing.T) { testTakenKey(t, m) })
	t.Run("one instance", func(t *testing.T) { testOneInstance(t, m) })
	t.Run("wrong backend", func(t *testing.T) { testWrongBackend(t, m) })
	t.Run("bad settings", func(t *testing.T) { testBadSettings(t, m) })
	t.Run("command line", func(t *testing.T) { testCommandLine(t, m) })
	t.Run("recording", func(t *testing.T) { testRecording(t, m) })
	t.Run("folder", func(t *testing.T) { testFolder(t, m) })
	t.Run("uploads", func(t *testing.T) { testUploads(t, m) })
	t.Run("viewers", func(t *testing.T) { testViewers(t, m) })
	t.Run("copied files", func(t *testing.T) { testCopiedFiles(t, m) })
	t.Run("killed", func(t *testing.T) { testKilled(t, m) })
	t.Run("away", func(t *testing.T) { testAway(t, m) })
	t.Run("display dies", func(t *testing.T) { testDisplayDies(t, m) })
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

// testMicrophoneKeys holds the push-to-talk key for longer than the X server waits before it repeats a key.
func testMicrophoneKeys(t *testing.T, m *machine) {
	r := m.start(t, t.TempDir(), "HINDSIGHT_HOTKEYS_TALK=Ctrl+F8", "HINDSIGHT_HOTKEYS_MUTE=Ctrl+F7")
	r.until(t, "the microphone waits for its key", func(s session.Snapshot) bool {
		return s.Mic.State == media.Running &&
			s.Mic.Closed
	})
	key := func(what string) {
		if out, err := m.desktop.Command(t.Context(), "xdotool", what, "ctrl+F8").CombinedOutput(); err != nil {
			t.Fatalf("xdotool: %v: %s", err, out)
		}
	}
	key("keydown")
	since := r.until(t, "it is open", func(s session.Snapshot) bool { return !s.Mic.Closed }).BufferedSeconds
	r.until(t, "it stays open while the key is held", func(s session.Snapshot) bool {
		if s.Mic.Closed {
			t.Fatal("the repeat of a held key closed the microphone")
		}
		return s.BufferedSeconds > since+1.5
	})
	key("keyup")
	r.until(t, "it is closed again", func(s session.Snapshot) bool { return s.Mic.Closed })
	for _, muted := range []bool{true, false} {
		if err := m.desktop.Press(t.Context(), "ctrl+F7"); err != nil {
			t.Fatal(err)
		}
		since := r.until(t, "the mute key mutes and unmutes",
			func(s session.Snapshot) bool { return s.Mic.Muted == muted }).BufferedSeconds
		r.until(t, "a hand needs a moment between two presses",
			func(s session.Snapshot) bool { return s.BufferedSeconds > since+0.3 })
	}
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
	if err := xproto.GrabKeyChecked(x, false, root, xproto.ModMask1, code, xproto.GrabModeAsync,
		xproto.GrabModeAsync).Check(); err != nil {
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
	require.Eventually(t, windows, 30*time.Second, 50*time.Millisecond,
		"a second start did not show the window of the first")
	r.call(t, control.Request{Command: control.Quit}, nil)
	r.wait(t)
}

func testWrongBackend(t *testing.T, m *machine) {
	r := m.start(t, t.TempDir(), "HINDSIGHT_SHARING_BACKEND_URL=http://127.0.0.1:1", "HINDSIGHT_SHARING_ROOM=room",
		"HINDSIGHT_TOKEN=x")
	r.until(t, "the replay runs", buffering)
	err := control.Call(t.Context(), filepath.Join(r.dir, "run"), control.Request{Command: control.Share, On: true}, nil)
	require.ErrorContains(t, err, "127.0.0.1:1")
	s := r.until(t, "the failure is told", func(s session.Snapshot) bool { return s.Share.State == "failed" })
	if s.State != session.Buffering || !strings.Contains(s.Share.Error, "127.0.0.1:1") || len(s.Problems) != 1 {
		t.Errorf("the state is %s, it says %q in %q", s.State, s.Share.Error, s.Problems)
	}
	r.call(t, control.Request{Command: control.Save}, nil)
	r.saved(t, 1)
	r.call(t, control.Request{Command: control.Share}, nil)
	r.until(t, "all is well again", func(s session.Snapshot) bool {
		return s.Share.State == "off" &&
			len(s.Problems) == 0
	})
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
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0], "Frame rate (FPS)") ||
		!strings.Contains(s.Problems[0], "165 or 240") {
		t.Errorf("it says %q", s.Problems)
	}
	if s.FrameRate != 30 || s.ReplaySeconds != 33 {
		t.Errorf("it runs at %d frames a second and keeps %v s", s.FrameRate, s.ReplaySeconds)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != text {
		t.Errorf("the file was changed: %q, %v", now, err)
	}
}

func testKilled(t *testing.T, m *machine) {
	dir := t.TempDir()
	r := m.start(t, dir)
	kept := r.until(t, "there is something to lose",
		func(s session.Snapshot) bool { return s.BufferedSeconds > 4 }).BufferedSeconds
	r.call(t, control.Request{Command: control.Mark, Text: "before the crash"}, nil)
	r.until(t, "what is marked is kept", func(s session.Snapshot) bool { return s.BufferedSeconds > kept+2 })
	if err := r.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.wait(t)
	r = m.start(t, dir)
	var found []clip.Clip
	require.Eventually(t, func() bool {
		var err error
		found, err = clip.List(filepath.Join(dir, "clips"))
		return err != nil || len(found) > 0
	}, 60*time.Second, 50*time.Millisecond, "the next start saves nothing")
	if len(found) != 1 || !strings.HasSuffix(found[0].Path, " recovered.mp4") || found[0].Seconds < kept-1 {
		t.Errorf("%.1f s were kept; the next start saves %+v", kept, found)
	}
	hasChapter(t, found[0].Path, "before the crash")
	r.until(t, "the replay runs again", buffering)
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
	if !strings.Contains(text, "no X display responds") || strings.Contains(text, "goroutine") ||
		strings.Contains(text, "\n") {
		t.Errorf("without a display it says %q", text)
	}
}
