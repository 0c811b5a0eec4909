package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/publish/api"
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

// answer plays the app on a real socket.
func answer(_ context.Context, r control.Request) (any, error) {
	switch {
	case r.Command == control.Status:
		return session.Snapshot{State: session.Live, Buffer: session.Buffer{BufferedSeconds: 12, ReplaySeconds: 60},
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
	case r.Command == control.WatchLink && r.Text == "anyone" && r.Seconds == 3600:
		return api.WatchLink{LinkID: "w1", URL: "https://replay.example.com/watch?link=x"}, nil
	case r.Command == control.WatchLink && r.Text == "nobody":
		return api.WatchLink{URL: fmt.Sprint("https://replay.example.com/watch?link=", r.Seconds/3600)}, nil
	case r.Command == control.WatchLinks:
		return []api.WatchLink{{LinkID: "w0", Clips: api.ClipsAnyone, Ended: true},
			{LinkID: "w1", Clips: api.ClipsAnyone, MadeBy: "alice"}}, nil
	case r.Command == control.Pause:
		by := map[bool]session.Pauser{true: session.PausedByUser, false: session.PausedLocked}[r.On]
		return control.PauseAnswer{Paused: true, By: string(by)}, nil
	case r.Command == control.There:
		return []control.ServerClip{{ID: "c1", Owner: "alice", Title: "a \x1b[2Jgoal"}}, nil
	case r.Command == control.UnwatchLink && r.Text == "w1":
		return nil, nil
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
	sh := newShell(t)
	server, err := control.Listen(sh.file("run"), slog.New(slog.DiscardHandler))
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
		"pause":                    {false, ""},
		"pause --json":             {false, `"paused_by": "user"`},
		"resume":                   {false, "Still paused (screen locked).\n"},
		"resume --json":            {false, `"paused": true`},
		"clips --server":           {false, "? MB  alice  a [2Jgoal  only on the server\n"},
		"clips --json":             {false, "[]"},
		"watch-link revoke w1":     {false, ""},
		"watch-link revoke w2":     {true, "the disk is full"},
		"watch-link list":          {false, "the server still keeps\nw1  clips: anyone"},
		"watch-link list --json":   {false, `"linkId": "w1"`},
		"watch-link":               {true, "the disk is full"},
		"watch-link --clips=all":   {true, "nobody"},

		"watch-link --clips anyone --expires 1h":  {false, "https://replay.example.com/watch?link=x\n"},
		"watch-link --clips anyone --expires 60m": {false, "https://replay.example.com/watch?link=x\n"},
		"watch-link --clips nobody --expires 7d":  {false, "https://replay.example.com/watch?link=168\n"},
		"watch-link --clips nobody --expires 2w":  {false, "https://replay.example.com/watch?link=336\n"},

		"clips": {false, "No clips in "},
	} {
		t.Run(line, func(t *testing.T) {
			code, out := sh.line(t, line)
			if failed := code != 0; failed != c.fails || !strings.Contains(out, c.says) {
				t.Errorf("failed: %v, and it says %q; want %v and %q in it", failed, out, c.fails, c.says)
			}
			if strings.Contains(line, "--json") && !json.Valid([]byte(out)) {
				t.Errorf("not JSON: %q", out)
			}
		})
	}
}

// A pause by the user is not called one of the screen lock.
func TestStatusSaysWhoPaused(t *testing.T) {
	for by, says := range map[session.Pauser]string{"": "", session.PausedByUser: ", paused (by you)",
		session.PausedLocked: ", paused (screen locked)", session.PausedAsleep: ", paused (computer asleep)"} {
		if got := pausedBy(session.Wanted{Paused: by != "", PausedBy: by}); got != says {
			t.Errorf("%q: it says %q instead of %q", by, got, says)
		}
	}
}

func TestNotRunningHasAnExitStatus(t *testing.T) {
	sh := newShell(t)
	for _, line := range []string{
		"status", "save", "save 30", "share on", "share toggle", "replay off", "mute mic", "show", "quit",
	} {
		code, out := sh.line(t, line)
		if code != 3 || out != "hindsightctl: hindsight is not running; start it with: hindsight\n" {
			t.Errorf("%s ends with %d and says %q", line, code, out)
		}
	}
}

func TestAWrongCommandLine(t *testing.T) {
	sh := newShell(t)
	for line, says := range map[string]string{
		"dance": "dance", "share perhaps": "on", "save --seconds=NaN": "more than 0", "save --after=+Inf": "0 or more",
		"save --seconds=x": "seconds", "talk": "<state>",
		"show nowhere":           "home, clips, settings,",
		"watch-link --expires=0": "between 1 minute and 90 days", "watch-link --expires=59s": "between 1 minute and 90 days",
		"watch-link --expires=-1h": "between 1 minute and 90 days", "watch-link --expires=soon": "12h, 7d or 2w",
	} {
		for _, asJSON := range []bool{false, true} {
			args := strings.Fields(line)
			if asJSON {
				args = append(args, "--json")
			}
			code, stdout, stderr := sh.run(t, "", args...)
			told, other := stderr, stdout
			if asJSON {
				told, other = other, told
			}
			if code != 2 || !strings.Contains(told, says) || other != "" {
				t.Errorf("%v ends with %d, says %q, and %q", args, code, told, other)
			}
			if command, _, _ := strings.Cut(line, " "); !asJSON && command != "dance" &&
				!strings.Contains(stderr, "\nRun hindsightctl "+command) {
				t.Errorf("%v does not say where to look: %q", args, stderr)
			}
			if asJSON && !json.Valid([]byte(stdout)) {
				t.Errorf("%v: not JSON: %q", args, stdout)
			}
		}
	}
	if code, out := sh.line(t, "--version"); code != 0 || !strings.HasPrefix(out, "hindsightctl ") {
		t.Errorf("--version ends with %d and says %q", code, out)
	}
}

func TestHelp(t *testing.T) {
	sh := newShell(t)
	for line, says := range map[string][]string{
		"--help":       {"Print JSON.", "Show status.", "Take a screenshot and print its path.", "Quit Hindsight."},
		"save --help":  {"--seconds=SECONDS", "--after=SECONDS"},
		"talk --help":  {"<state>", "Press or release push-to-talk"},
		"mute --help":  {"toggle switches it"},
		"pause --help": {"in no clip", "last frame"},

		"watch-link make --help": {"90d", "never shows a later share"},
	} {
		code, out := sh.line(t, line)
		if code != 0 {
			t.Errorf("%s ends with %d", line, code)
		}
		for _, text := range says {
			if !strings.Contains(out, text) {
				t.Errorf("%s does not say %q:\n%s", line, text, out)
			}
		}
	}
}
