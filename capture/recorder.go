package capture

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/fanout"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/replay"
	"github.com/hindsight-app/hindsight/capture/source"
	"github.com/hindsight-app/hindsight/capture/source/x11"
)

// ErrNothingYet says that a save found no picture in the buffer.
var ErrNothingYet = errors.New("there is nothing to save yet; the replay has just begun")

// ErrNothingNew says that a save found nothing behind the clip before it.
var ErrNothingNew = errors.New("there is nothing new to save since the last clip; settings, Replay, can let clips overlap")

// ErrReplayOff says that a save came while no replay is kept.
var ErrReplayOff = errors.New("the replay is off; turn it on first")

// Recorder films, mixes, encodes and remembers. Its methods may be called from any goroutine.
type Recorder struct {
	log *slog.Logger
	fan *fanout.Fanout
	// kept is the stream without its pauses, for recordings.
	kept     *fanout.Fanout
	ring     *replay.Ring
	pictures *pictures
	sound    *sound

	journal atomic.Pointer[replay.Journal]
	replays atomic.Bool
	pauses  pauses
	sharing atomic.Bool // Config.Sharing, for the source's goroutine

	change sync.Mutex // one Apply or Close at a time
	closed bool       // guarded by change

	mu     sync.Mutex // never held while anything is waited for
	config Config
	screen *source.Supervisor
	held   *x11.Held // guarded by change; the window that is captured
	marks  []replay.Mark
	// lastEnd is where the newest clip ends, on the recorder's clock.
	lastEnd    time.Duration
	recordings map[*Recording]struct{}
	// illustrating are the saves whose clips get their pictures.
	illustrating sync.WaitGroup
}

// Open starts a recorder. The error is for what no second try would heal: a configuration that cannot be used, no
// GStreamer, no encoder. A display or sound device that is missing shows up in Status and is tried again.
func Open(ctx context.Context, c Config) (*Recorder, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := gst.Init(); err != nil {
		return nil, err
	}
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	name, err := checkEncoder(ctx, c.Video)
	if err != nil {
		return nil, err
	}
	r := &Recorder{log: log, fan: fanout.New(), kept: fanout.New(), ring: replay.New(c.Replay, ringBytes(c)), config: c, recordings: map[*Recording]struct{}{}, held: &x11.Held{}}
	r.pictures = startPictures(c.Video, name, gst.Now, r.emit, log)
	_, _, screen := c.Mutes.switches()
	r.pictures.pause = newGate(gst.Now, screen...)
	if c.Paused {
		r.pauses.begin(gst.Now(), pauseAsked)
	}
	r.sharing.Store(c.Sharing)
	r.keep(c)
	r.sound = &sound{now: gst.Now, emit: r.emit, wants: r.wants, mutes: c.Mutes, log: log}
	if err := r.sound.apply(c.Desktop, c.Mic, c.SeparateSound, c.Paused); err != nil {
		log.Error("sound is off", "err", err)
	}
	r.screen = r.openScreen(c)
	if err := clip.RemoveStale(c.ClipFolder, time.Now()); err != nil {
		log.Warn("unfinished files stay in the clip folder", "err", err)
	}
	return r, nil
}

// ringBytes is the bound of the ring's memory: twice what the bitrates need, for streams that overshoot.
func ringBytes(c Config) int64 {
	if c.MaxReplayBytes > 0 {
		return c.MaxReplayBytes
	}
	kbps := c.Video.BitrateKbps
	if kbps == 0 {
		kbps = encode.DefaultBitrateKbps(3840, 2160, c.Video.FrameRate)
	}
	const soundKbps = 3 * 192
	return int64((c.Replay + 5*time.Second).Seconds() * float64(kbps+soundKbps) * 1000 / 8 * 2)
}

// emit receives every encoded packet. It runs on the encoders' goroutines and takes no lock of the recorder's: they are
// waited for under those.
func (r *Recorder) emit(p *media.Packet) {
	r.remember(p)
	r.fan.Write(p)
	if p.Track == media.Opus {
		r.pictures.lower.fan.Write(p)
	}
}

// remember keeps a packet in the ring, the journal and the recordings, unless it belongs to a pause.
func (r *Recorder) remember(p *media.Packet) {
	p, want := r.pauses.keep(p)
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
	return t.ForClips() && r.replays.Load() || r.fan.Wants(t) || r.kept.Wants(t) || t == media.Opus && r.pictures.lower.fan.Wants(t)
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

// openScreen begins to film; in a pause that waits for its end.
func (r *Recorder) openScreen(c Config) *source.Supervisor {
	if c.Paused {
		return source.Idle()
	}
	v := c.Video
	return source.OpenScreen(source.Screen{
		Way: v.Way, TokenFile: v.TokenFile, Display: v.Display, Target: v.Target, Held: r.held,
		Stay: r.sharing.Load, Gone: r.gone, HideCursor: v.HideCursor,
		FrameRate: v.FrameRate, Frame: r.pictures.offer, Same: r.pictures.offerSame,
	}, r.log)
}

// gone begins a pause while what is captured is gone, so that its last picture does not push out what was kept of it.
// Who watches the stream sees that picture all the while.
func (r *Recorder) gone(gone bool) {
	if gone {
		r.pauses.begin(gst.Now(), pauseGone)
		return
	}
	r.pauses.end(gst.Now(), pauseGone)
}

// Apply changes a running recorder to a new configuration. What is buffered stays. A configuration that is not valid, or
// whose encoder does not work, is refused as a whole.
func (r *Recorder) Apply(c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	r.change.Lock()
	defer r.change.Unlock()
	if r.closed {
		return errors.New("the recorder is closed")
	}
	old, screen := r.now()
	// All that may be refused is tried first, so that nothing has changed then.
	if err := r.sound.check(c.Desktop, c.Mic); err != nil {
		return err
	}
	if err := r.applyVideo(old.Video, c.Video); err != nil {
		return err
	}
	r.sharing.Store(c.Sharing)
	r.keep(c)
	if c.Paused {
		r.pauses.begin(gst.Now(), pauseAsked)
	}
	if o, n := old.Video, c.Video; o.Way != n.Way || o.Asked != n.Asked || o.Display != n.Display || o.Target != n.Target ||
		o.HideCursor != n.HideCursor || o.FrameRate != n.FrameRate || old.Paused != c.Paused {
		_ = screen.Close()
		if o.Asked != n.Asked {
			_ = os.Remove(n.TokenFile)
		}
		if o.Asked != n.Asked || o.Way != n.Way || o.Display != n.Display || o.Target != n.Target {
			r.held = &x11.Held{} // the user chose anew
			r.pictures.another()
		}
		screen = r.openScreen(c)
	}
	r.mu.Lock()
	r.config, r.screen = c, screen
	r.mu.Unlock()
	if !c.Paused {
		r.pauses.end(gst.Now(), pauseAsked)
	}
	return r.sound.apply(c.Desktop, c.Mic, c.SeparateSound, c.Paused)
}

// now is the configuration and the screen as they are.
func (r *Recorder) now() (Config, *source.Supervisor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config, r.screen
}

// applyVideo hands a new picture configuration on, with a trial where another encoder may be wanted.
func (r *Recorder) applyVideo(old, now VideoConfig) error {
	if old.forEncoder() == now.forEncoder() {
		return nil
	}
	name := r.pictures.info().Encoder
	if old.Encoder != now.Encoder || name == "" {
		var err error
		if name, err = checkEncoder(context.Background(), now); err != nil {
			return err
		}
	}
	r.pictures.apply(now, name)
	return nil
}

// NewReader adds a bounded reader of encoded packets; see fanout.Fanout.
func (r *Recorder) NewReader(capacity int, tracks ...media.Track) *fanout.Reader {
	return r.fan.NewReader(capacity, tracks...)
}

// RequestKeyframe makes the next picture an IDR.
func (r *Recorder) RequestKeyframe() { r.pictures.requestKey() }

// SetBitrate changes the target in kb/s of the running encoder.
func (r *Recorder) SetBitrate(kbps int) {
	r.pictures.with(func(v *encode.Video) {
		if err := v.SetBitrate(kbps); err != nil {
			r.log.Warn("the bitrate stays", "err", err)
		}
	})
}

// Video describes the encoded pictures; width and height are 0 before the first one.
func (r *Recorder) Video() media.TrackInfo { return r.pictures.info() }

// HasSound says whether any sound source is on.
func (r *Recorder) HasSound() bool { return r.sound.running() }

// Now is the recorder's clock.
func (r *Recorder) Now() time.Duration { return gst.Now() }

// why explains an empty buffer.
func (r *Recorder) why() error {
	if err := r.pictures.failure(); err != nil {
		return err
	}
	_, screen := r.now()
	if st := screen.Status(); st.Err != nil {
		return st.Err
	}
	return ErrNothingYet
}

// Status is a snapshot of what the recorder does.
func (r *Recorder) Status() Status {
	c, screen := r.now()
	var s Status
	s.Screen = stateOf(screen.Status())
	if err := r.pictures.failure(); err != nil {
		s.Screen.State, s.Screen.Error = source.Failed, err.Error()
	}
	s.Desktop, s.Mic = r.sound.states()
	info := r.pictures.info()
	s.Encoder, s.Width, s.Height, s.FrameRate, s.BitrateKbps = info.Encoder, info.Width, info.Height, info.FrameRate, info.BitrateKbps
	s.Buffered, s.BufferedBytes = r.ring.Buffered()
	s.Buffered = min(s.Buffered, c.Replay)
	s.Frames, s.Repeated, s.Dropped = r.pictures.encoded.Load(), r.pictures.repeated.Load(), r.pictures.dropped.Load()
	return s
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
	err := errors.Join(r.fan.Close(), r.kept.Close(), r.pictures.lower.fan.Close(), screen.Close())
	r.sound.close()
	r.pictures.close()
	if j := r.journal.Swap(nil); j != nil {
		err = errors.Join(err, j.Close())
	}
	return err
}
