// Package source opens the screen, the desktop's sound and the microphone.
//
// Each device runs its own pipeline under a Supervisor: one goroutine that opens the device, hands on what it delivers,
// and opens it again with growing pauses when it fails. A device that is missing or breaks never ends anything else. The
// receiving functions are called from that goroutine and must not block. Close cancels, waits, and may be called twice.
package source

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// ErrUnsupported says that this platform has no such source yet.
var ErrUnsupported = errors.New("this system cannot be captured by Hindsight yet")

// States of a source.
const (
	Starting = "starting"
	Running  = "running"
	Failed   = "failed"
)

// Pauses between two tries to open a device, and how long it must have run for the pause to begin small again.
const (
	firstPause = 250 * time.Millisecond
	longPause  = 5 * time.Second
	proven     = 5 * time.Second
)

// Status says what a source is doing.
type Status struct {
	// State is Starting, Running or Failed; a failed source is tried again.
	State string
	// Device is what is open.
	Device string
	// Err is why it failed; nil while running.
	Err error
}

// Screen says which picture to take.
type Screen struct {
	// Display is the X display, empty for the environment's.
	Display string
	// HideCursor leaves the pointer out.
	HideCursor bool
	// FrameRate is in frames a second.
	FrameRate int
	// Frame receives each picture, and Frame.Release must be called when it is done with.
	Frame func(media.Frame)
}

// Sound says which device to hear.
type Sound struct {
	// Monitor hears what an output plays instead of an input.
	Monitor bool
	// Device is the sound server's name; empty follows the default.
	Device string
	// PCM receives each block; its memory is the receiver's for the length of the call.
	PCM func(media.PCM)
}

// run opens a device and works until the context ends or the device fails. It calls up once data flows.
type run func(ctx context.Context, up func(device string)) error

// Supervisor keeps one source open.
type Supervisor struct {
	name   string
	run    run
	log    *slog.Logger
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	status Status
}

func supervise(name string, log *slog.Logger, r run) *Supervisor {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Supervisor{name: name, run: r, log: log, cancel: cancel, done: make(chan struct{}), status: Status{State: Starting}}
	go s.loop(ctx)
	return s
}

// OpenScreen begins to film. A display that does not answer shows up in Status.
func OpenScreen(c Screen, log *slog.Logger) *Supervisor {
	return supervise("screen", log, func(ctx context.Context, up func(string)) error { return film(ctx, c, up) })
}

// OpenSound begins to listen. A device that is missing shows up in Status.
func OpenSound(c Sound, log *slog.Logger) *Supervisor {
	name := "microphone"
	if c.Monitor {
		name = "desktop sound"
	}
	return supervise(name, log, func(ctx context.Context, up func(string)) error { return listen(ctx, c, up) })
}

// Status is what the source is doing now.
func (s *Supervisor) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *Supervisor) set(status Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *Supervisor) loop(ctx context.Context) {
	defer close(s.done)
	pause, told := firstPause, ""
	for {
		began := time.Time{}
		err := s.run(ctx, func(device string) {
			if began.IsZero() {
				began = time.Now()
				s.set(Status{State: Running, Device: device})
				s.log.Info("source is running", "source", s.name, "device", device)
				told = ""
			}
		})
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("the device ended its stream")
		}
		s.set(Status{State: Failed, Err: err})
		if err.Error() != told { // the same failure again and again is told once
			s.log.Warn("source failed; it is tried again", "source", s.name, "err", err)
			told = err.Error()
		}
		if !began.IsZero() && time.Since(began) > proven {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, longPause)
	}
}

// Close ends the source and waits for it.
func (s *Supervisor) Close() error {
	s.cancel()
	<-s.done
	return nil
}
