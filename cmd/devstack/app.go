package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// bitrate of the video in kb/s. The recorder decodes and re-encodes it on the same machine; every bit costs CPU time.
const bitrate = 3000

// app is the running hindsight, with its own settings, token and socket: the user's are not touched.
type app struct {
	*stack.Proc
	// env is what finds this app: for hindsightctl.
	env []string
	// runtime is the folder of the control socket.
	runtime string
	ctl     string
}

// startApp writes the settings for the servers of w and starts hindsight.
func startApp(ctx context.Context, w *world) (*app, error) {
	program, err := built("hindsight")
	if err != nil {
		return nil, err
	}
	a := &app{}
	if a.ctl, err = built("hindsightctl"); err != nil {
		return nil, err
	}
	folder := filepath.Join(w.opts.Folder, "settings")
	if err := writeSettings(folder, w); err != nil {
		return nil, err
	}
	// Paths of sockets are at most 107 bytes long (unix(7)).
	if a.runtime, err = os.MkdirTemp("", "hs-app-"); err != nil {
		return nil, err
	}
	var args []string
	if w.desktop != nil {
		// A window costs a good part of a core where no graphics card draws it. Without a tray it opens after a while.
		if err := w.desktop.HasTray(ctx); err != nil {
			return nil, fmt.Errorf("the app would not stay hidden: %w", err)
		}
		args = []string{"--hidden"}
		a.env = append(append(append(a.env, w.desktop.Env...), w.sound.Env...), "LANG=en_US.UTF-8")
	}
	a.env = append(append(a.env, w.opts.Env...), "HINDSIGHT_CONFIG_DIR="+folder, "HINDSIGHT_RUNTIME_DIR="+a.runtime)
	a.Proc, err = stack.Start(ctx, stack.Spec{
		Name: "hindsight", Path: program, Args: args, Dir: w.logs(), Timeout: time.Minute,
		Env: append([]string{"HINDSIGHT_TOKEN=" + w.backend.Token}, a.env...),
		Ready: func(ctx context.Context) error {
			_, err := a.status(ctx)
			return err
		},
	})
	if err != nil {
		_ = os.RemoveAll(a.runtime)
		return nil, err
	}
	return a, nil
}

// writeSettings keeps what the user changed in an earlier run, but for what belongs to this run's servers.
func writeSettings(folder string, w *world) error {
	_, err := os.Stat(filepath.Join(folder, "config.toml"))
	fresh := os.IsNotExist(err) || w.opts.Fresh
	store, c, problems := config.Open(folder)
	if len(problems) > 0 {
		return fmt.Errorf("the settings in %s cannot be used: %w", store.Path(), problems[0])
	}
	if fresh {
		// One machine runs app, servers and recorder at once.
		c.Video.Quality = "performance"
		c.Video.BitrateKbps = bitrate
		c.Replay.Seconds = w.opts.Seconds
		c.Replay.Folder = w.clips()
		c.Sharing.AtLaunch = true
		c.Sharing.Room = room
	}
	c.Sharing.BackendURL = w.backend.URL
	if w.opts.Change != nil {
		w.opts.Change(&c)
	}
	return store.Save(c)
}

// control runs hindsightctl with --json and decodes its output into out, which may be nil.
func (a *app) control(ctx context.Context, out any, args ...string) error {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, a.ctl, append(args, "--json")...)
	cmd.Env = append(os.Environ(), a.env...)
	cmd.Stderr = &stderr
	answer, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("hindsightctl %s: %w: %s", strings.Join(args, " "), err,
			bytes.TrimSpace(append(stderr.Bytes(), answer...)))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("hindsightctl %s did not answer with the JSON expected: %w", strings.Join(args, " "), err)
	}
	return nil
}

func (a *app) status(ctx context.Context) (session.Snapshot, error) {
	var s session.Snapshot
	return s, a.control(ctx, &s, "status")
}

// await polls the status until it suits. What is missing is said when the time is over.
func (a *app) await(ctx context.Context, limit time.Duration, missing func(session.Snapshot) string) (session.Snapshot,
	error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	last := "the app did not answer"
	for {
		s, err := a.status(ctx)
		if err == nil {
			if last = missing(s); last == "" {
				return s, nil
			}
			if len(s.Problems) > 0 {
				last += " (" + strings.Join(s.Problems, "; ") + ")"
			}
		}
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("after %v: %s", limit, last)
		case <-a.Done():
			return s, fmt.Errorf("hindsight has ended; %s says why", a.LogPath())
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// close ends the app and waits. It may be called twice.
func (a *app) close() error {
	err := a.Close()
	if e := os.RemoveAll(a.runtime); err == nil {
		err = e
	}
	return err
}
