// Package audio records desktop sound and microphone, mixes them into one track and encodes it.
//
// A Pipeline opens its sources, has the mixer put their sound together, block by block on the clock, and gives each
// block to the encoders of the tracks that have readers. What a mute says is compared with the time at which sound was
// captured, in the mixer.
//
// Goroutines: one that mixes and encodes while any source is on, and those of the sources and encoders. Close ends the
// sources, then the mixing and its encoders, and waits; it may be called twice.
package audio

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mix"
	"github.com/hindsight-app/hindsight/capture/mute"
	"github.com/hindsight-app/hindsight/capture/source"
)

// retrySound is the pause before a sound encoder that failed is opened again.
const retrySound = time.Second

// input is one sound source of the recorder.
type input struct {
	monitor bool
	config  Config
	mix     *mix.Input
	muted   *mute.Switch       // by the configuration
	source  *source.Supervisor // nil while off
	paused  bool
}

// Config configures one sound source of the mix.
type Config struct {
	// Enabled opens the device at all.
	Enabled bool
	// Device is the sound server's name of the device; empty follows the system's default. For the desktop it may also
	// be a program, which begins with source.Application: then only that program is captured.
	Device string
	// GainDB is the gain in dB, -60 to +20.
	GainDB float64
	// Suppress takes steady noise out of a microphone.
	Suppress bool
	// CancelEcho removes what the desktop plays from a microphone that picks it up from loudspeakers, while both are
	// enabled.
	CancelEcho bool
	// Mono plays the mean of left and right on both sides, for a source with sound on one side only.
	Mono bool
	// Muted plays silence in the source's place without closing the device.
	Muted bool
}

// Options are what a Pipeline begins with.
type Options struct {
	// Now is the clock that everything is stamped on.
	Now func() time.Duration
	// Emit receives the packets.
	Emit encode.Emit
	// Wants says whether a track has readers; a track without readers is not encoded.
	Wants func(media.Track) bool
	// Mutes silence sources beside their configuration; nil mutes nothing.
	Mutes *mute.Mutes
	Log   *slog.Logger
}

// Pipeline mixes and encodes while at least one source is on. Apply and Close are called one at a time, the other
// methods from any goroutine.
type Pipeline struct {
	Options

	cancel context.CancelFunc
	done   chan struct{}

	mixer *mix.Mixer
	echo  *canceller // of the microphone; nil while off

	mu           sync.Mutex // never held while anything is waited for
	on           bool       // mixing
	desktop, mic input
	separate     bool // the sources are also encoded separately
	err, echoErr error
}

// New makes a pipeline without sources.
func New(o Options) *Pipeline { return &Pipeline{Options: o} }

// Apply brings the sources to their configuration; paused leaves them closed and mixes silence.
func (s *Pipeline) Apply(desktop, mic Config, separate, paused bool) error {
	s.mu.Lock()
	s.separate = separate
	s.mu.Unlock()
	if !desktop.Enabled && !mic.Enabled {
		s.Close()
		return nil
	}
	if !s.Running() {
		if err := s.start(); err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.err = err
			return err
		}
	}
	s.set(&s.desktop, desktop, paused)
	s.cancelEcho(desktop.Enabled && mic.Enabled && mic.CancelEcho, mic.Suppress)
	if s.echo != nil {
		mic.Suppress = false // that is done where the echo is canceled, which needs the unprocessed sound
	}
	s.set(&s.mic, mic, paused)
	return nil
}

// set brings one source to its configuration.
func (s *Pipeline) set(in *input, c Config, paused bool) {
	src := in.source
	if src != nil && (!c.Enabled || c.Device != in.config.Device || c.Suppress != in.config.Suppress ||
		paused != in.paused) {
		_ = src.Close()
		src = nil
	}
	if c.Enabled {
		in.mix.SetGain(c.GainDB)
		in.muted.Set(c.Muted)
		in.mix.SetMono(c.Mono)
		if src == nil && paused {
			src = source.Idle()
		} else if src == nil {
			src = source.OpenSound(source.Sound{Monitor: in.monitor, Device: c.Device, Suppress: c.Suppress, PCM: in.mix.Push},
				s.Log)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in.config, in.source, in.paused = c, src, paused
}

// Check says why sources cannot be brought to a configuration, before anything is.
func (s *Pipeline) Check(desktop, mic Config) error {
	if s.Running() || !desktop.Enabled && !mic.Enabled {
		return nil
	}
	for _, t := range []media.Track{media.Opus, media.AAC} {
		if err := encode.CheckSound(t); err != nil {
			return err
		}
	}
	return nil
}

// start begins to mix.
func (s *Pipeline) start() error {
	if err := s.Check(Config{Enabled: true}, Config{}); err != nil {
		return err
	}
	m := mix.New()
	s.mixer = m
	s.mu.Lock()
	s.on, s.err = true, nil
	s.desktop = input{monitor: true, mix: m.AddInput(), muted: &mute.Switch{}}
	s.mic = input{mix: m.AddInput(), muted: &mute.Switch{}}
	desktop, mic, _ := s.Mutes.Switches()
	s.desktop.mix.MuteWhile(mute.NewGate(s.Now, append(desktop, s.desktop.muted)...).Closed)
	s.mic.mix.MuteWhile(mute.NewGate(s.Now, append(mic, s.mic.muted)...).Closed)
	s.mu.Unlock()
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	s.done = make(chan struct{})
	go s.loop(ctx, m, s.done)
	return nil
}

// Close ends the sources, then the mixing and its encoders. Apply may begin again.
func (s *Pipeline) Close() {
	if s.Running() {
		s.set(&s.desktop, Config{}, false)
		s.set(&s.mic, Config{}, false)
		s.cancelEcho(false, false)
		s.cancel()
		<-s.done
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on, s.err = false, nil
}

// Running says whether any source is on.
func (s *Pipeline) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on
}

// loop mixes one block after the other, each a little after its end.
func (s *Pipeline) loop(ctx context.Context, m *mix.Mixer, done chan struct{}) {
	defer close(done)
	encoders := tracks{sound: s}
	defer encoders.close()
	block := make([]float32, blockFrames*media.Channels)
	own := sourceTracks{sound: s}
	next := newBlocks(s.Now())
	awaited := func(begin time.Duration) bool { return m.Awaits(begin, blockFrames, s.Now()-mostDelay) }
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if wait := next.wait(s.Now(), awaited); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
			continue
		}
		blocks := own.blocks()
		pts := m.Mix(next.at, block, blocks[:]...)
		next.mixed(s.Now())
		encoders.encode(media.Opus, media.PCM{PTS: pts, Samples: block})
		encoders.encode(media.AAC, media.PCM{PTS: pts, Samples: block})
		for i, track := range perSourceTracks {
			encoders.encode(track, media.PCM{PTS: pts, Samples: blocks[i]})
		}
	}
}

// perSourceTracks are the sources each for itself, in the order of the mixer's inputs.
var perSourceTracks = [2]media.Track{media.DesktopAAC, media.MicAAC}

// sourceTracks is the memory for them.
type sourceTracks struct {
	sound  *Pipeline
	memory [len(perSourceTracks)][]float32
}

// blocks are what the mixer fills now: nil for a source that is off, or where only the mix is wanted.
func (o *sourceTracks) blocks() (out [len(perSourceTracks)][]float32) {
	o.sound.mu.Lock()
	defer o.sound.mu.Unlock()
	for i, in := range []*input{&o.sound.desktop, &o.sound.mic} {
		if !o.sound.separate || in.source == nil {
			continue
		}
		if o.memory[i] == nil {
			o.memory[i] = make([]float32, blockFrames*media.Channels)
		}
		out[i] = o.memory[i]
	}
	return out
}

// tracks are the encoders of the mix. They belong to the mixing goroutine; each runs while its packets have readers,
// and one that fails is opened again after a pause.
type tracks struct {
	sound    *Pipeline
	encoders [media.TrackCount]*encode.Sound
	retryAt  [media.TrackCount]time.Duration
	reported bool
}

// encode hands a block to a track's encoder; an empty one ends it.
func (t *tracks) encode(track media.Track, pcm media.PCM) {
	if len(pcm.Samples) == 0 || !t.sound.Wants(track) {
		t.drop(track)
		return
	}
	err := t.one(track, pcm)
	if err == nil {
		return
	}
	t.drop(track)
	t.retryAt[track] = pcm.PTS + retrySound
	if !t.reported {
		t.sound.Log.Error("sound cannot be encoded; it is tried again", "track", track.String(), "err", err)
		t.reported = true
	}
}

func (t *tracks) one(track media.Track, pcm media.PCM) (err error) {
	e := t.encoders[track]
	if e == nil {
		if pcm.PTS < t.retryAt[track] {
			return nil
		}
		if e, err = encode.OpenSound(track, t.sound.Emit); err != nil {
			return err
		}
		t.encoders[track] = e
	}
	return e.Encode(pcm)
}

func (t *tracks) drop(track media.Track) {
	if e := t.encoders[track]; e != nil {
		t.encoders[track] = nil
		_ = e.Close()
	}
}

func (t *tracks) close() {
	for track := range media.TrackCount {
		t.drop(track)
	}
}

// State is what one source is doing.
type State struct {
	// Status is the device's; while it runs Err is of something that is done to its sound.
	source.Status
	// PeakDB and RMSDB are the level over the last 100 ms in dB of full scale; mix.SilenceDB is silence.
	PeakDB, RMSDB float64
}

// States are what the sources are doing.
func (s *Pipeline) States() (desktop, mic State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	desktop, mic = s.desktop.state(s.err), s.mic.state(s.err)
	if mic.State == media.Running && s.echoErr != nil {
		mic.Err = s.echoErr
	}
	return desktop, mic
}

func (in *input) state(err error) State {
	st := State{Status: source.Status{State: media.Off}, PeakDB: mix.SilenceDB, RMSDB: mix.SilenceDB}
	switch {
	case in.source != nil:
		st.Status = in.source.Status()
		st.PeakDB, st.RMSDB = in.mix.Level()
	case err != nil:
		st.Status = source.Status{State: media.Failed, Err: err}
	}
	return st
}
