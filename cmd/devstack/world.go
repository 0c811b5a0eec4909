package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// room is the LiveKit room that the app shares in.
const room = "devstack"

// worldOptions say what is started.
type worldOptions struct {
	// Folder holds configuration, logs, buffers and clips.
	Folder string
	// Seconds is the length of the replay.
	Seconds int
	// Virtual brings its own desktop and sound; otherwise the user's are used.
	Virtual bool
	// Width and Height are the virtual desktop's in pixels; 0 is the usual size.
	Width, Height int
	// Change changes the settings that the app starts with; nil leaves them.
	Change func(*config.Config)
	// Env are more environment variables of the app, NAME=value.
	Env []string
	// Fresh writes new settings even where an earlier run left some.
	Fresh bool
	// Say gets what happens, a line each.
	Say io.Writer
}

// world is all that runs. Its parts belong to it; close ends them in the reverse order of their start.
type world struct {
	opts    worldOptions
	lock    *os.File
	redis   *stack.Redis
	livekit *stack.LiveKit
	egress  *stack.Egress
	backend *stack.Backend
	desktop *stack.Desktop
	sound   *stack.Sound
	app     *app

	ends []part
}

type part struct {
	name string
	end  func() error
}

// startWorld starts everything, or ends what it started and says what failed.
func startWorld(ctx context.Context, o worldOptions) (*world, error) {
	w := &world{opts: o}
	if err := w.start(ctx); err != nil {
		w.close()
		if ctx.Err() != nil {
			return nil, errors.New("stopped before everything ran")
		}
		return nil, err
	}
	return w, nil
}

func (w *world) start(ctx context.Context) error {
	if err := w.prepare(ctx); err != nil {
		return err
	}
	w.say("starting the app")
	app, err := startApp(ctx, w)
	if err != nil {
		return err
	}
	w.app = app
	w.own("app", app.close)
	return nil
}

// prepare starts everything but the app.
func (w *world) prepare(ctx context.Context) error {
	if err := w.claim(); err != nil {
		return err
	}
	if _, err := stack.Tools(ctx, w.opts.Say); err != nil {
		return err
	}
	if w.opts.Virtual {
		w.say("starting a virtual desktop and audio")
		if err := w.startDesktop(ctx); err != nil {
			return err
		}
	}
	w.say("starting redis-server, livekit-server, LiveKit Egress and the backend")
	return w.startServers(ctx)
}

// claim makes the folder this process's alone, until it ends.
func (w *world) claim() error {
	if err := os.MkdirAll(w.opts.Folder, 0o755); err != nil {
		return fmt.Errorf("the folder for devstack cannot be made: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(w.opts.Folder, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("the folder for devstack cannot be used: %w", err)
	}
	w.lock = f
	if locked, err := stack.TryLock(f); err != nil {
		return fmt.Errorf("the folder for devstack cannot be locked: %w", err)
	} else if !locked {
		return fmt.Errorf("devstack already runs in %s; end it, or name another folder", w.opts.Folder)
	}
	return nil
}

func (w *world) startDesktop(ctx context.Context) (err error) {
	w.desktop, err = stack.StartDesktop(ctx, w.logs(), stack.DesktopOptions{
		Width: w.opts.Width, Height: w.opts.Height, Panel: true,
	})
	if err != nil {
		return err
	}
	w.own("desktop", w.desktop.Close)
	if w.sound, err = stack.StartSound(ctx, w.logs()); err != nil {
		return err
	}
	w.own("sound", w.sound.Close)
	pattern, err := stack.StartPattern(ctx, stack.PatternOptions{
		FrameRate: 15, // moving enough, and cheap to encode twice
		Display:   w.desktop.Display, PulseServer: w.sound.Server, DesktopSink: w.sound.DesktopSink, MicSink: w.sound.MicSink,
	})
	if err != nil {
		return err
	}
	w.own("pattern", pattern.Close)
	return nil
}

func (w *world) startServers(ctx context.Context) (err error) {
	if w.redis, err = stack.StartRedis(ctx, w.logs()); err != nil {
		return err
	}
	w.own("redis", w.redis.Close)
	port, err := stack.FreePort() // LiveKit wants to know where the backend will be
	if err != nil {
		return err
	}
	hook := fmt.Sprintf("http://127.0.0.1:%d%s", port, stack.WebhookPath)
	w.livekit, err = stack.StartLiveKit(ctx, w.logs(), stack.LiveKitOptions{RedisAddr: w.redis.Addr, WebhookURL: hook})
	if err != nil {
		return err
	}
	w.own("livekit", w.livekit.Close)
	w.egress, err = stack.StartEgress(ctx, w.logs(), stack.EgressOptions{RedisAddr: w.redis.Addr, LiveKit: w.livekit})
	if err != nil {
		return err
	}
	w.own("egress", w.egress.Close)
	program, err := built("hindsight-backend")
	if err != nil {
		return err
	}
	w.backend, err = stack.StartBackend(ctx, w.logs(), stack.BackendOptions{
		LiveKit: w.livekit, Identity: "devstack", Port: port, Program: program,
		Args: []string{"--recorder", "livekit", "--frame-rate", strconv.Itoa(recordRate())},
	})
	if err != nil {
		return err
	}
	w.own("backend", w.backend.Close)
	return nil
}

// recordRate is the frame rate of the server's recording. Egress decodes and encodes every frame again in software; two
// cores that also capture, encode and draw the desktop have no time for 30 of them at 1080p, and Egress then loses
// sound.
func recordRate() int {
	if runtime.NumCPU() < 4 {
		return 15
	}
	return 30
}

// logs is the folder of the parts' logs and data.
func (w *world) logs() string { return filepath.Join(w.opts.Folder, "logs") }

// clips is where the app puts its clips.
func (w *world) clips() string { return filepath.Join(w.opts.Folder, "clips") }

func (w *world) say(text string) { fmt.Fprintln(w.opts.Say, text) }

func (w *world) own(name string, end func() error) { w.ends = append(w.ends, part{name, end}) }

// lost names servers that end by themselves, until the context ends.
func (w *world) lost(ctx context.Context) <-chan string {
	c := make(chan string, 5)
	for name, p := range map[string]*stack.Proc{
		"redis-server": w.redis.Proc, "livekit-server": w.livekit.Proc, "LiveKit Egress": w.egress.Proc,
		"the backend": w.backend.Proc,
	} {
		go func() {
			select {
			case <-p.Done():
				c <- fmt.Sprintf("%s has ended; %s says why", name, p.LogPath())
			case <-ctx.Done():
			}
		}()
	}
	return c
}

// close ends all parts and waits for each. It may be called twice.
func (w *world) close() {
	for i := len(w.ends) - 1; i >= 0; i-- {
		if err := w.ends[i].end(); err != nil {
			fmt.Fprintf(w.opts.Say, "ending the %s: %v\n", w.ends[i].name, err)
		}
	}
	w.ends = nil
	if w.lock != nil {
		w.lock.Close()
		w.lock = nil
	}
}

// built returns the path of a program that make build put beside this one.
func built(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not built; run make build", name)
	}
	return path, nil
}
