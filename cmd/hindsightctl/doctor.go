package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// errSick makes doctor end with a status that scripts can see.
var errSick = errors.New("some checks failed")

type doctorCmd struct{}

func (doctorCmd) Run(ctx context.Context, out *output) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, cfg, _ := config.Open(config.Dir())
	checks := append(capture.Doctor(ctx, cfg.Video.Backend, config.ScreenToken()), appChecks(ctx)...)
	for i, c := range checks {
		checks[i].Detail = session.Sentence(c.Detail)
	}
	err := out.print(checks, func(w io.Writer) {
		for _, c := range checks {
			mark := "ok "
			if !c.OK {
				mark = "BAD"
			}
			fmt.Fprintf(w, "%s  %-12s %s\n", mark, c.Name, c.Detail)
		}
	})
	for _, c := range checks {
		if !c.OK && err == nil {
			err = errSick
		}
	}
	return err
}

// appChecks are about the app itself: settings, folder, and whether it runs.
func appChecks(ctx context.Context) []capture.Check {
	store, cfg, problems := config.Open(config.Dir())
	settings := capture.Check{Name: "settings", OK: true, Detail: store.Path() + " is fine."}
	if _, err := os.Stat(store.Path()); errors.Is(err, fs.ErrNotExist) {
		settings.Detail = "There is no " + store.Path() + " yet, so the defaults are used."
	}
	if len(problems) > 0 {
		settings = capture.Check{Name: "settings", Detail: problems[0].Error() + ", in " + store.Path() + "."}
	}
	folder := capture.Check{Name: "folder", OK: true, Detail: "Clips go to " + cfg.ClipFolder() + "."}
	if err := clip.CheckFolder(cfg.ClipFolder()); err != nil {
		folder = capture.Check{Name: "folder", Detail: err.Error()}
	}
	app := capture.Check{Name: "app", OK: true}
	var s session.Snapshot
	err := call(ctx, control.Request{Command: control.Status}, &s)
	switch {
	case errors.Is(err, control.ErrNotRunning):
		app.Detail = "Hindsight is not running, so its hotkeys were not checked. Start it with: hindsight"
	case err != nil:
		app.OK, app.Detail = false, err.Error()
	case len(s.Problems) > 0:
		app.OK, app.Detail = false, s.Problems[0]
	default:
		app.Detail = "Hindsight is running; its state is " + string(s.State) + "."
	}
	checks := []capture.Check{settings, folder, app}
	if err == nil {
		checks = append(checks, checkHotkeys(s))
	}
	return checks
}

// checkHotkeys says which keys are held, and what is wrong with others.
func checkHotkeys(s session.Snapshot) capture.Check {
	var held, wrong []string
	for _, k := range s.Hotkeys {
		switch {
		case k.Error != "":
			wrong = append(wrong, session.Sentence(k.Error))
		case k.Active:
			held = append(held, cmp.Or(k.Label, k.Keys))
		}
	}
	switch {
	case len(wrong) > 0:
		return capture.Check{Name: "hotkeys", Detail: strings.Join(wrong, " ")}
	case len(held) == 0:
		return capture.Check{Name: "hotkeys", OK: true, Detail: "No hotkey is held."}
	}
	return capture.Check{Name: "hotkeys", OK: true, Detail: "Held in every window: " + strings.Join(held, ", ") + "."}
}
