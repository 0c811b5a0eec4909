package apptest_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/media"
)

// testFirstRun starts the program as a new user has it: nothing is captured before Start is chosen.
func testFirstRun(t *testing.T, m *machine) {
	n := serveNotices(t, m.desktop)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	recording := func() []string {
		c := m.desktop.Command(ctx, "pactl", "list", "short", "source-outputs")
		c.Env = append(c.Env, m.sound.Env...)
		out, err := c.Output()
		require.NoError(t, err)
		return slices.DeleteFunc(strings.Split(strings.TrimSpace(string(out)), "\n"), func(line string) bool {
			return line == "" || strings.Contains(line, "module-") // the sound server's own, which makes the microphone
		})
	}
	dir := t.TempDir()
	r := m.startAs(t, dir, func(session.Snapshot) error { return nil })
	nothing := func(when string) {
		t.Helper()
		s, err := r.status(ctx)
		require.NoError(t, err)
		require.Equal(t, session.Idle, s.State, when)
		require.Equal(t, []media.SourceState{media.Off, media.Off, media.Off},
			[]media.SourceState{s.Screen.State, s.Desktop.State, s.Mic.State}, when)
		require.Zero(t, s.Frames, when)
		require.Empty(t, s.Encoder, when)
		require.True(t, s.LastSave == nil || s.LastSave.Clip == nil, when)
		require.Empty(t, recording(), when)
		require.NoDirExists(t, filepath.Join(dir, "clips"), when)
	}
	hint := n.next(t)
	require.Contains(t, hint.title, "isn't set up yet")
	require.NoError(t, m.desktop.Press(ctx, "alt+F10"))
	nothing("before the card")
	err := control.Call(ctx, filepath.Join(dir, "run"), control.Request{Command: control.Save}, nil)
	require.ErrorContains(t, err, "isn't set up yet")
	err = control.Call(ctx, filepath.Join(dir, "run"), control.Request{Command: control.Record, On: true}, nil)
	require.ErrorContains(t, err, "hindsightctl replay on")

	tray, err := m.desktop.OpenTray(ctx, r.PID())
	require.NoError(t, err)
	defer tray.Close()
	labels, err := tray.Labels(ctx)
	require.NoError(t, err)
	require.NotContains(t, labels, "Turn replay buffer on")
	require.NoError(t, tray.Click(ctx, "Set up Hindsight…"))
	require.NoError(t, m.desktop.Command(ctx, "xdotool", "search", "--sync", "--onlyvisible", "--name", "^Hindsight$",
		"windowactivate", "--sync").Run())
	nothing("while the card is shown")
	started := func() bool { // Start is the last of what has the keyboard; the window may still be drawing itself
		require.NoError(t, m.desktop.Command(ctx, "xdotool", "key", "shift+Tab", "key", "space").Run())
		s, err := r.status(ctx)
		return err == nil && s.ReplayOn
	}
	require.Eventually(t, started, 30*time.Second, time.Second, "Start starts nothing")
	r.until(t, "the buffer fills", buffering)
	require.NotEmpty(t, recording())
	r.until(t, "the key is taken", func(s session.Snapshot) bool { return len(s.Hotkeys) > 0 && s.Hotkeys[0].Active })
	require.NoError(t, m.desktop.Press(ctx, "alt+F10"))
	path := r.saved(t, 2) // the first was refused above
	require.FileExists(t, path)
	text, err := os.ReadFile(filepath.Join(dir, "settings", "config.toml"))
	require.NoError(t, err)
	require.Contains(t, string(text), "first_run_done = true")
	r.call(t, control.Request{Command: control.Quit}, nil)
	r.wait(t)
	r = m.startAs(t, dir, func(session.Snapshot) error { return nil }) // it asks once
	r.until(t, "it runs at once", buffering)
	r.call(t, control.Request{Command: control.Quit}, nil)
	r.wait(t)

	dir = t.TempDir() // the command line is an answer as well
	r = m.startAs(t, dir, func(session.Snapshot) error { return nil })
	nothing("before the command")
	r.call(t, control.Request{Command: control.Replay, On: true}, nil)
	r.until(t, "it runs", buffering)
}
