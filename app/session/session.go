// Package session owns what runs: the recorder with its replay buffer, and the share. Front ends (window, tray, command
// line, hotkeys) send commands and look at snapshots; none of them holds state of its own.
//
// Two switches decide everything. Replay keeps the local buffer, sharing publishes; the recorder is open while either
// is on. One goroutine, the owner, holds all state and never waits: opening, changing and closing a part run in a
// their own goroutine, at most one for the recorder and one for the share, and hand their result back to the owner,
// which then compares what is wanted with what is there again (reconcile). A save has its own goroutine, so a
// second press during a save makes a second clip.
//
// A share that fails is tried again with growing pauses while sharing is on. A recorder that cannot be opened is not
// tried again until a setting or a switch changes, because Engine.Record fails only for what a retry cannot fix.
//
// Close refuses further commands, ends the share, waits for saves, closes the recorder, and waits for every goroutine,
// all within the context's deadline. It may be called twice.
package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/capture"
)

// ErrClosed is returned for commands after Close began.
var ErrClosed = errors.New("hindsight is closing")

const (
	tick      = 250 * time.Millisecond // status while nobody is watching
	fastTick  = 100 * time.Millisecond // status while level meters are visible
	firstWait = 2 * time.Second        // before a failed share is tried again; doubles
	longWait  = time.Minute
)

// Options are what a Session is made of.
type Options struct {
	Engine   Engine
	Settings Settings
	Secrets  Secrets
	Config   config.Config
	// Problems found before the session began, as messages; they are reported like any other.
	Problems []string
	// Locked is whether the screen is locked; see SetAway.
	Locked bool
	// Login has Hindsight start at login, or not. A note says what the user has to know where it is saved nevertheless; an
	// error refuses the setting. Nil accepts it.
	Login func(on bool) (note string, err error)
	// App names the focused window's program, for files' names; nil knows none.
	App func() string
	Log *slog.Logger
}

// Session runs the parts. All methods may be called from any goroutine.
type Session struct {
	engine   Engine
	settings Settings
	secrets  Secrets
	app      func() string
	login    func(on bool) (note string, err error)
	log      *slog.Logger

	cmds     chan func() // run by the owner
	done     chan struct{}
	ctx      context.Context // ends when Close gives up waiting or has finished
	cancel   context.CancelFunc
	work     sync.WaitGroup // saves and part operations
	writing  sync.Mutex     // keeps the settings file in the order of the changes
	patching chan struct{}  // holds a value while a patch is being applied
	kept     kept
	binding  sync.Mutex    // keeps hotkeys in the order of the changes
	mutes    capture.Mutes // of whichever recorder is open

	closeOnce sync.Once
	closeErr  error

	feed feed
	st   state // the owner's
}

// state belongs to the owner goroutine.
type state struct {
	cfg               config.Config // with what is being tried
	replayOn, shareOn bool
	closing           bool
	locked, sleeping  bool // the screen, the machine
	held              bool // the user has paused capture
	talking           bool // the push-to-talk key is held
	meters, previews  int

	rec        Recorder
	recCfg     capture.Config
	recBusy    bool
	recUnsure  bool // an Apply failed, so that what the recorder works with is between recCfg and what was wanted
	openError  string
	asked      int // how often the user asked to choose a screen again
	applyError string
	badCfg     *capture.Config // the last that Apply refused; not tried again as it is
	status     capture.Status

	pub         Publisher
	pubCfg      ShareConfig
	pubBusy     bool
	cancelShare context.CancelFunc
	share       ShareStatus
	shareError  string
	shareEnded  string // why sharing is off although the user did not turn it off
	shareWait   time.Duration
	shareAfter  time.Time
	shareHeld   int // while above 0 no share starts

	recordOn  bool
	recordErr string // why the last recording did not begin or ended early
	shots     int    // screenshots that wait for a recorder
	recording Recording
	toggling  bool          // a recording is being started or ended
	flush     chan struct{} // closed when saves may not wait any longer for what is to come

	saving  int
	nextID  int
	last    *SaveRecord
	hotkeys []hotkey.State
	bind    func(config.Hotkeys) []hotkey.State // nil as long as nobody takes hotkeys
	startup []string
	reports map[string]string // of the app's other parts, by the part
	told    map[string]string
	waiters []waiter
}

// waiter is a caller that waits for something to come about. The owner asks holds after each reconcile.
type waiter struct {
	ctx    context.Context
	holds  func() (bool, error)
	answer chan<- error
}

// New starts a session with the switches as the settings want them at launch. As long as the user has not chosen what
// to capture (config.App.FirstRunDone), everything is off and cannot be turned on.
func New(o Options) *Session {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Session{
		engine: o.Engine, settings: o.Settings, secrets: o.Secrets, app: o.App, login: o.Login, log: o.Log,
		cmds: make(chan func(), 16), done: make(chan struct{}), ctx: ctx, cancel: cancel,
		patching: make(chan struct{}, 1), kept: kept{c: o.Config.Clone()},
	}
	s.st = state{
		cfg: o.Config.Clone(), replayOn: o.Config.Replay.AtLaunch && o.Config.App.FirstRunDone,
		shareOn: o.Config.Sharing.AtLaunch && o.Config.App.FirstRunDone,
		startup: o.Problems, locked: o.Locked,
		told: map[string]string{}, reports: map[string]string{}, flush: make(chan struct{}),
	}
	s.bindToken(o.Config.Sharing.BackendURL)
	s.feed.init(s.snapshot())
	go s.run()
	return s
}

// run is the owner.
func (s *Session) run() {
	defer close(s.done)
	defer s.feed.close()
	timer := time.NewTicker(tick)
	defer timer.Stop()
	fast := false
	for {
		s.reconcile()
		s.answerWaiters()
		s.publish()
		if s.st.closing && s.st.rec == nil && s.st.pub == nil && !s.st.recBusy && !s.st.pubBusy && s.st.saving == 0 {
			return
		}
		select {
		case f := <-s.cmds:
			f()
		case <-timer.C:
		case <-s.ctx.Done():
			return
		}
		if want := s.st.meters > 0; want != fast {
			fast = want
			timer.Reset(map[bool]time.Duration{true: fastTick, false: tick}[fast])
		}
	}
}

// publish reads the parts' status, reports new problems and publishes a snapshot.
func (s *Session) publish() {
	st := &s.st
	if st.rec != nil {
		st.status = st.rec.Status()
	}
	if st.pub != nil {
		st.share = st.pub.Status()
	}
	now := map[string]string{}
	var fresh []string
	for _, t := range st.troubles() {
		now[t.key] = t.text
		if st.told[t.key] != t.text {
			s.log.Warn("something does not work", "part", t.key, "error", t.text)
			fresh = append(fresh, t.text)
		}
	}
	if len(fresh) > 0 {
		s.feed.event(Event{Kind: Trouble, Text: summary(fresh)}) // one, however many there are
	}
	st.told = now
	s.feed.snapshot(s.snapshot())
}

// mostTold is how many troubles one event holds; Home lists all of them.
const mostTold = 3

func summary(texts []string) string {
	if more := len(texts) - mostTold; more > 0 {
		texts = append(slices.Clone(texts[:mostTold]), fmt.Sprintf("And %d more; open Hindsight to see them.", more))
	}
	return strings.Join(texts, "\n")
}

// do runs f in the owner and waits for it.
func (s *Session) do(f func() error) error {
	answer := make(chan error, 1)
	select {
	case s.cmds <- func() {
		if s.st.closing {
			answer <- ErrClosed
			return
		}
		answer <- f()
	}:
	case <-s.done:
		return ErrClosed
	}
	select {
	case err := <-answer:
		return err
	case <-s.done:
		return ErrClosed
	}
}

// wait waits until holds, which runs in the owner, says that it is so, or so far from it that it gives an error.
func (s *Session) wait(ctx context.Context, holds func() (bool, error)) error {
	answer := make(chan error, 1)
	err := s.do(func() error {
		s.st.waiters = append(s.st.waiters, waiter{ctx, holds, answer})
		return nil
	})
	if err != nil {
		return err
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return ErrClosed
	}
}

func (s *Session) answerWaiters() {
	s.st.waiters = slices.DeleteFunc(s.st.waiters, func(w waiter) bool {
		if w.ctx.Err() != nil {
			return true
		}
		ok, err := w.holds()
		if ok || err != nil {
			w.answer <- err
		}
		return ok || err != nil
	})
}

// post hands a result to the owner; it does not block once the owner has ended.
func (s *Session) post(f func()) {
	select {
	case s.cmds <- f:
	case <-s.done:
	}
}

// Snapshot is the newest state; there is one from the beginning.
func (s *Session) Snapshot() Snapshot { return s.feed.latest() }

// Watch returns a channel that holds the newest snapshot whenever it changed; older ones are overwritten. It is closed
// when the session ends or stop is called.
func (s *Session) Watch() (snapshots <-chan Snapshot, stop func()) { return s.feed.watch() }

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Events returns a channel of events: the first to ask gets those that came before, the others those from now on. A
// listener that does not keep up loses the oldest. It is closed when the session ends or stop is called.
func (s *Session) Events() (events <-chan Event, stop func()) { return s.feed.listen() }

// Close ends everything properly and waits, at most until ctx ends.
func (s *Session) Close(ctx context.Context) error {
	s.closeOnce.Do(func() {
		select {
		case s.cmds <- func() {
			s.st.closing, s.st.replayOn, s.st.shareOn, s.st.recordOn = true, false, false, false
			s.st.flushSaves()
		}:
		case <-s.done:
		}
		select {
		case <-s.done:
		case <-ctx.Done():
			s.closeErr = errors.New("something did not stop in time")
		}
		s.cancel()
		<-s.done
		if s.closeErr == nil {
			s.work.Wait()
		}
	})
	return s.closeErr
}
