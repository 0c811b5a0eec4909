package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

type runCommand struct {
	Dir     string `help:"Folder for settings, logs, buffers and clips." type:"path" placeholder:"DIR"`
	Seconds int    `help:"Length of the replay buffer at the first start, in seconds." default:"60"`
	Virtual bool   `help:"Start a virtual desktop and audio even if there is a display."`
}

// Run starts everything and waits for the user, the app or a server to end it.
func (r *runCommand) Run(ctx context.Context) error {
	if r.Dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("no folder to work in: %w; name one with --dir", err)
		}
		r.Dir = filepath.Join(cache, "hindsight", "devstack")
	}
	w, err := startWorld(ctx, worldOptions{
		Folder: r.Dir, Seconds: r.Seconds, Virtual: r.Virtual || os.Getenv("DISPLAY") == "", Say: os.Stdout,
	})
	if err != nil {
		return err
	}
	defer w.close()
	fmt.Print(w.summary())
	watch, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-ctx.Done():
		w.say("\nstopping everything")
		return nil
	case <-w.app.Done():
		w.say("the app has quit; stopping everything")
		return nil
	case what := <-w.lost(watch):
		return errors.New(what)
	}
}

// summary says in ten lines what is where.
func (w *world) summary() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-9s", name)
		fmt.Fprintf(&b, format+"\n", args...)
	}
	b.WriteString("Hindsight runs. Ctrl-C here ends everything.\n")
	line("save", "Alt+F10, or the tray; clips go to %s", w.clips())
	line("share", "Alt+F9 stops and starts it; room %q at %s", room, w.livekit.URL)
	if w.desktop == nil {
		line("desktop", "yours, %s", os.Getenv("DISPLAY"))
	} else {
		line("desktop", "display %s; a screenshot of it: DISPLAY=%s import -window root desktop.png", w.desktop.Display,
			w.desktop.Display)
		line("sound", "PULSE_SERVER=%s, outputs %s and %s", w.sound.Server, w.sound.DesktopSink, w.sound.MicSink)
	}
	line("control", "HINDSIGHT_RUNTIME_DIR=%s %s status", w.app.runtime, w.app.ctl)
	line("backend", "%s, data in %s", w.backend.URL, w.backend.Folder)
	line("token", "%s", w.backend.Token)
	line("settings", "%s", filepath.Join(w.opts.Folder, "settings", "config.toml"))
	line("logs", "%s", w.logs())
	return b.String()
}
