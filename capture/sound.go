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

const (
	// blockFrames is the length of one mixed block in sample frames: 20 ms, one Opus packet.
	blockFrames = 960
	// mixDelay is how long a block waits for its sources after its end. Where a busy machine delivers later, the wait
	// grows by delayStep up to mostDelay, and shrinks again after calmAfter without a late block. Times stay exact.
	mixDelay, mostDelay = 30 * time.Millisecond, time.Second
	delayStep           = 30 * time.Millisecond
	calmAfter           = 30 * time.Second
	// lostTime is how far the mixing may lag before it jumps ahead (the machine slept).
	lostTime = time.Second
)

// input is one sound source of the recorder.
type input struct {
	monitor bool
	config  SoundConfig
	mix     *mix.Input
	source  *source.Supervisor // nil while off
}

// sound mixes and encodes while at least one source is on.
type sound struct {
	now  func() time.Duration
	emit encode.Emit
	// wants says whether anybody takes a track; what nobody takes is not encoded.
	wants func(media.Track) bool
	log   *slog.Logger

	mu           sync.Mutex
	desktop, mic input
	cancel       context.CancelFunc
	done         chan struct{}
	err          error
}

func (s *sound) apply(desktop, mic SoundConfig) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !desktop.Enabled && !mic.Enabled {
		s.stop()
	} else if s.cancel == nil {
		if err := s.start(); err != nil {
			s.err = err
			return err
		}
	}
	s.err = nil
	s.set(&s.desktop, desktop)
	s.set(&s.mic, mic)
	return nil
}

// set brings one source to its configuration.
func (s *sound) set(in *input, c SoundConfig) {
	if in.source != nil && (!c.Enabled || c.Device != in.config.Device) {
		_ = in.source.Close()
		in.source = nil
	}
	in.config = c
	if !c.Enabled {
		return
	}
	in.mix.SetGain(c.GainDB, c.Muted)
	if in.source == nil {
		in.source = source.OpenSound(source.Sound{Monitor: in.monitor, Device: c.Device, PCM: in.mix.Push}, s.log)
	}
}

// start begins to mix.
func (s *sound) start() error {
	for _, t := range []media.Track{media.Opus, media.AAC} {
		if err := encode.CheckSound(t); err != nil {
			return err
		}
	}
	m := mix.New()
	s.desktop = input{monitor: true, mix: m.AddInput()}
	s.mic = input{mix: m.AddInput()}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.done = cancel, make(chan struct{})
	go s.loop(ctx, m, s.done)
	return nil
}

// stop ends the sources, then the mixing and its encoders.
func (s *sound) stop() {
	for _, in := range []*input{&s.desktop, &s.mic} {
		if in.source != nil {
			_ = in.source.Close()
			in.source = nil
		}
	}
	if s.cancel == nil {
		return
	}
	s.cancel()
	<-s.done
	s.cancel = nil
}

func (s *sound) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cancel != nil
}

// loop mixes one block after the other, each a little after its end.
func (s *sound) loop(ctx context.Context, m *mix.Mixer, done chan struct{}) {
	defer close(done)
	encoders := tracks{sound: s}
	defer encoders.close()
	const length = blockFrames * time.Second / media.SampleRate
	block := make([]float32, blockFrames*media.Channels)
	at := s.now().Truncate(length)
	timer := time.NewTimer(0)
	defer timer.Stop()
	delay := delay{now: mixDelay}
	for {
		wait := at + length + delay.now - s.now()
		if wait < -lostTime {
			at = s.now().Truncate(length)
			continue
		}
		timer.Reset(max(wait, 0))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		pcm := media.PCM{PTS: m.Mix(at, block), Samples: block}
		at += length
		delay.adapt(m.Starved(), at)
		encoders.encode(pcm)
	}
}

// tracks are the encoders of the mix. They belong to the mixing goroutine; each runs while somebody takes its packets.
type tracks struct {
	sound    *sound
	encoders [media.TrackCount]*encode.Sound
	told     bool
}

func (t *tracks) encode(pcm media.PCM) {
	for _, track := range []media.Track{media.Opus, media.AAC} {
		if err := t.one(track, pcm); err != nil && !t.told {
			t.sound.log.Error("sound cannot be encoded", "track", track.String(), "err", err)
			t.told = true
		}
	}
}

func (t *tracks) one(track media.Track, pcm media.PCM) error {
	e := t.encoders[track]
	if !t.sound.wants(track) {
		if e != nil {
			t.encoders[track] = nil
			return e.Close()
		}
		return nil
	}
	if e == nil {
		var err error
		if e, err = encode.OpenSound(track, t.sound.emit); err != nil {
			return err
		}
		t.encoders[track] = e
	}
	return e.Encode(pcm)
}

func (t *tracks) close() {
	for _, e := range t.encoders {
		if e != nil {
			_ = e.Close()
		}
	}
}

// delay is how long to wait for late sound.
type delay struct {
	now     time.Duration
	starved int
	since   time.Duration
}

// adapt looks at how often a source has been late until the given time.
func (d *delay) adapt(starved int, at time.Duration) {
	switch {
	case starved > d.starved:
		d.now = min(d.now+delayStep, mostDelay)
		d.starved, d.since = starved, at
	case at-d.since > calmAfter:
		d.now = max(d.now-delayStep, mixDelay)
		d.since = at
	}
}

func (s *sound) states() (desktop, mic SourceState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.desktop.state(s.err), s.mic.state(s.err)
}

func (in *input) state(err error) SourceState {
	st := SourceState{State: "off", PeakDB: mix.SilenceDB, RMSDB: mix.SilenceDB}
	if in.source == nil {
		if err != nil {
			st.State, st.Error = source.Failed, err.Error()
		}
		return st
	}
	now := in.source.Status()
	st.State, st.Device = now.State, now.Device
	if now.Err != nil {
		st.Error = now.Err.Error()
	}
	st.PeakDB, st.RMSDB = in.mix.Level()
	return st
}
