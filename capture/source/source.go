// Package source opens the screen, the desktop's sound and the microphone.
//
// Each device runs its own pipeline under a Supervisor: one goroutine that opens the device, hands on what it delivers,
// and opens it again with growing pauses when it fails. A device that is missing or breaks never ends anything else.
// The receiving functions are called from that goroutine and must not block. Close cancels, waits, and may be called
// twice.
package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source/portal"
)

// Errors of systems that have no such source yet.
var (
	ErrNoScreen = fmt.Errorf("capturing the screen is not supported on %s yet", runtime.GOOS)
	ErrNoSound  = fmt.Errorf("capturing audio is not supported on %s yet", runtime.GOOS)
)

// Target is what of the screen is captured; its zero value is all of it.
type Target = media.Target

// Notes about a source that runs but does not give what its user expects.
var (
	// ErrSpeakerMuted says that the server hands on nothing of what an output plays.
	ErrSpeakerMuted = errors.New("the speaker is muted, so desktop audio is not captured; unmute it to capture desktop " +
		"audio")
	// ErrSpeakerLow says that what the server hands on is too quiet to be brought to its full level.
	ErrSpeakerLow = errors.New("the speaker's volume is very low, so desktop audio is quiet in clips; turn it up")
)

// Pauses between two tries to open a device, and how long it must have run for the pause to begin small again.
const (
	firstPause = 250 * time.Millisecond
	longPause  = 5 * time.Second
	proven     = 5 * time.Second
)

// Status says what a source is doing.
type Status struct {
	State media.SourceState
	// Reason is why a screen waits.
	Reason media.AwayReason
	// Device is what is open.
	Device string
	// Err is why it failed or waits; while running it is a note about what is delivered, as ErrSpeakerMuted, or nil.
	Err error
}

// Screen says what to capture.
type Screen struct {
	// Backend is how; empty is Auto.
	Backend Method
	// TokenFile remembers what was chosen in the desktop's dialog; empty asks each time.
	TokenFile string
	// Display is the X display, empty for the environment's.
	Display string
	// Target is what of it is captured.
	Target Target
	// Held remembers the window that is captured beyond this source; it may be nil.
	Held *Held
	// Stay says whether a window that was closed is not replaced with another of its program; nil never does.
	Stay func() bool
	// Gone is called with whether the source is gone: closed, disconnected, or taken back by the user; it may be nil.
	Gone func(gone bool)
	// HideCursor leaves the pointer out.
	HideCursor bool
	// FrameRate is in frames a second.
	FrameRate int
	// Frame receives each frame, and Frame.Release must be called when it is done with.
	Frame func(media.Frame)
	// Same may receive frames that are the same as the one before, which have no data; it returns false when it needs
	// the frame. Nil takes all frames as they are.
	Same func(media.Frame) bool
}

// Sound says which device to record.
type Sound struct {
	// Monitor records what an output plays instead of an input.
	Monitor bool
	// Device is the sound server's name; empty follows the default. One that begins with Application is a program.
	Device string
	// Suppress takes steady noise out, fans and hum; it is for microphones, for the sound becomes mono.
	Suppress bool
	// PCM receives each block; its memory is the receiver's for the length of the call. A block without samples says
	// that none follows for now.
	PCM func(media.PCM)
}

// run opens a device and works until the context ends or the device fails.
type run func(ctx context.Context, r report) error

// report is how a run reports its state.
type report struct {
	// up is called whenever data flows.
	up func(device string)
	// down says in a message why no data flows, while the run itself waits for it to come back.
	down func(error)
	// away is down for a target that is away for a reason.
	away func(reason media.AwayReason, err error)
	// idle is down for what is no failure.
	idle func(error)
	// note says what is wrong with the data that flows; nil says that nothing is.
	note func(error)
}

// Supervisor keeps one source open.
type Supervisor struct {
	name   string
	run    run
	log    *slog.Logger
	cancel context.CancelFunc
	done   chan struct{}
	gone   func(bool)

	mu     sync.Mutex
	status Status
}

func supervise(name string, log *slog.Logger, gone func(bool), r run) *Supervisor {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Supervisor{name: name, run: r, log: log, cancel: cancel, done: make(chan struct{}),
		status: Status{State: media.Starting}, gone: gone}
	if gone == nil {
		s.gone = func(bool) {}
	}
	go s.loop(ctx)
	return s
}

// OpenScreen begins to capture. A display that does not respond shows up in Status.
func OpenScreen(c Screen, log *slog.Logger) *Supervisor {
	return supervise("screen", log, c.Gone, func(ctx context.Context, r report) error { return captureScreen(ctx, c, r) })
}

// OpenSound begins to listen. A device that is missing shows up in Status.
func OpenSound(c Sound, log *slog.Logger) *Supervisor {
	name := "microphone"
	if c.Monitor {
		name = "desktop sound"
	}
	return supervise(name, log, nil, func(ctx context.Context, r report) error { return listen(ctx, c, r) })
}

// Idle is a source that is not opened, for the time of a pause.
func Idle() *Supervisor {
	s := &Supervisor{cancel: func() {}, done: make(chan struct{}), status: Status{State: media.Paused}}
	close(s.done)
	return s
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
	pause := firstPause
	t := reporter{s: s}
	for {
		t.began = time.Time{}
		err := s.run(ctx, report{up: t.up, down: t.down, away: t.away, idle: t.idle, note: t.note})
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("the device stopped sending audio")
		}
		t.down(err)
		if byUser(err) {
			<-ctx.Done() // the user decided; a dialog again and again would be no help
			return
		}
		if !t.began.IsZero() && time.Since(t.began) > proven {
			pause = firstPause
		}
		if wait(ctx, pause); ctx.Err() != nil {
			return
		}
		pause = min(2*pause, longPause)
	}
}

// reporter turns what a run reports into the supervisor's status. It is used by the supervisor's goroutine alone.
type reporter struct {
	s        *Supervisor
	began    time.Time // when data first flowed in this run
	running  bool
	reported string
	device   string
	noted    error // of the run
}

func (t *reporter) up(device string) {
	if t.running {
		return
	}
	t.running, t.reported = true, ""
	if t.began.IsZero() {
		t.began = time.Now()
	}
	t.device = device
	t.s.gone(false)
	t.s.set(Status{State: media.Running, Device: device, Err: t.noted})
	t.s.log.Info("source is running", "source", t.s.name, "device", device)
}

// note keeps what is wrong for as long as the source runs.
func (t *reporter) note(err error) {
	if errors.Is(err, t.noted) {
		return
	}
	if t.noted = err; !t.running {
		return
	}
	t.s.set(Status{State: media.Running, Device: t.device, Err: err})
	if err != nil {
		t.s.log.Warn("source is not as expected", "source", t.s.name, "err", err)
	}
}

func (t *reporter) down(err error) { t.not(Status{State: media.Failed, Err: err}) }

func (t *reporter) idle(err error) { t.not(Status{State: media.Waiting, Err: err}) }

func (t *reporter) away(reason media.AwayReason, err error) {
	t.not(Status{State: media.Waiting, Reason: reason, Err: err})
}

func (t *reporter) not(s Status) {
	t.running, t.noted = false, nil
	err := s.Err
	if s.Reason == media.Closed || s.Reason == media.Disconnected || byUser(err) {
		t.s.gone(true)
	}
	t.s.set(s)
	if err.Error() != t.reported { // the same failure again and again is reported once
		t.s.log.Warn("source gives nothing; it is tried again", "source", t.s.name, "err", err)
		t.reported = err.Error()
	}
}

// byUser says whether the user took the permission to capture back.
func byUser(err error) bool {
	return errors.Is(err, portal.ErrRefused) || errors.Is(err, portal.ErrEnded)
}

// Close ends the source and waits for it.
func (s *Supervisor) Close() error {
	s.cancel()
	<-s.done
	return nil
}
