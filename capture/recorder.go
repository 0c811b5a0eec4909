package capture

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/audio"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/fanout"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mix"
	"github.com/hindsight-app/hindsight/capture/mute"
	"github.com/hindsight-app/hindsight/capture/replay"
	"github.com/hindsight-app/hindsight/capture/source"
	"github.com/hindsight-app/hindsight/capture/video"
)

// errNothingYet says that a save found no frame in the buffer.
var errNothingYet = errors.New("nothing is buffered yet; try again in a moment")

// ErrNothingNew says that a save found nothing behind the clip before it.
var ErrNothingNew = errors.New("there is nothing new since the last clip; to let clips overlap, turn off Avoid " +
	"overlap in Settings, Replay and clips")

// ErrReplayOff says that a save came while no replay is kept.
var ErrReplayOff = errors.New("the replay buffer is off; turn it on first")

// Recorder captures, mixes, encodes and remembers. Its methods may be called from any goroutine.
type Recorder struct {
	log *slog.Logger
	fan *fanout.Fanout
	// kept is the stream without its pauses, for recordings.
	kept *fanout.Fanout
	// low is what readers of the low-resolution layer get.
	low   *fanout.Fanout
	ring  *replay.Ring
	video *video.Pipeline
	sound *audio.Pipeline

	journal atomic.Pointer[replay.Journal]
	replays atomic.Bool
	pauses  replay.Pauses
	sharing atomic.Bool // Config.Sharing, for the source's goroutine

	change sync.Mutex // one Apply or Close at a time
	closed bool       // guarded by change

	mu     sync.Mutex // never held while anything is waited for
	config Config
	screen *source.Supervisor
	held   *source.Held // guarded by change; the window that is captured
	marks  []replay.Mark
	// lastEnd is where the newest clip ends, on the recorder's clock.
	lastEnd    time.Duration
	recordings map[*Recording]struct{}
	// illustrating are the saves whose clips are getting their covers.
	illustrating sync.WaitGroup
}

// Open starts a recorder. It returns an error for what a retry would not fix: a configuration that cannot be used, no
// encoder. A display or sound device that is missing shows up in Status and is retried.
func Open(ctx context.Context, c Config) (*Recorder, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var name string
	if !c.SoundOnly {
		var err error
		if name, err = video.Check(ctx, c.Video.FrameRate, c.Video.Encoding); err != nil {
			return nil, err
		}
	}
	r := &Recorder{log: log, fan: fanout.New(), kept: fanout.New(), low: fanout.New(),
		ring: replay.New(c.Replay, ringBytes(c)), config: c,
		recordings: map[*Recording]struct{}{}, held: &source.Held{}}
	_, _, screen := c.Mutes.Switches()
	r.video = video.Start(video.Config{
		FrameRate: c.Video.FrameRate, Encoding: c.Video.Encoding, Encoder: name, Gate: mute.NewGate(clock.Now, screen...),
		Now: clock.Now, Full: r.emit, Low: r.low.Write, Log: log,
		WantsFull: func() bool { return r.replays.Load() || r.wants(media.Video) },
		WantsLow:  func() bool { return r.low.Wants(media.Video) },
	})
	if c.Paused {
		r.pauses.Begin(clock.Now(), replay.PauseAsked)
	}
	r.sharing.Store(c.Sharing)
	r.keep(c)
	r.sound = audio.New(audio.Options{Now: clock.Now, Emit: r.emit, Wants: r.wants, Mutes: c.Mutes, Log: log})
	if err := r.sound.Apply(c.Desktop, c.Mic, c.SeparateSound, c.Paused); err != nil {
		log.Error("sound is off", "err", err)
	}
	r.screen = r.openScreen(c)
	go func() { // nobody waits for it: a network folder may hang
		if err := clip.RemoveStale(c.ClipFolder, time.Now()); err != nil {
			log.Warn("unfinished files stay in the clip folder", "err", err)
		}
	}()
	return r, nil
}

// ringBytes is the bound of the ring's memory: twice what the bitrates need, for streams that overshoot, and where the
// bitrate is automatic, twice what that of a 4K frame would.
func ringBytes(c Config) int64 {
	const soundKbps = 3 * 192
	kbps := c.Video.kbps(3840, 2160) + soundKbps
	return int64((c.Replay + 5*time.Second).Seconds() * float64(kbps) * 1000 / 8 * 2)
}

// emit receives every encoded packet. It runs on the encoders' goroutines and takes no lock of the recorder's: they are
// waited for under those.
func (r *Recorder) emit(p *media.Packet) {
	r.remember(p)
	r.fan.Write(p)
	if p.Track == media.Opus {
		r.low.Write(p)
	}
}

// remember keeps a packet in the ring, the journal and the recordings, unless it belongs to a pause.
func (r *Recorder) remember(p *media.Packet) {
	p, want := r.pauses.Keep(p)
	if p != nil && r.replays.Load() {
		want = r.ring.Write(p)
		if j := r.journal.Load(); j != nil {
			j.Write(p)
		}
	}
	if p != nil {
		r.kept.Write(p)
	}
	if want {
		r.RequestKeyframe()
	}
}

// wants says whether a track is of use to anybody.
func (r *Recorder) wants(t media.Track) bool {
	return t.ForClips() && r.replays.Load() || r.fan.Wants(t) || r.kept.Wants(t) ||
		t == media.Opus && r.low.Wants(t)
}

// keep brings ring and journal to the configured length. It runs under change or before the recorder is shared.
func (r *Recorder) keep(c Config) {
	r.replays.Store(c.Replay > 0)
	j := r.journal.Load()
	if c.Replay == 0 || c.JournalFolder == "" {
		r.journal.Store(nil)
		if j != nil {
			_ = j.Close()
		}
	} else if j != nil {
		j.SetLength(c.Replay)
	} else if j, err := replay.NewJournal(c.JournalFolder, c.Replay, r.log); err != nil {
		r.log.Warn("a crash would lose the replay", "err", err)
	} else {
		r.journal.Store(j)
		r.RequestKeyframe()
	}
	if c.Replay == 0 {
		r.ring.Clear()
	} else {
		r.ring.SetBounds(c.Replay, ringBytes(c))
	}
}

// openScreen begins to capture; in a pause that waits for its end, and for sound alone there is no screen.
func (r *Recorder) openScreen(c Config) *source.Supervisor {
	if c.Paused || c.SoundOnly {
		return source.Idle()
	}
	v := c.Video
	return source.OpenScreen(source.Screen{
		Backend: v.Backend, TokenFile: v.TokenFile, Display: v.Display, Target: v.Target, Held: r.held,
		Stay: r.sharing.Load, Gone: r.gone, HideCursor: v.HideCursor,
		FrameRate: v.FrameRate, Frame: r.video.Offer, Same: r.video.OfferSame,
	}, r.log)
}

// gone starts a pause while the capture source is gone, so that its last frame does not push out what was kept of it.
// Viewers of the stream see that frame in the meantime.
func (r *Recorder) gone(gone bool) {
	if gone {
		r.pauses.Begin(clock.Now(), replay.PauseGone)
		return
	}
	r.pauses.End(clock.Now(), replay.PauseGone)
}

// Apply changes a running recorder to a new configuration. What is buffered stays. A configuration that is not valid,
// or whose encoder does not work, is refused as a whole.
func (r *Recorder) Apply(c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	r.change.Lock()
	defer r.change.Unlock()
	if r.closed {
		return errors.New("the recorder is closed")
	}
	// Whatever becomes of the rest: viewers are not shown another window by itself.
	r.sharing.Store(c.Sharing)
	old, screen := r.now()
	// All that may be refused is tried first, so that nothing has changed then.
	if err := r.sound.Check(c.Desktop, c.Mic); err != nil {
		return err
	}
	if err := r.applyVideo(old, c); err != nil {
		return err
	}
	r.keep(c)
	if c.Paused {
		r.pauses.Begin(clock.Now(), replay.PauseAsked)
	}
	if o, n := old.Video.ScreenConfig, c.Video.ScreenConfig; n.reopens(o) || old.Paused != c.Paused ||
		old.SoundOnly != c.SoundOnly {
		_ = screen.Close()
		if o.Asked != n.Asked {
			_ = os.Remove(n.TokenFile)
		}
		if n.another(o) {
			r.held = &source.Held{} // the user chose again
			r.video.Another()
		}
		screen = r.openScreen(c)
	}
	r.mu.Lock()
	r.config, r.screen = c, screen
	r.mu.Unlock()
	if !c.Paused {
		r.pauses.End(clock.Now(), replay.PauseAsked)
	}
	return r.sound.Apply(c.Desktop, c.Mic, c.SeparateSound, c.Paused)
}

// now is the configuration and the screen as they are.
func (r *Recorder) now() (Config, *source.Supervisor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config, r.screen
}

// applyVideo hands a new video configuration on, with a trial where another encoder may be wanted. Where there is sound
// only, that waits for its end.
func (r *Recorder) applyVideo(before, after Config) error {
	old, now := before.Video, after.Video
	if after.SoundOnly || !before.SoundOnly && old.FrameRate == now.FrameRate && old.Encoding == now.Encoding {
		return nil
	}
	name := r.video.Full.Info().Encoder
	if before.SoundOnly || old.Encoder != now.Encoder || name == "" {
		var err error
		if name, err = video.Check(context.Background(), now.FrameRate, now.Encoding); err != nil {
			return err
		}
	}
	r.video.Apply(now.FrameRate, now.Encoding, name)
	return nil
}

// NewReader adds a bounded reader of encoded packets; see fanout.Fanout.
func (r *Recorder) NewReader(capacity int, tracks ...media.Track) *fanout.Reader {
	return r.fan.NewReader(capacity, tracks...)
}

// RequestKeyframe makes the next frame an IDR.
func (r *Recorder) RequestKeyframe() { r.video.Full.RequestKeyframe() }

// SetBitrate changes the target in kb/s of the running encoder.
func (r *Recorder) SetBitrate(kbps int) { r.video.Full.SetBitrate(kbps) }

// Video describes the encoded frames; width and height are 0 before the first one.
func (r *Recorder) Video() media.TrackInfo {
	info := r.video.Full.Info()
	if info.Width == 0 {
		c, _ := r.now()
		info.FrameRate = c.Video.FrameRate
	}
	return info
}

// HasSound says whether any sound source is on.
func (r *Recorder) HasSound() bool { return r.sound.Running() }

// Now is the recorder's clock.
func (r *Recorder) Now() time.Duration { return clock.Now() }

// why explains an empty buffer.
func (r *Recorder) why() error {
	if err := r.video.Full.Err(); err != nil {
		return err
	}
	_, screen := r.now()
	if st := screen.Status(); st.Err != nil {
		return st.Err
	}
	return errNothingYet
}

// Status is a snapshot of what the recorder does.
func (r *Recorder) Status() Status {
	c, screen := r.now()
	var s Status
	s.Screen = stateOf(audio.State{Status: screen.Status(), PeakDB: mix.SilenceDB, RMSDB: mix.SilenceDB})
	if c.SoundOnly {
		s.Screen.State = media.Off
	} else if err := r.video.Full.Err(); err != nil {
		s.Screen.State, s.Screen.Error = media.Failed, err.Error()
	}
	desktop, mic := r.sound.States()
	s.Desktop, s.Mic = stateOf(desktop), stateOf(mic)
	info := r.Video()
	s.Encoder, s.Width, s.Height, s.FrameRate, s.BitrateKbps = info.Encoder, info.Width, info.Height, info.FrameRate,
		info.BitrateKbps
	s.Buffered, s.BufferedBytes = r.ring.Buffered()
	s.Buffered = min(s.Buffered, c.Replay)
	s.Frames, s.Repeated, s.Dropped = r.video.Full.Counts()
	return s
}

// stateOf is a source's state as a Recorder tells it.
func stateOf(s audio.State) SourceState {
	st := SourceState{State: s.State, Reason: s.Reason, Device: s.Device, PeakDB: s.PeakDB, RMSDB: s.RMSDB}
	if s.Err != nil {
		st.Error = s.Err.Error()
	}
	return st
}

// Close ends the readers, the encoders and the sources, and waits for all. It may be called twice.
func (r *Recorder) Close() error {
	r.change.Lock()
	defer r.change.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	_, screen := r.now()
	r.endRecordings()
	r.illustrating.Wait()
	err := errors.Join(r.fan.Close(), r.kept.Close(), r.low.Close(), screen.Close())
	r.sound.Close()
	r.video.Close()
	if j := r.journal.Swap(nil); j != nil {
		err = errors.Join(err, j.Close())
	}
	return err
}
