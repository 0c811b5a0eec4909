package capture

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mix"
	"github.com/hindsight-app/hindsight/capture/source"
)

// retrySound is the pause before a sound encoder that failed is opened again.
const retrySound = time.Second

// input is one sound source of the recorder.
type input struct {
	monitor bool
	config  SoundConfig
	mix     *mix.Input
	muted   *muteSwitch        // by the configuration
	source  *source.Supervisor // nil while off
	paused  bool
}

// sound mixes and encodes while at least one source is on. The recorder calls apply and close one at a time.
type sound struct {
	now  func() time.Duration
	emit encode.Emit
	// wants says whether a track has readers; a track without readers is not encoded.
	wants func(media.Track) bool
	mutes *Mutes // nil mutes nothing
	log   *slog.Logger

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

// apply brings the sources to their configuration; paused leaves them closed and mixes silence.
func (s *sound) apply(desktop, mic SoundConfig, separate, paused bool) error {
	s.mu.Lock()
	s.separate = separate
	s.mu.Unlock()
	if !desktop.Enabled && !mic.Enabled {
		s.close()
		return nil
	}
	if !s.running() {
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
		mic.Suppress = false // that is done where the echo is cancelled, which needs the unprocessed sound
	}
	s.set(&s.mic, mic, paused)
	return nil
}

// set brings one source to its configuration.
func (s *sound) set(in *input, c SoundConfig, paused bool) {
	src := in.source
	if src != nil && (!c.Enabled || c.Device != in.config.Device || c.Suppress != in.config.Suppress ||
		paused != in.paused) {
		_ = src.Close()
		src = nil
	}
	if c.Enabled {
		in.mix.SetGain(c.GainDB)
		in.muted.set(c.Muted)
		in.mix.SetMono(c.Mono)
		if src == nil && paused {
			src = source.Idle()
		} else if src == nil {
			src = source.OpenSound(source.Sound{Monitor: in.monitor, Device: c.Device, Suppress: c.Suppress, PCM: in.mix.Push},
				s.log)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in.config, in.source, in.paused = c, src, paused
}

// check says why sources cannot be brought to a configuration, before anything is.
func (s *sound) check(desktop, mic SoundConfig) error {
	if s.running() || !desktop.Enabled && !mic.Enabled {
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
func (s *sound) start() error {
	if err := s.check(SoundConfig{Enabled: true}, SoundConfig{}); err != nil {
		return err
	}
	m := mix.New()
	s.mixer = m
	s.mu.Lock()
	s.on, s.err = true, nil
	s.desktop = input{monitor: true, mix: m.AddInput(), muted: &muteSwitch{}}
	s.mic = input{mix: m.AddInput(), muted: &muteSwitch{}}
	desktop, mic, _ := s.mutes.switches()
	s.desktop.mix.MuteWhile(newGate(s.now, append(desktop, s.desktop.muted)...).closed)
	s.mic.mix.MuteWhile(newGate(s.now, append(mic, s.mic.muted)...).closed)
	s.mu.Unlock()
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	s.done = make(chan struct{})
	go s.loop(ctx, m, s.done)
	return nil
}

// close ends the sources, then the mixing and its encoders. apply may begin again.
func (s *sound) close() {
	if s.running() {
		s.set(&s.desktop, SoundConfig{}, false)
		s.set(&s.mic, SoundConfig{}, false)
		s.cancelEcho(false, false)
		s.cancel()
		<-s.done
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on, s.err = false, nil
}

func (s *sound) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on
}

// loop mixes one block after the other, each a little after its end.
func (s *sound) loop(ctx context.Context, m *mix.Mixer, done chan struct{}) {
	defer close(done)
	encoders := tracks{sound: s}
	defer encoders.close()
	block := make([]float32, blockFrames*media.Channels)
	own := sourceTracks{sound: s}
	next := newBlocks(s.now())
	awaited := func(begin time.Duration) bool { return m.Awaits(begin, blockFrames, s.now()-mostDelay) }
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if wait := next.wait(s.now(), awaited); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
			continue
		}
		blocks := own.blocks()
		pts := m.Mix(next.at, block, blocks[:]...)
		next.mixed(s.now())
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
	sound  *sound
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
	sound    *sound
	encoders [media.TrackCount]*encode.Sound
	retryAt  [media.TrackCount]time.Duration
	reported bool
}

// encode hands a block to a track's encoder; an empty one ends it.
func (t *tracks) encode(track media.Track, pcm media.PCM) {
	if len(pcm.Samples) == 0 || !t.sound.wants(track) {
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
		t.sound.log.Error("sound cannot be encoded; it is tried again", "track", track.String(), "err", err)
		t.reported = true
	}
}

func (t *tracks) one(track media.Track, pcm media.PCM) (err error) {
	e := t.encoders[track]
	if e == nil {
		if pcm.PTS < t.retryAt[track] {
			return nil
		}
		if e, err = encode.OpenSound(track, t.sound.emit); err != nil {
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

func (s *sound) states() (desktop, mic SourceState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	desktop, mic = s.desktop.state(s.err), s.mic.state(s.err)
	if mic.State == source.Running && s.echoErr != nil {
		mic.Error = s.echoErr.Error()
	}
	return desktop, mic
}

func (in *input) state(err error) SourceState {
	if in.source == nil {
		st := stateOf(source.Status{State: "off"})
		if err != nil {
			st.State, st.Error = source.Failed, err.Error()
		}
		return st
	}
	st := stateOf(in.source.Status())
	st.PeakDB, st.RMSDB = in.mix.Level()
	return st
}

// stateOf is a source's status as a Recorder tells it; its level is silence.
func stateOf(s source.Status) SourceState {
	st := SourceState{State: s.State, Reason: s.Reason, Device: s.Device, PeakDB: mix.SilenceDB, RMSDB: mix.SilenceDB}
	if s.Err != nil {
		st.Error = s.Err.Error()
	}
	return st
}
