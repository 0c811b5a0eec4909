package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
)

// shell runs the program in a home of its own, where no Hindsight runs and no keyring is.
type shell struct {
	program, dir string
}

func newShell(t *testing.T) shell {
	t.Helper()
	program := filepath.Join(built, "hindsightctl")
	require.FileExists(t, program)
	return shell{program, t.TempDir()}
}

func (s shell) run(t *testing.T, input string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), s.program, args...)
	c.Env = []string{
		"HOME=" + s.dir, "XDG_CONFIG_HOME=" + s.dir, "XDG_RUNTIME_DIR=" + s.dir, "PATH=" + os.Getenv("PATH"),
		"HINDSIGHT_RUNTIME_DIR=" + s.file("run"), "HINDSIGHT_CONFIG_DIR=" + s.file("settings"),
	}
	c.Stdin = strings.NewReader(input)
	var out, err bytes.Buffer
	c.Stdout, c.Stderr = &out, &err
	_ = c.Run()
	return c.ProcessState.ExitCode(), out.String(), err.String()
}

// line runs a command without input, and returns all that it says.
func (s shell) line(t *testing.T, line string) (code int, says string) {
	t.Helper()
	code, stdout, stderr := s.run(t, "", strings.Fields(line)...)
	return code, stdout + stderr
}

func (s shell) file(name string) string { return filepath.Join(s.dir, name) }

func TestSettingsOfAHindsightThatIsNotRunning(t *testing.T) {
	s := newShell(t)
	ok := func(want string, args ...string) {
		t.Helper()
		code, out, err := s.run(t, "", args...)
		require.Zero(t, code, "%v: %s", args, err)
		require.Contains(t, out, want, "%v", args)
	}
	ok("video.frame_rate 30\n    30, 60, 90, 120, 144, 165 or 240; frames a second, at most the screen's\n", "settings",
		"list")
	ok("resolution in rows; 0 is native", "settings", "list")
	ok("Hindsight is not running", "settings", "set", "video.frame_rate", "60", "sound.microphone.gain_db", "-4.5")
	ok("60\n", "settings", "get", "video.frame_rate")
	ok("-4.5\n", "settings", "get", "sound.microphone.gain_db")
	ok(`"in_use": false`, "settings", "set", "sound.microphone.gain_db", "-6", "--json")
	// These three are only right together.
	ok("Saved", "settings", "set", "video.source.kind", "area", "video.source.width", "640", "video.source.height", "480")
	ok("", "settings", "set", "hotkeys.saves", `[{"keys":"Alt+F11","seconds":30}]`)
	ok(`"keys": "Alt+F11"`, "settings", "get", "hotkeys.saves", "--json")
	_, cfg, problems := config.Open(s.file("settings"))
	require.Empty(t, problems)
	require.Equal(t, 60, cfg.Video.FrameRate)
	require.InDelta(t, -6, cfg.Sound.Microphone.GainDB, 0)
	require.Equal(t, []config.SaveKey{{Keys: "Alt+F11", Seconds: 30}}, cfg.Hotkeys.Saves)

	before, err := os.ReadFile(s.file("settings/config.toml"))
	require.NoError(t, err)
	for _, c := range []struct{ says, line string }{
		{"165 or 240", "set video.frame_rate 25"}, {"-60 to 20", "set sound.microphone.gain_db NaN"},
		{"5 to 1200", "set replay.seconds -1"}, {"video.frame_rate", "set video.framerate 30"},
		{"video.frame_rate", "get video.framerate"}, {"names no monitor", "set video.source.kind monitor"},
		{"different from", "set hotkeys.mute Alt+F9"}, {"KEY VALUE", "set app.theme"},
		{"replay.folder", "set replay.folder /proc/no/folder"}, {"set-token", "set sharing.token secret"},
		{"165 or 240", "set app.theme dark video.frame_rate 25"}, {"unexpected", "set-token secret"},
	} {
		code, out, said := s.run(t, "", append([]string{"settings"}, strings.Fields(c.line)...)...)
		require.Equal(t, 2, code, "%s: %s", c.line, said)
		require.Empty(t, out, c.line)
		require.Contains(t, said, c.says, c.line)
		code, out, said = s.run(t, "", append([]string{"settings", "--json"}, strings.Fields(c.line)...)...)
		require.Equal(t, 2, code, c.line)
		require.Empty(t, said, c.line)
		var answer struct {
			OK    bool
			Error string
		}
		require.NoError(t, json.Unmarshal([]byte(out), &answer), "%s: %s", c.line, out)
		require.False(t, answer.OK)
		require.Contains(t, answer.Error, c.says, c.line)
	}
	after, err := os.ReadFile(s.file("settings/config.toml"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

// Of twenty that change settings at once, none undoes another's, also where some write the file for the first time.
func TestTwentyChangesAtOnce(t *testing.T) {
	s := newShell(t)
	want := map[string]string{
		"sound.desktop.enabled": "false", "sound.desktop.gain_db": "-3", "sound.microphone.muted": "true",
		"sound.separate_tracks": "true", "sound.suppress_noise": "true", "video.frame_rate": "60", "video.height": "720",
		"video.quality": "quality", "video.bitrate_kbps": "9000", "video.cursor": "false", "replay.seconds": "90",
		"replay.when_locked": "record", "clips.poster": "true", "clips.quota_gb": "7", "clips.screenshot": "jpeg",
		"sharing.room": "studio", "hotkeys.mark": "Ctrl+F5", "app.notifications": "false", "app.save_sound": "true",
		"app.theme": "dark",
	}
	require.Len(t, want, 20)
	var all sync.WaitGroup
	for key, value := range want {
		all.Go(func() {
			code, _, said := s.run(t, "", "settings", "set", key, value)
			assert.Zero(t, code, "%s: %s", key, said)
		})
	}
	all.Wait()
	_, cfg, problems := config.Open(s.file("settings"))
	require.Empty(t, problems)
	for key, value := range want {
		got, err := cfg.Setting(key)
		require.NoError(t, err)
		require.Equal(t, value, got.Text(), key)
	}
}

// What other programs and the system say does not reach people as it is.
func TestErrorsOfTheSystemAreInPlainWords(t *testing.T) {
	s := newShell(t)
	for _, args := range [][]string{{"devices"}, {"devices", "--json"}, {"doctor"}, {"doctor", "--json"}} {
		code, out, said := s.run(t, "", args...)
		require.Equal(t, 1, code, args)
		require.Contains(t, out+said, "o sound server responds; start PulseAudio or PipeWire", args)
		require.NotRegexp(t, `dial|connect:|no such file`, out+said, args)
	}
}

func TestStartAtLoginFromTheCommandLine(t *testing.T) {
	s := newShell(t)
	entry := s.file("autostart/app.hindsight.Hindsight.desktop")
	set := func(on string) string {
		code, out, err := s.run(t, "", "settings", "set", "app.start_at_login", on)
		require.Zero(t, code, err)
		return out
	}
	set("true")
	require.FileExists(t, entry)
	set("false")
	require.NoFileExists(t, entry)
	require.NoError(t, os.WriteFile(entry, []byte("[Desktop Entry]\nExec=mine\n"), 0o600))
	require.Contains(t, set("true"), "edited by hand")
	require.Contains(t, set("false"), "edited by hand")
	require.FileExists(t, entry)
}

func TestTheTokenIsReadAndNeverPrinted(t *testing.T) {
	s := newShell(t)
	kept := func() string {
		data, err := os.ReadFile(s.file("settings/token"))
		require.NoError(t, err)
		return strings.TrimSpace(string(data))
	}
	code, out, said := s.run(t, "one.two.three\n", "settings", "set-token", "--json")
	require.Zero(t, code, said)
	require.JSONEq(t, `{"ok":true,"in_use":false,"fields":[{"key":"sharing.token","state":"next_start"}]}`, out)
	require.Equal(t, "one.two.three", kept())
	require.NoError(t, os.WriteFile(s.file("given"), []byte("four\n"), 0o600))
	code, _, said = s.run(t, "", "settings", "set-token", "--file", s.file("given"))
	require.Zero(t, code, said)
	require.Equal(t, "four", kept())
	for _, input := range []string{"", "\n", "two words", strings.Repeat("x", 20_000)} {
		code, _, said = s.run(t, input, "settings", "set-token")
		require.Equal(t, 2, code)
		require.Contains(t, said, "token")
		require.NotContains(t, said, "two words")
		require.Equal(t, "four", kept())
	}
	_, out, _ = s.run(t, "", "settings", "list", "--json")
	require.NotContains(t, out, "four")
	code, _, said = s.run(t, "", "settings", "set-token", "--remove")
	require.Zero(t, code, said)
	require.Empty(t, kept())
}

func TestSettingsThatTheRunningHindsightRefuses(t *testing.T) {
	s := newShell(t)
	server, err := control.Listen(s.file("run"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer server.Close()
	server.Serve(func(_ context.Context, r control.Request) (any, error) {
		switch {
		case r.Command == control.List:
			c := config.Defaults()
			c.Video.FrameRate = 60
			return c.Settings(), nil
		case r.Command == control.Token && r.Text == "one.two":
			return nil, nil
		case r.Set[0].Key == "video.encoder":
			p, _ := config.Parse(r.Set)
			answer := p.Result(config.Applied, "")
			answer.Set("video.encoder", config.Refused, "there is no encoder x")
			return control.Answer(answer)
		case r.Set[0].Key == "video.source.kind":
			p, _ := config.Parse(r.Set)
			return control.Answer(p.Check(config.Defaults()))
		}
		p, _ := config.Parse(r.Set)
		return control.Answer(p.Result(config.Applied, map[string]string{"app.theme": "by the way"}[r.Set[0].Key]))
	})
	code, out, _ := s.run(t, "", "settings", "get", "video.frame_rate")
	require.Zero(t, code)
	require.Equal(t, "60\n", out)
	code, out, _ = s.run(t, "", "settings", "set", "app.theme", "dark")
	require.Zero(t, code)
	require.Equal(t, "app.theme is in use: by the way.\n", out)
	code, out, _ = s.run(t, "", "settings", "set", "clips.poster", "true")
	require.Zero(t, code)
	require.Equal(t, "Saved. The new settings are in use.\n", out)
	code, _, _ = s.run(t, "one.two\n", "settings", "set-token")
	require.Zero(t, code)
	code, out, said := s.run(t, "", "settings", "set", "video.encoder", "x", "video.frame_rate", "60")
	require.Equal(t, 1, code)
	require.Contains(t, said, "video.encoder was not changed: there is no encoder x")
	require.Equal(t, "video.frame_rate is in use.\n", out, "each is said once")
	code, out, said = s.run(t, "", "settings", "set", "video.encoder", "x", "video.frame_rate", "60", "--json")
	require.Equal(t, 1, code)
	require.Empty(t, said)
	require.JSONEq(t, `{"ok":false,"in_use":false,"error":"video.encoder was not changed: there is no encoder x","fields":[
		{"key":"video.frame_rate","asked":"60","state":"applied"},
		{"key":"video.encoder","asked":"x","state":"refused","reason":"there is no encoder x"}]}`, out)
	code, _, said = s.run(t, "", "settings", "set", "video.source.kind", "monitor")
	require.Equal(t, 2, code)
	require.Contains(t, said, "video.source.kind is \"monitor\"; it must be screen")
	require.NoDirExists(t, s.file("settings"), "the app writes the file")
}

func TestExitStatusesAreDocumented(t *testing.T) {
	s := newShell(t)
	for _, flag := range []string{"--help", "--help-man"} {
		code, out, _ := s.run(t, "", flag)
		require.Zero(t, code)
		require.Contains(t, strings.Join(strings.Fields(out), " "), "3 when Hindsight is not running", flag)
	}
}

// What the menu entry runs is a command that there is.
func TestTheMenuEntryRunsCommands(t *testing.T) {
	s := newShell(t)
	entry, err := os.ReadFile("../../assets/linux/app.hindsight.Hindsight.desktop")
	require.NoError(t, err)
	found := 0
	for _, line := range strings.Split(string(entry), "\n") {
		args, is := strings.CutPrefix(line, "Exec=hindsightctl ")
		if !is {
			continue
		}
		found++
		code, _, said := s.run(t, "", strings.Fields(args)...)
		require.Equal(t, 3, code, "%s: %s", line, said)
	}
	require.Equal(t, 2, found)
}
