// Package apptest holds working parts in memory for tests of the app: an engine whose recorder keeps time and writes
// files, and whose share goes live and saves clips, without any device or network. What a test may make fail is named
// in the fields. It has no goroutines.
package apptest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/api"
)

// Engine implements session.Engine.
type Engine struct {
	mu        sync.Mutex
	recordErr error
	shareErr  error
	holdShare bool
	recorder  *Recorder
	publisher *Publisher
	opened    int
	shares    []session.ShareConfig
	refuse    func(capture.Config) error
	gone      map[string]string
	ended     []string
}

// Refuse says what recorders refuse; nil ends that.
func (e *Engine) Refuse(what func(capture.Config) error) { e.mu.Lock(); e.refuse = what; e.mu.Unlock() }

// Unplug makes a device of sound one that is gone: a source that wants it fails with the text.
func (e *Engine) Unplug(device, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone == nil {
		e.gone = map[string]string{}
	}
	e.gone[device] = text
}

// refused is the error for a configuration.
func (e *Engine) refused(c capture.Config) error {
	e.mu.Lock()
	what := e.refuse
	e.mu.Unlock()
	if what == nil {
		return nil
	}
	return what(c)
}

// FailRecord makes the next recorders fail to open; nil ends that.
func (e *Engine) FailRecord(err error) { e.mu.Lock(); e.recordErr = err; e.mu.Unlock() }

// FailShare makes the next shares fail to start; nil ends that.
func (e *Engine) FailShare(err error) { e.mu.Lock(); e.shareErr = err; e.mu.Unlock() }

// Recorder is the open recorder, nil when there is none.
func (e *Engine) Recorder() *Recorder { e.mu.Lock(); defer e.mu.Unlock(); return e.recorder }

// Publisher is the running share, nil when there is none.
func (e *Engine) Publisher() *Publisher { e.mu.Lock(); defer e.mu.Unlock(); return e.publisher }

// Opened counts recorders opened so far, ShareTries attempts to share.
func (e *Engine) Opened() int { e.mu.Lock(); defer e.mu.Unlock(); return e.opened }

// ShareTries counts attempts to share.
func (e *Engine) ShareTries() int { return len(e.Shares()) }

// Shares are all attempts to share.
func (e *Engine) Shares() []session.ShareConfig {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.shares)
}

// Record implements session.Engine.
func (e *Engine) Record(_ context.Context, c capture.Config) (session.Recorder, error) {
	if err := e.refused(c); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.recordErr != nil {
		return nil, e.recordErr
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if e.recorder != nil {
		return nil, errors.New("two recorders at once")
	}
	e.opened++
	e.recorder = &Recorder{engine: e, cfg: c, since: time.Now()}
	return e.recorder, nil
}

// HoldShare makes attempts to share wait until they are given up, as those that wait for the server do; they have
// joined the room by then.
func (e *Engine) HoldShare(on bool) { e.mu.Lock(); e.holdShare = on; e.mu.Unlock() }

// Share implements session.Engine.
func (e *Engine) Share(ctx context.Context, rec session.Recorder, c session.ShareConfig) (session.Publisher, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shares = append(e.shares, c)
	if e.holdShare {
		e.mu.Unlock()
		<-ctx.Done()
		e.mu.Lock()
	}
	if e.shareErr != nil {
		return nil, e.shareErr
	}
	if rec != session.Recorder(e.recorder) {
		return nil, errors.New("the share is of a recorder that is not open")
	}
	e.publisher = &Publisher{engine: e, Config: c, status: session.ShareStatus{State: "live", Room: c.Room,
		Recording: "active", Muted: c.Muted}, clips: map[string]float64{}}
	if c.Continue != nil {
		e.publisher.status.ReplayID = c.Continue.ID()
	}
	return e.publisher, nil
}

// Ended lists the replays that were ended, the oldest first.
func (e *Engine) Ended() []string { e.mu.Lock(); defer e.mu.Unlock(); return slices.Clone(e.ended) }

// Recorder keeps time and writes files.
type Recorder struct {
	engine *Engine

	mu        sync.Mutex
	cfg       capture.Config
	since     time.Time
	screen    capture.SourceState
	hold      chan struct{}
	holdApply func()
	inFlight  int
	closed    bool
	names     int
	applied   int
	pins      int
	apart     []string
	notBefore time.Duration // of the last of these

	marks     []string
	recording *Recording
}

// Config is what was applied last, with what is muted just now.
func (r *Recorder) Config() capture.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.cfg
	c.Desktop.Muted, c.Mic.Muted = c.Desktop.Muted || c.Mutes.Desktop(), c.Mic.Muted || c.Mutes.Mic()
	return c
}

// HoldApply makes Apply wait until the returned function is called, as an encoder's trial does; waiting is closed
// when one does.
func (r *Recorder) HoldApply() (waiting <-chan struct{}, release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	began, c := make(chan struct{}), make(chan struct{})
	r.holdApply = func() { close(began); <-c }
	return began, func() { close(c) }
}

// Applied counts what was applied.
func (r *Recorder) Applied() int { r.mu.Lock(); defer r.mu.Unlock(); return r.applied }

// FailScreen gives the screen source an error; an empty text ends that.
func (r *Recorder) FailScreen(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.screen = capture.SourceState{}
	if text != "" {
		r.screen = capture.SourceState{State: media.Failed, Error: text}
	}
}

// CloseWindow makes the captured window one that is closed.
func (r *Recorder) CloseWindow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.screen = capture.SourceState{State: media.Waiting, Reason: media.Closed, Error: "The window is closed."}
}

// Hold makes saves wait until the returned function is called.
func (r *Recorder) Hold() (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := make(chan struct{})
	r.hold = c
	return func() {
		r.mu.Lock()
		r.hold = nil
		r.mu.Unlock()
		close(c)
	}
}

// Apply implements session.Recorder.
func (r *Recorder) Apply(c capture.Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	r.mu.Lock()
	hold := r.holdApply
	r.holdApply = nil
	r.mu.Unlock()
	if hold != nil {
		hold()
	}
	if err := r.engine.refused(c); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg = c
	r.applied++
	return nil
}

// Line implements session.Recorder. It knows no pauses.
func (r *Recorder) Line() time.Duration { return r.Now() }

// NotBefore is the bound of the last clip that was saved for somebody else.
func (r *Recorder) NotBefore() time.Duration { r.mu.Lock(); defer r.mu.Unlock(); return r.notBefore }

// Now implements session.Recorder.
func (r *Recorder) Now() time.Duration { return time.Since(r.since) }

// Status implements session.Recorder.
func (r *Recorder) Status() capture.Status {
	r.mu.Lock()
	cfg := r.cfg
	r.mu.Unlock()
	desktop, mic := r.engine.sound(cfg.Desktop), r.engine.sound(cfg.Mic) // under the engine's lock, which comes first
	r.mu.Lock()
	defer r.mu.Unlock()
	s := capture.Status{Screen: r.screen, Encoder: "memory", Width: 1280, Height: 720, FrameRate: r.cfg.Video.FrameRate}
	if s.Screen.State == "" {
		s.Screen = capture.SourceState{State: media.Running, Device: ":0"}
	}
	if cfg.SoundOnly {
		s.Screen = capture.SourceState{State: media.Off}
	}
	s.Desktop, s.Mic = desktop, mic
	s.Buffered = min(time.Since(r.since), r.cfg.Replay)
	return s
}

func (e *Engine) sound(c capture.SoundConfig) capture.SourceState {
	if !c.Enabled {
		return capture.SourceState{State: media.Off, PeakDB: -100, RMSDB: -100}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if text := e.gone[c.Device]; text != "" {
		return capture.SourceState{State: media.Failed, Error: text, PeakDB: -100, RMSDB: -100}
	}
	return capture.SourceState{State: media.Running, Device: c.Device, PeakDB: -20, RMSDB: -26}
}

// Save implements session.Recorder: it writes a file whose text says what was asked for. It refuses a bound to its time
// where nobody waits: how long a drive needs depends on the clip's size, which the recorder alone knows.
func (r *Recorder) Save(ctx context.Context, q capture.SaveRequest) (clip.Clip, error) {
	if _, bounded := ctx.Deadline(); bounded && !q.Apart {
		return clip.Clip{}, errors.New("the time for a save was bound without its size")
	}
	r.mu.Lock()
	hold, folder := r.hold, r.cfg.ClipFolder
	r.inFlight++
	r.names++
	path := filepath.Join(folder, fmt.Sprintf("clip %d.mp4", r.names))
	if q.Apart {
		r.apart, r.notBefore = append(r.apart, q.Title), q.NotBefore
	}
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.inFlight--
		r.mu.Unlock()
	}()
	if q.After > 0 {
		timer := time.NewTimer(q.After)
		defer timer.Stop()
		select {
		case <-timer.C:
			q.Length += q.After
		case <-q.Flush:
		case <-ctx.Done():
			return clip.Clip{}, ctx.Err()
		}
	}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return clip.Clip{}, ctx.Err()
		}
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return clip.Clip{}, fmt.Errorf("the clip folder cannot be made: %w", err)
	}
	text := fmt.Sprintf("%v until %v", q.Length, q.Press)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return clip.Clip{}, err
	}
	return clip.Clip{Path: path, Seconds: q.Length.Seconds(), Bytes: int64(len(text)), Width: 1280, Height: 720,
		Created: time.Now()}, nil
}

// Pin implements session.Recorder.
func (r *Recorder) Pin(_, _ time.Duration) (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pins++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.pins--
	}
}

// Apart lists the titles of the clips that were saved for somebody else.
func (r *Recorder) Apart() []string { r.mu.Lock(); defer r.mu.Unlock(); return slices.Clone(r.apart) }

// Pins counts what is pinned now.
func (r *Recorder) Pins() int { r.mu.Lock(); defer r.mu.Unlock(); return r.pins }

// Close implements session.Recorder. It refuses while anything still uses the recorder.
func (r *Recorder) Close() error {
	r.engine.mu.Lock()
	defer r.engine.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.engine.recorder = nil
	if r.inFlight > 0 || r.engine.publisher != nil {
		return errors.New("the recorder was closed under its users")
	}
	return nil
}

// Publisher is a share that is live at once.
type Publisher struct {
	engine *Engine
	Config session.ShareConfig

	mu     sync.Mutex
	status session.ShareStatus
	clips  map[string]float64
	press  []time.Time
	marks  []api.Mark
	titles []string
	told   api.RoomState
	heard  []api.RoomClip
	silent bool
}

// Tell implements session.Publisher.
func (p *Publisher) Tell(s api.RoomState) { p.mu.Lock(); p.told = s; p.mu.Unlock() }

// Told is what the room knows of the replay.
func (p *Publisher) Told() api.RoomState { p.mu.Lock(); defer p.mu.Unlock(); return p.told }

// Silence implements session.Publisher.
func (p *Publisher) Silence() { p.mu.Lock(); p.silent = true; p.mu.Unlock() }

// Silent is whether nothing is sent anymore.
func (p *Publisher) Silent() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.silent }

// Announce implements session.Publisher.
func (p *Publisher) Announce(clip api.RoomClip, _ bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, clip)
	return nil
}

// Heard are the clips that the room has heard of.
func (p *Publisher) Heard() []api.RoomClip {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.heard)
}

// SetStatus makes the share report something else.
func (p *Publisher) SetStatus(s session.ShareStatus) { p.mu.Lock(); p.status = s; p.mu.Unlock() }

// Status implements session.Publisher.
func (p *Publisher) Status() session.ShareStatus { p.mu.Lock(); defer p.mu.Unlock(); return p.status }

// Pressed lists the moments of the saves asked for.
func (p *Publisher) Pressed() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]time.Time{}, p.press...)
}

// Marks lists the marks of the saves asked for.
func (p *Publisher) Marks() []api.Mark {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.marks)
}

// Titles lists the titles of the saves asked for.
func (p *Publisher) Titles() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.titles)
}

// Save implements session.Publisher.
func (p *Publisher) Save(_ context.Context, seconds float64, pressedAt time.Time, title string,
	marks ...api.Mark) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := fmt.Sprintf("clip-%d", len(p.clips)+1)
	p.clips[id] = seconds
	p.press = append(p.press, pressedAt)
	p.titles = append(p.titles, title)
	p.marks = append(p.marks, marks...)
	return id, nil
}

// WaitClip implements session.Publisher.
func (p *Publisher) WaitClip(_ context.Context, id string) (api.Clip, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seconds, ok := p.clips[id]
	if !ok {
		return api.Clip{}, fmt.Errorf("there is no clip %s", id)
	}
	return api.Clip{ClipID: id, State: api.ClipReady, Seconds: seconds, URL: api.Prefix + "/clips/" + id + "/video"}, nil
}

// Leave implements session.Publisher.
func (p *Publisher) Leave(context.Context) (session.Replay, error) {
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	p.engine.publisher = nil
	if id := p.Status().ReplayID; id != "" {
		return &Replay{engine: p.engine, id: id}, nil
	}
	return nil, nil
}

// Close implements session.Publisher.
func (p *Publisher) Close(context.Context) error {
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	p.engine.publisher = nil
	if id := p.Status().ReplayID; id != "" {
		p.engine.ended = append(p.engine.ended, id)
	}
	return nil
}

// Replay is what a Publisher has left.
type Replay struct {
	engine *Engine
	id     string

	mu   sync.Mutex
	told api.RoomState
}

// ID implements session.Replay.
func (r *Replay) ID() string { return r.id }

// Tell implements session.Replay.
func (r *Replay) Tell(s api.RoomState) { r.mu.Lock(); r.told = s; r.mu.Unlock() }

// Told is the state of the replay that it has heard of last.
func (r *Replay) Told() api.RoomState { r.mu.Lock(); defer r.mu.Unlock(); return r.told }

// End implements session.Replay.
func (r *Replay) End(context.Context) error {
	r.engine.mu.Lock()
	defer r.engine.mu.Unlock()
	r.engine.ended = append(r.engine.ended, r.id)
	return nil
}
