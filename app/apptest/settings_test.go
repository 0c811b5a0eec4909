package apptest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// buildCtl makes hindsightctl, as it is shipped.
func buildCtl(t *testing.T, ctx context.Context) string {
	t.Helper()
	root, err := stack.ModuleRoot(ctx)
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "hindsightctl")
	c := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/hindsightctl")
	c.Dir, c.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// Everything is changed from the command line, before the program runs, while it runs and after.
func testCommandLine(t *testing.T, m *machine) {
	ctl, dir := buildCtl(t, t.Context()), t.TempDir()
	more := []string{"XDG_CONFIG_HOME=" + filepath.Join(dir, "xdg")}
	run := func(code int, line string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), ctl, strings.Fields(line)...)
		c.Env = append(os.Environ(), m.env(dir, more...)...)
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		require.True(t, err == nil || errors.As(err, &exit), "%s: %v", line, err)
		require.Equal(t, code, c.ProcessState.ExitCode(), "%s: %s", line, out)
		return string(out)
	}
	entry := filepath.Join(dir, "xdg", "autostart", "app.hindsight.Hindsight.desktop")
	run(3, "save 5")
	require.Contains(t, run(0, "settings set replay.seconds 45 sound.microphone.gain_db -3"), "not running")
	run(0, "settings set app.start_at_login true app.first_run_done true")
	require.NoError(t, os.Remove(entry))
	r := m.start(t, dir, more...)
	s := r.until(t, "the replay runs", buffering)
	require.InDelta(t, 45, s.ReplaySeconds, 0)
	require.Equal(t, "-3\n", run(0, "settings get sound.microphone.gain_db"))

	require.Contains(t, run(0, "settings set video.height 480 replay.seconds 50"), "in use")
	r.until(t, "the new size is captured", func(s session.Snapshot) bool {
		return s.Height == 480 && s.ReplaySeconds == 50
	})
	require.Contains(t, run(2, "settings set replay.seconds 55 video.frame_rate 25"), "165 or 240")
	require.Contains(t, run(2, "settings set video.source.kind monitor"), "video.source.kind")
	require.Equal(t, "50\n", run(0, "settings get replay.seconds"))
	require.Contains(t, run(0, "settings list --json"), `"key": "app.start_at_login"`)
	said := run(1, "settings set video.encoder nosuchenc sound.microphone.device gone clips.poster true")
	require.Contains(t, said, "video.encoder was not changed: ")
	require.Contains(t, said, "sound.microphone.device was not changed: ")
	require.Contains(t, said, "clips.poster is in use.")
	require.Equal(t, "\n", run(0, "settings get video.encoder"))
	require.Equal(t, "\n", run(0, "settings get sound.microphone.device"))
	require.Contains(t, run(1, "settings set video.encoder nosuchenc --json"), `"state": "refused"`)
	require.Empty(t, r.until(t, "it goes on", buffering).Problems)

	require.Eventually(t, func() bool { _, err := os.Stat(entry); return err == nil }, 20*time.Second, 20*time.Millisecond,
		"a start puts the file where the settings want it")
	run(0, "settings set app.start_at_login false")
	require.NoFileExists(t, entry)
	run(0, "settings set app.start_at_login true")
	require.FileExists(t, entry)
	run(0, "settings set app.start_at_login false")
	require.NoFileExists(t, entry)
	run(0, "replay toggle")
	r.until(t, "the replay is off", func(s session.Snapshot) bool { return !s.ReplayOn && s.State == session.Idle })
	run(0, "replay toggle")
	r.until(t, "the replay is on again", buffering)
	require.Contains(t, run(0, "save 5"), filepath.Join(dir, "clips"))
	require.Contains(t, run(1, "share toggle"), "server")

	r.call(t, control.Request{Command: control.Quit}, nil)
	r.wait(t)
	_, cfg, problems := config.Open(filepath.Join(dir, "settings"))
	require.Empty(t, problems)
	require.Equal(t, []int{480, 50}, []int{cfg.Video.Height, cfg.Replay.Seconds})
}
