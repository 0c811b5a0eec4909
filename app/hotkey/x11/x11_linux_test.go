package x11

import (
	"bufio"
	"context"
	"log/slog"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
)

// keyboard is a virtual display with a program that shows which keys reach it.
type keyboard struct {
	t       *testing.T
	desktop *stack.Desktop
	seen    chan string // "press w", "release w"
}

// startKeyboard starts a display and xev, whose window has the focus: without a window manager the pointer gives it.
func startKeyboard(t *testing.T) *keyboard {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d, err := stack.StartDesktop(ctx, t.TempDir(), stack.DesktopOptions{Width: 640, Height: 480})
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	t.Setenv("DISPLAY", d.Display)
	k := &keyboard{t: t, desktop: d, seen: make(chan string, 4096)}
	k.run("setxkbmap", "us")
	xev := d.Command(t.Context(), "stdbuf", "-oL", "xev", "-geometry", "640x480+0+0", "-event", "keyboard")
	out, err := xev.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, xev.Start())
	t.Cleanup(func() { _ = xev.Process.Kill(); _ = xev.Wait() })
	go k.listen(bufio.NewScanner(out))
	require.Eventually(t, func() bool {
		return exec.Command("xdotool", "search", "--onlyvisible", "--name", "Event Tester").Run() == nil
	}, 20*time.Second, 50*time.Millisecond)
	k.run("xdotool", "mousemove", "100", "100")
	k.run("xdotool", "key", "z")
	k.reaches("release z")
	return k
}

func (k *keyboard) listen(lines *bufio.Scanner) {
	name := regexp.MustCompile(`keysym 0x[0-9a-f]+, (\w+)\)`)
	what := ""
	for lines.Scan() {
		line := lines.Text()
		if head, _, ok := strings.Cut(line, " event,"); ok {
			what = map[string]string{"KeyPress": "press ", "KeyRelease": "release "}[head]
		}
		if m := name.FindStringSubmatch(line); m != nil && what != "" {
			k.seen <- what + m[1]
		}
	}
}

func (k *keyboard) run(name string, args ...string) {
	k.t.Helper()
	out, err := k.desktop.Command(k.t.Context(), name, args...).CombinedOutput()
	require.NoError(k.t, err, "%s %v: %s", name, args, out)
}

// reaches waits until the program saw a key, and returns what it saw before.
func (k *keyboard) reaches(want string) (before []string) {
	k.t.Helper()
	wait.First(k.t, k.seen, 20*time.Second, "the key "+want, func(got string) bool {
		if got != want {
			before = append(before, got)
		}
		return got == want
	})
	return before
}

// bind takes a combination and returns what it does as "down" and "up".
func (k *keyboard) bind(b *Binder, keys string) (<-chan string, error) {
	k.t.Helper()
	did := make(chan string, 256)
	bd, err := b.Bind("name", "purpose", combo(k.t, keys),
		hotkey.Handler{Down: func() { did <- "down" }, Up: func() { did <- "up" }})
	if bd != nil {
		k.t.Cleanup(func() { require.NoError(k.t, bd.Close()) })
	}
	return did, err
}

func (k *keyboard) next(did <-chan string, want string) {
	k.t.Helper()
	require.Equal(k.t, want, wait.For(k.t, did, 20*time.Second, "the hotkey's "+want))
}

func combo(t *testing.T, keys string) hotkey.Combo {
	t.Helper()
	c, err := hotkey.ParseTalk(keys)
	require.NoError(t, err)
	return c
}

func newBinder(t *testing.T) *Binder {
	b := New()
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// A key that the layout does not have is refused, and no other key is taken for it.
func TestKeyThatTheLayoutLacks(t *testing.T) {
	k := startKeyboard(t)
	k.run("xmodmap", "-e", "keycode 74 = NoSymbol") // F8
	b := newBinder(t)
	did, err := k.bind(b, "F8")
	require.ErrorContains(t, err, "layout has no key F8")
	require.ErrorIs(t, err, hotkey.ErrNoKey)
	require.ErrorIs(t, b.Probe(combo(t, "F8")), hotkey.ErrNoKey)
	k.run("xdotool", "key", "x")
	k.reaches("release x")
	require.Empty(t, did)
	k.run("xmodmap", "-e", "keycode 74 = F8") // the key is there after all
	k.run("xdotool", "key", "x")
	require.Eventually(t, func() bool { return b.Probe(combo(t, "F8")) == nil }, 20*time.Second, 10*time.Millisecond)
	k.run("xdotool", "key", "74")
	k.next(did, "down")
	k.next(did, "up")
}

// A held hotkey is one press and one release, and other keys keep working in the meantime.
func TestOtherKeysWhileAHotkeyIsHeld(t *testing.T) {
	k := startKeyboard(t)
	did, err := k.bind(newBinder(t), "F8")
	require.NoError(t, err)
	k.run("xset", "r", "rate", "150", "100")
	k.run("xdotool", "keydown", "w")
	k.reaches("press w")
	k.run("xdotool", "keydown", "F8")
	k.next(did, "down")
	for range 20 { // long enough for many repeats
		k.run("xdotool", "key", "x")
		k.reaches("release x")
	}
	k.run("xdotool", "keyup", "w")
	for _, other := range k.reaches("release w") {
		require.NotEqual(t, "press F8", other)
	}
	require.Empty(t, did)
	k.run("xdotool", "keyup", "F8")
	k.next(did, "up")
	k.run("xdotool", "key", "F8")
	k.next(did, "down")
	k.next(did, "up")
}

// Hotkeys follow the layout.
func TestHotkeysFollowTheLayout(t *testing.T) {
	k := startKeyboard(t)
	b := newBinder(t)
	did, err := k.bind(b, "Ctrl+Shift+S")
	require.NoError(t, err)
	us, err := readKeymap(b.conn)
	require.NoError(t, err)
	before, err := us.find("S")
	require.NoError(t, err)
	k.run("setxkbmap", "dvorak")
	require.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		for s := range b.grabs {
			if s.code == byte(before[0]) {
				return false
			}
		}
		return len(b.grabs) > 0
	}, 20*time.Second, 10*time.Millisecond)
	k.run("xdotool", "key", "ctrl+shift+o")
	k.reaches("release o")
	require.Empty(t, did)
	k.run("xdotool", "key", "ctrl+shift+s")
	k.next(did, "down")
	k.next(did, "up")
}

// A layout that lacks the key is reported in the hotkey's state, and so is one that has it again.
func TestALayoutThatLosesAHotkey(t *testing.T) {
	k := startKeyboard(t)
	m := hotkey.NewManager(New(), slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = m.Close() })
	pressed := make(chan struct{}, 4)
	states := m.Set([]hotkey.Want{
		{Name: "save", Keys: "Alt+F10", Press: func() {}},
		{Name: "share", Keys: "Alt+F8", Press: func() { pressed <- struct{}{} }},
	})
	require.True(t, states[0].Active && states[1].Active, "%+v", states)
	for _, sym := range []string{"NoSymbol", "F8"} {
		k.run("xmodmap", "-e", "keycode 74 = "+sym)
		has := sym == "F8"
		require.Eventually(t, func() bool { return m.States()[1].Active == has }, 20*time.Second, 10*time.Millisecond)
		states = m.States()
		require.True(t, states[0].Active)
		require.Equal(t, has, states[1].Error == "")
		require.Equal(t, !has, states[1].Missing)
		require.True(t, has || strings.Contains(states[1].Error, "layout has no key F8"), states[1].Error)
		require.Eventually(t, func() bool {
			select {
			case <-m.Changed():
				return true
			default:
				return false
			}
		}, 20*time.Second, 10*time.Millisecond, "nobody is told")
	}
	k.run("xdotool", "key", "alt+F8")
	require.Eventually(t, func() bool { return len(pressed) == 1 }, 20*time.Second, 10*time.Millisecond)
}

// A combination of another program is refused; a Shift that is held for another reason does not hide the press.
func TestTakenAndHeldForms(t *testing.T) {
	k := startKeyboard(t)
	did, err := k.bind(newBinder(t), "Alt+F10")
	require.NoError(t, err)
	_, err = k.bind(newBinder(t), "Alt+F10")
	require.ErrorIs(t, err, hotkey.ErrTaken)
	k.run("xdotool", "key", "shift+alt+F10")
	k.next(did, "down")
	k.next(did, "up")
}

// A machine that is busy can leave the program no time between two presses: here the server lets it wait while
// the key comes up and goes down again. Both count, and the repeats of a held key still do not.
func TestPressesWhileNobodyCanLook(t *testing.T) {
	k := startKeyboard(t)
	b := newBinder(t)
	did, err := k.bind(b, "F8")
	require.NoError(t, err)
	other, err := k.bind(b, "Alt+F9")
	require.NoError(t, err)
	conn, err := xgb.NewConnDisplay(k.desktop.Display)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	require.NoError(t, xtest.Init(conn))
	const f8, alt, f9 = 74, 64, 75
	fake := func(kind, code byte, after time.Duration) {
		t.Helper()
		require.NoError(t, xtest.FakeInputChecked(conn, kind, code, uint32(after.Milliseconds()), 0, 0, 0, 0).Check())
	}
	const press, release = xproto.KeyPress, xproto.KeyRelease
	k.run("xset", "r", "rate", "1500", "50") // a busy machine has a second for what follows
	fake(press, f8, 0)
	k.next(did, "down")
	grab := func(inside func()) {
		t.Helper()
		require.NoError(t, xproto.GrabServerChecked(conn).Check())
		inside()
		require.NoError(t, xproto.UngrabServerChecked(conn).Check())
	}
	grab(func() {
		fake(release, f8, 3*blind)
		fake(press, f8, 0)
	})
	k.next(did, "up")
	k.next(did, "down")
	grab(func() {
		fake(release, alt, 4*time.Second) // of a key that is not down: it only takes its time
	})
	require.Empty(t, did, "repeats count as presses")
	fake(release, f8, 0)
	k.next(did, "up")
	fake(press, alt, 0)
	fake(press, f9, 0)
	k.next(other, "down")
	grab(func() {
		fake(release, f9, 3*blind)
		fake(press, f9, 0)
		fake(release, f9, 0)
		fake(release, alt, 0)
	})
	for _, want := range []string{"up", "down", "up"} {
		k.next(other, want)
	}
	require.Empty(t, did)
}

// A press right after the key was seen to come up is one, although the hotkey counts as held for one more moment; a
// repeat is none.
func TestPressWhileTheKeyIsLookedAt(t *testing.T) {
	s := spot{code: 74}
	for _, early := range []bool{true, false} {
		bd := &binding{presses: make(chan spot, 16), delay: time.Second}
		require.True(t, bd.isNew(s, 1000))
		require.True(t, bd.still(time.Now(), true))
		asked := time.Now()
		at := xproto.Timestamp(1030)
		if !early {
			at = 2500
		}
		require.False(t, bd.isNew(s, at))
		require.False(t, bd.still(asked, false))
		require.Equal(t, early, len(bd.presses) == 1)
		require.Equal(t, early, bd.held)
	}
}

// How long a key is held before it repeats is what the user set.
func TestRepeatDelay(t *testing.T) {
	k := startKeyboard(t)
	r := openRepeat()
	require.NotNil(t, r)
	t.Cleanup(r.close)
	for _, ms := range []string{"150", "660"} {
		k.run("xset", "r", "rate", ms, "25")
		require.Equal(t, ms+"ms", r.delay().String())
	}
	require.Zero(t, (*repeat)(nil).delay())
}
