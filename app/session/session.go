// Package session owns what runs: the recorder with its replay buffer, and the share. Front ends (window, tray, command
// line, hotkeys) send commands and look at snapshots; none of them holds state of its own.
//
// Two switches decide everything. Replay keeps the local buffer, sharing publishes; the recorder is open while either
// is on. One goroutine, the owner, holds all state and never waits: opening, changing and closing a part run in a
// their own goroutine, at most one for the recorder and one for the share, and hand their result back to the owner,
// which then compares what is wanted with what is there again (reconcile). A save has its own goroutine, so a
// second press during a save makes a second clip.
//
// A share that fails is tried again with growing pauses while sharing is on. The server's replay of it goes on as long
// as it is on, in the same room of the same server, whatever is published in between. A recorder that cannot be opened
// is not tried again until a setting or a switch changes, because Engine.Record fails only for what a retry cannot fix.
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
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/publish/api"
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
	// Place is where clips of a folder go, asked often; nil is the folder alone.
	Place func(folder string) clip.Place
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
	place    func(folder string) clip.Place
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

// state belongs to the owner goroutine, in parts that belong together.
type state struct {
	cfg     config.Config // with what is being tried
	closing bool

	replayOn bool // the buffer is wanted
	capture  captureState
	share    sharing
	record   recordState
	saves    saveState
	marks    []api.Mark // the oldest first
	away     awayState
	keys     keyState
	reported reportedState

	waiters []waiter
	answers []func() // of commands, given once a snapshot shows what they did
	meters  int      // who looks at the levels
	// previews is who looks at a recorder of which nothing is kept, levels who looks at its levels alone.
	previews, levels int
}

// captureState is the recorder.
type captureState struct {
	rec    Recorder // nil while none is open
	cfg    capture.Config
	busy   bool // it is being opened, changed or closed
	unsure bool // an Apply failed, so that what the recorder works with is between cfg and what was wanted

	openError  string
	applyError string
	refused    *capture.Config // the last that Apply refused; not tried again as it is
	status     capture.Status
	asked      int // how often the user asked to choose a screen again
	shots      int // screenshots that wait for a recorder
}

// sharing is the share.
type sharing struct {
	on     bool // is wanted
	pub    Publisher
	from   time.Duration // since when others have been sent it, as Recorder.Line returns it; see shown
	seen   bool          // others are sent it, as of the last status
	cfg    ShareConfig
	busy   bool
	cancel context.CancelFunc // ends an attempt, which is with tried
	tried  ShareConfig
	status ShareStatus
	muted  Muted  // by a moderator, of the publisher before
	err    string // why the last attempt failed
	ended  string // why it is off although the user did not turn it off
	wait   time.Duration
	after  time.Time // the next attempt
	held   int       // while above 0 no share starts
	stale  bool      // it is encrypted with another passphrase than the one that is kept now
	replay Replay    // what goes on with the next publisher; nil while there is one, and where there is nothing
	over   bool      // the user has ended the share: whatever follows is another one, with another replay
}

// shown notes from when on others have been sent what is shared. It begins once the room is joined, and again when a
// moderator's mute ends: what nobody was to see is in no viewer's clip. While the connection is lost it goes on.
func (h *sharing) shown(rec Recorder) {
	seen := h.status.Muted == (Muted{}) && !h.status.SoundTaken
	if h.status.State != ShareLive && seen {
		return
	}
	if seen && !h.seen && rec != nil {
		h.from = rec.Line()
	}
	h.seen = seen
}

// idle is whether nothing is left of a share.
func (h *sharing) idle() bool { return h.pub == nil && h.replay == nil && !h.busy }

// keeps is the recorder, nil where none is open or only for levels.
func (c *captureState) keeps() Recorder {
	if c.rec == nil || c.cfg.SoundOnly {
		return nil
	}
	return c.rec
}

// recordState is the recording.
type recordState struct {
	on   bool   // is wanted
	err  string // why the last recording did not begin or ended early
	file Recording
	busy bool // it is being started or ended
}

// saveState is what happens to presses of the save key.
type saveState struct {
	running int // local copies that are being written, and screenshots
	nextID  int
	last    *SaveRecord
	flush   chan struct{} // closed when saves may not wait any longer for what is to come
}

// awayState is where the user is.
type awayState struct {
	held     bool // the user has paused capture
	locked   bool // the screen
	sleeping bool // the machine
}

// keyState is hotkeys.
type keyState struct {
	states  []hotkey.State
	bind    func(config.Hotkeys) []hotkey.State // nil as long as nobody takes hotkeys
	talking bool                                // the push-to-talk key is held
}

// reportedState is what was reported to the user of what does not work.
type reportedState struct {
	startup []string          // found before the session began
	reports map[string]string // of the app's other parts, by the part
	now     map[string]string // what was reported last, by what it is about
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
		engine: o.Engine, settings: o.Settings, secrets: o.Secrets, app: o.App, place: o.Place, login: o.Login,
		log:  o.Log,
		cmds: make(chan func(), 16), done: make(chan struct{}), ctx: ctx, cancel: cancel,
		patching: make(chan struct{}, 1), kept: kept{c: o.Config.Clone()},
	}
	s.st = state{
		cfg: o.Config.Clone(), replayOn: o.Config.Replay.AtLaunch && o.Config.App.FirstRunDone,
		share:    sharing{on: o.Config.Sharing.AtLaunch && o.Config.App.FirstRunDone},
		saves:    saveState{flush: make(chan struct{})},
		away:     awayState{locked: o.Locked},
		reported: reportedState{startup: o.Problems, reports: map[string]string{}},
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
		for _, answer := range s.st.answers {
			answer()
		}
		s.st.answers = nil
		if s.st.closing && s.st.ended() {
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

// ended is whether nothing runs anymore.
func (st *state) ended() bool {
	return st.capture.rec == nil && !st.capture.busy && st.share.idle() && st.saves.running == 0
}

// publish reads the parts' status, reports new problems and publishes a snapshot.
func (s *Session) publish() {
	st := &s.st
	if st.capture.rec != nil {
		st.capture.status = st.capture.rec.Status()
	}
	if st.share.pub != nil {
		st.share.status = st.share.pub.Status()
		st.share.shown(st.capture.rec)
	}
	now := map[string]string{}
	var fresh []string
	for _, t := range st.troubles() {
		now[t.key] = t.text
		if st.reported.now[t.key] != t.text {
			s.log.Warn("something does not work", "part", t.key, "error", t.text)
			fresh = append(fresh, t.text)
		}
	}
	if len(fresh) > 0 {
		s.feed.event(Event{Kind: Trouble, Text: summary(fresh)}) // one, however many there are
	}
	st.reported.now = now
	snap := s.snapshot()
	switch {
	case st.share.pub != nil:
		st.share.pub.Tell(roomState(snap))
	case st.share.replay != nil:
		st.share.replay.Tell(roomState(snap))
	}
	s.feed.snapshot(snap)
}

// mostReported is how many troubles one event holds; Home lists all of them.
const mostReported = 3

func summary(texts []string) string {
	if more := len(texts) - mostReported; more > 0 {
		texts = append(slices.Clone(texts[:mostReported]), fmt.Sprintf("And %d more; open Hindsight to see them.", more))
	}
	return strings.Join(texts, "\n")
}

// do runs f in the owner, and waits until what came of it is in the snapshot.
func (s *Session) do(f func() error) error {
	answer := make(chan error, 1)
	select {
	case s.cmds <- func() {
		if s.st.closing {
			answer <- ErrClosed
			return
		}
		err := f()
		s.st.answers = append(s.st.answers, func() { answer <- err })
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

// wait waits until holds, which runs in the owner, says that it is so, or so far from it that it gives an error. Once
// wait has returned, holds is not called.
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
		// The owner may be just asking holds, which must not run once this has returned.
		_ = s.do(func() error {
			s.st.waiters = slices.DeleteFunc(s.st.waiters, func(w waiter) bool { return w.answer == answer })
			return nil
		})
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
			s.st.closing, s.st.replayOn, s.st.share.on, s.st.record.on = true, false, false, false
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
