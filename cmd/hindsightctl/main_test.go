package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// built is the folder of hindsightctl, which TestMain builds without cgo, as it is shipped.
var built string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if built, err = os.MkdirTemp("", "hindsightctl"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(built)
		c := exec.Command("go", "build", "-o", built, ".")
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("it does not build: %v\n%s", err, out))
		}
		return m.Run()
	}())
}

// program is the path of hindsightctl.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(built, "hindsightctl")
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// answer plays the app on a real socket.
func answer(_ context.Context, r control.Request) (any, error) {
	switch {
	case r.Command == control.Status:
		return session.Snapshot{State: session.Live, BufferedSeconds: 12, ReplaySeconds: 60,
			Share: session.ShareStatus{State: "live", Room: "studio"}, Problems: []string{"The microphone was unplugged."}}, nil
	case r.Command == control.Save && r.Seconds == 30:
		return session.SaveRecord{ID: 1, Local: "saved", Clip: &clip.Clip{Path: "/clips/one.mp4", Seconds: 30}}, nil
	case r.Command == control.Mute && r.Toggle && r.Source == "desktop", r.Command == control.Talk && r.On:
		return nil, nil
	case r.Toggle && (r.Command == control.Share || r.Command == control.Replay):
		return nil, nil
	case r.Command == control.Share && r.On, r.Command == control.Replay && !r.On, r.Command == control.Mute &&
		r.Source == "mic" && r.On:
		return nil, nil
	}
	switch {
	case r.Command == control.Save && r.All && r.After == 5:
		return session.SaveRecord{ID: 2, Local: "saved", Clip: &clip.Clip{Path: "/clips/all.mp4"}}, nil
	case r.Command == control.Record && (r.On || r.Toggle), r.Command == control.Mark && r.Text == "a fine goal":
		return nil, nil
	case r.Command == control.Shot:
		return control.ShotAnswer{Path: "/clips/one.png"}, nil
	case r.Command == control.Show && (r.Text == "" || r.Text == "settings/audio"):
		return control.ShowAnswer{Page: "settings/audio"}, nil
	}
	return nil, errors.New("the disk is full")
}

func TestCommands(t *testing.T) {
	path, dir := program(t), t.TempDir()
	run := filepath.Join(dir, "run")
	server, err := control.Listen(run, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.Serve(answer)
	for line, c := range map[string]struct {
		fails bool
		says  string
	}{
		"status":                   {false, "sharing    live in studio"},
		"status --json":            {false, `"buffered_seconds": 12`},
		"save --seconds 30":        {false, "/clips/one.mp4\n"},
		"save 30":                  {false, "/clips/one.mp4\n"},
		"save 30 --json":           {false, "/clips/one.mp4"},
		"save 30 --all":            {true, "once"},
		"save 0x":                  {true, "seconds"},
		"save -5":                  {true, "more than 0"},
		"save -5 --json":           {true, "more than 0"},
		"replay toggle":            {false, ""},
		"talk toggle":              {true, "on"},
		"save":                     {true, "hindsightctl: the disk is full\n"},
		"save --json":              {true, `"error": "the disk is full"`},
		"save --seconds=-1":        {true, "more than 0"},
		"share on":                 {false, ""},
		"share off":                {true, "the disk is full"},
		"share toggle":             {false, ""},
		"replay off":               {false, ""},
		"mute mic":                 {false, ""},
		"mute mic on":              {false, ""},
		"mute mic off":             {true, "the disk is full"},
		"mute desktop toggle":      {false, ""},
		"talk on":                  {false, ""},
		"talk off":                 {true, "the disk is full"},
		"mute tuba":                {true, "mic"},
		"save --all --after 5":     {false, "/clips/all.mp4\n"},
		"save --all --seconds 5":   {true, "--all"},
		"save --after=-1":          {true, "0 or more"},
		"record on":                {false, ""},
		"record":                   {false, ""},
		"record off":               {true, "the disk is full"},
		"mark a fine goal":         {false, ""},
		"mark":                     {true, "the disk is full"},
		"screenshot":               {false, "/clips/one.png\n"},
		"screenshot --json":        {false, `"path": "/clips/one.png"`},
		"star /nowhere/at/all.mp4": {true, "/nowhere/at/all.mp4"},
		"star main_test.go":        {true, "only clips that Hindsight made"},
		"share perhaps":            {true, "on"},
		"show":                     {false, ""},
		"show settings/audio":      {false, ""},
		"show --json":              {false, `"page": "settings/audio"`},
		"show log":                 {true, "the disk is full"},
		"dance":                    {true, "dance"},
		"clips --json":             {false, "[]"},
		"clips":                    {false, "No clips in "},
	} {
		t.Run(line, func(t *testing.T) {
			out, err := ctl(t, path, dir, run, line)
			var exit *exec.ExitError
			if failed := errors.As(err, &exit); failed != c.fails || !strings.Contains(out, c.says) {
				t.Errorf("failed: %v, and it says %q; want %v and %q in it", failed, out, c.fails, c.says)
			}
			if strings.Contains(line, "--json") && !json.Valid([]byte(out)) {
				t.Errorf("not JSON: %q", out)
			}
		})
	}
}

func TestNotRunningHasAnExitStatus(t *testing.T) {
	path, dir := program(t), t.TempDir()
	for _, line := range []string{
		"status", "save", "save 30", "share on", "share toggle", "replay off", "mute mic", "show", "quit",
	} {
		out, err := ctl(t, path, dir, filepath.Join(dir, "run"), line)
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 ||
			out != "hindsightctl: hindsight is not running; start it with: hindsight\n" {
			t.Errorf("%s says %q, %v", line, out, err)
		}
	}
}

func ctl(t *testing.T, path, dir, run, line string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), path, strings.Fields(line)...)
	c.Env = append(os.Environ(), "HINDSIGHT_RUNTIME_DIR="+run, "HINDSIGHT_CONFIG_DIR="+dir,
		"HINDSIGHT_REPLAY_FOLDER="+filepath.Join(dir, "clips"))
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.String(), err
}

func TestAWrongCommandLine(t *testing.T) {
	path, dir := program(t), t.TempDir()
	for line, says := range map[string]string{
		"dance": "dance", "share perhaps": "on", "save --seconds=NaN": "more than 0", "save --after=+Inf": "0 or more",
		"save --seconds=x": "seconds", "talk": "<state>",
		"show nowhere": "home, clips, settings,",
	} {
		for _, asJSON := range []bool{false, true} {
			args := strings.Fields(line)
			if asJSON {
				args = append(args, "--json")
			}
			c := exec.CommandContext(t.Context(), path, args...)
			c.Env = append(os.Environ(), "HINDSIGHT_RUNTIME_DIR="+dir, "HINDSIGHT_CONFIG_DIR="+dir)
			var stdout, stderr bytes.Buffer
			c.Stdout, c.Stderr = &stdout, &stderr
			_ = c.Run()
			told, other := &stderr, &stdout
			if asJSON {
				told, other = other, told
			}
			if code := c.ProcessState.ExitCode(); code != 2 || !strings.Contains(told.String(), says) || other.Len() > 0 {
				t.Errorf("%v ends with %d, says %q, and %q", args, code, told, other)
			}
			if command, _, _ := strings.Cut(line, " "); !asJSON && command != "dance" &&
				!strings.Contains(stderr.String(), "\nRun hindsightctl "+command+" --help ") {
				t.Errorf("%v does not say where to look: %q", args, &stderr)
			}
			if asJSON && !json.Valid(stdout.Bytes()) {
				t.Errorf("%v: not JSON: %q", args, &stdout)
			}
		}
	}
	if out, err := ctl(t, path, dir, dir, "--version"); err != nil || !strings.HasPrefix(out, "hindsightctl ") {
		t.Errorf("--version says %q, %v", out, err)
	}
}

func TestHelp(t *testing.T) {
	path, dir := program(t), t.TempDir()
	for line, says := range map[string][]string{
		"--help":      {"Print JSON.", "Show status.", "Take a screenshot and print its path.", "Quit Hindsight."},
		"save --help": {"--seconds=SECONDS", "--after=SECONDS"},
		"talk --help": {"<state>", "Press or release push-to-talk"},
		"mute --help": {"toggle switches it"},
	} {
		out, err := ctl(t, path, dir, dir, line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		for _, text := range says {
			if !strings.Contains(out, text) {
				t.Errorf("%s does not say %q:\n%s", line, text, out)
			}
		}
	}
}
