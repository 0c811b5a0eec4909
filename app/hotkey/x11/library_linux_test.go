package x11

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// library runs golang.design/x/hotkey on the display, in a program of its own: it ends a program without a display
// before its main function. It returns what happens to the hotkey.
func (k *keyboard) library(program, keysym, mods string) <-chan string {
	k.t.Helper()
	c := k.desktop.Command(k.t.Context(), program, keysym, mods)
	out, err := c.StdoutPipe()
	require.NoError(k.t, err)
	require.NoError(k.t, c.Start())
	did := make(chan string, 256)
	read := make(chan struct{})
	k.t.Cleanup(func() { _ = c.Process.Kill(); <-read; _ = c.Wait() })
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			did <- lines.Text()
		}
	}()
	k.next(did, "bound")
	return did
}

// Why golang.design/x/hotkey takes no hotkeys on X11: whatever the key, it has these faults. Where one of them is
// gone from a new version, this fails, and doc.go and CONTRIBUTING.md are to be thought over.
func TestWhyTheLibraryIsNotUsedOnX11(t *testing.T) {
	program := filepath.Join(t.TempDir(), "xhotkey")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./testdata/xhotkey")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	const f8, f13, s, playPause, ctrlShift = "0xffc5", "0xffca", "0x73", "0x1008ff14", "5"

	t.Run("it holds the whole keyboard while a key is down", func(t *testing.T) {
		for _, key := range []struct{ keysym, code string }{{f8, "74"}, {playPause, "172"}} {
			k := startKeyboard(t)
			did := k.library(program, key.keysym, "0")
			k.run("xset", "r", "off")
			k.run("xdotool", "keydown", "w")
			k.reaches("press w")
			k.run("xdotool", "keydown", key.code)
			k.next(did, "down")
			k.run("xdotool", "key", "x", "keyup", "w", "keyup", key.code, "key", "y")
			seen := k.reaches("release y")
			require.NotContains(t, seen, "release w", "a key that was held before seems stuck")
			require.NotContains(t, seen, "press x", "another key is lost")
			require.Greater(t, len(did), 1, "and is reported as the hotkey's own")
		}
	})
	t.Run("it reports other keys when no window takes them", func(t *testing.T) {
		k := startKeyboard(t)
		did := k.library(program, f8, "0")
		k.run("xdotool", "search", "--onlyvisible", "--name", "Event Tester", "windowunmap", "--sync")
		k.run("xdotool", "key", "x")
		k.next(did, "down") // a microphone would open
	})
	t.Run("it takes every key when the layout lacks its own", func(t *testing.T) {
		k := startKeyboard(t)
		did := k.library(program, f13, "0")
		k.run("xdotool", "key", "x")
		k.next(did, "down")
	})
	t.Run("it does not follow the layout", func(t *testing.T) {
		k := startKeyboard(t)
		did := k.library(program, s, ctrlShift)
		k.run("setxkbmap", "dvorak")
		k.run("xdotool", "key", "ctrl+shift+s")
		require.NotEmpty(t, k.reaches("release s"), "the window gets it")
		require.Empty(t, did)
		k.run("xdotool", "key", "ctrl+shift+39") // where S was
		k.next(did, "down")
	})
	t.Run("it ends the program where there is no display", func(t *testing.T) {
		c := exec.CommandContext(t.Context(), program, f8, "0")
		c.Env = append(os.Environ(), "DISPLAY=:987654")
		c.WaitDelay = time.Second
		out, err := c.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "panic: Failed to initialize the X11 display")
	})
}
