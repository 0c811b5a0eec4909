package play

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mix"
)

const (
	// soundLead is how much sound before a moment is decoded for it, so that the decoder has settled: Opus needs 80 ms
	// (RFC 7845, 4.6), AAC one access unit.
	soundLead = 100 * time.Millisecond
	// unitsAhead is how many access units are inside the decoder of a track of sound at most.
	unitsAhead = 12
	// blockFrames is how much sound is given to the output at once, in samples: 20 ms.
	blockFrames = 960
	// reserve is how much sound the output has in advance. A change of volume is heard that much later.
	reserve = 250 * time.Millisecond
	// startDelay is from the command to play to the first sample: the output has to be opened.
	startDelay = 200 * time.Millisecond
)

// outputs are GStreamer's elements for the default sound device, in the order in which they are tried, and what has the
// first where it is missing.
var outputs = map[string][]string{
	"linux":   {"pulsesink", "alsasink"},
	"windows": {"wasapi2sink", "directsoundsink"},
	"darwin":  {"osxaudiosink"},
}

// openOutput opens the default sound device, or the one of a sound server.
func openOutput(server string) (*gst.Pipeline, *gst.Element, error) {
	// The pipeline is on the system's clock, which the output follows (GstAudioBaseSink: slave-method).
	var failed error
	for _, name := range outputs[runtime.GOOS] {
		if !gst.HasElement(name) || server != "" && name != "pulsesink" {
			continue
		}
		if server != "" && name == "pulsesink" {
			name += " server=" + server
		}
		p, in, err := startOutput(name + " buffer-time=100000")
		if err == nil {
			return p, in, nil
		}
		if failed == nil {
			failed = err
		}
	}
	if failed == nil {
		return nil, nil, errors.New("there is no output for sound; install gstreamer1.0-pulseaudio")
	}
	return nil, nil, fmt.Errorf("the default output for sound cannot be opened: %w", failed)
}

func startOutput(sink string) (*gst.Pipeline, *gst.Element, error) {
	p, err := gst.Parse("appsrc name=in format=time max-bytes=0 caps=audio/x-raw,format=F32LE,rate=48000,channels=2," +
		"layout=interleaved ! audioconvert ! audioresample ! " + sink)
	if err != nil {
		return nil, nil, err
	}
	in, err := p.Element("in")
	if err == nil {
		err = p.Play(0)
	}
	if err != nil {
		_ = p.Close()
		return nil, nil, err
	}
	return p, in, nil
}

// speaker plays sound from a moment on until it is closed. It owns a goroutine.
type speaker struct {
	player *Player
	cancel context.CancelFunc
	done   chan struct{}
}

// speak begins to play what is heard between two moments of the clip, at a time of the system's clock.
func (p *Player) speak(from, to, at time.Duration) *speaker {
	ctx, cancel := context.WithCancel(context.Background())
	s := &speaker{player: p, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		if err := s.run(ctx, from, to, at); err != nil && ctx.Err() == nil {
			p.fail(err)
		}
	}()
	return s
}

// close ends it: nothing is heard anymore when it returns.
func (s *speaker) close() {
	s.cancel()
	<-s.done
}

func (s *speaker) run(ctx context.Context, from, to, at time.Duration) error {
	taps := make([]*tap, len(s.player.clip.sounds))
	defer func() {
		for _, t := range taps {
			if t != nil {
				t.close()
			}
		}
	}()
	out, in, err := openOutput(s.player.options.Server)
	if err != nil {
		return err
	}
	defer out.Close()
	var limiter mix.Limiter
	timer := time.NewTimer(0)
	defer timer.Stop()
	// The limiter delays what is played, so it is asked for as much earlier.
	for n := 0; ; n++ {
		played := media.SamplesToDuration(n * blockFrames)
		if from+played >= to {
			<-ctx.Done()
			return nil
		}
		if wait := at + played - reserve - clock.Now(); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
		}
		block := make([]float32, blockFrames*media.Channels)
		for i, gain := range s.player.gains() {
			if taps[i] == nil && gain == 0 {
				continue
			}
			if taps[i] == nil {
				taps[i] = newTap(s.player.clip, i)
				if err := taps[i].seek(from + played); err != nil {
					return err
				}
			}
			if err := taps[i].add(ctx, block, float32(gain)); err != nil {
				return err
			}
		}
		limiter.Process(block)
		if err := push(in, block, at+played-mix.Latency); err != nil {
			return out.Cause(err)
		}
		if err := out.Cause(nil); err != nil {
			return err
		}
	}
}

func push(in *gst.Element, block []float32, pts time.Duration) error {
	data := make([]byte, 0, 4*len(block))
	for _, v := range block {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	b, err := gst.NewBuffer(data)
	if err != nil {
		return err
	}
	return in.Push(b, pts, media.SamplesToDuration(len(block)/media.Channels))
}

// tap decodes a track of sound from a moment on. It belongs to one goroutine.
type tap struct {
	clip  *Clip
	sound int

	pipeline *gst.Pipeline
	in, out  *gst.Element
	zero     time.Duration
	next     int // what is to be pushed
	inside   int // access units, as far as the decoder gives a buffer for each
	ended    bool
	at       int       // the sample that comes next
	left     []float32 // decoded, from leftAt on
	leftAt   int
}

func newTap(c *Clip, sound int) *tap { return &tap{clip: c, sound: sound} }

func (t *tap) close() {
	if t.pipeline != nil {
		_ = t.pipeline.Close()
		t.pipeline = nil
	}
}

// seek begins with a moment of the clip.
func (t *tap) seek(at time.Duration) error {
	t.close()
	sound := t.clip.sounds[t.sound]
	t.at, t.left, t.ended, t.inside = media.DurationToSamples(at), nil, true, 0
	t.next = samplesFrom(sound.Samples, at)
	if t.next == len(sound.Samples) {
		return nil // silence
	}
	caps, elements, err := clip.SoundDecoder(sound.Track)
	if err != nil {
		return err
	}
	p, err := gst.Parse("appsrc name=in format=time max-bytes=0 ! " + elements + " ! appsink name=out sync=false")
	if err != nil {
		return err
	}
	t.pipeline, t.ended = p, false
	if t.in, err = p.Element("in"); err == nil {
		t.out, err = p.Element("out")
	}
	if err == nil {
		err = t.in.Set("caps", caps)
	}
	if err == nil {
		err = p.Play(0)
	}
	t.zero = max(-sound.Samples[0].PTS, 0)
	return err
}

// add adds what comes next, times a gain, to a block of interleaved stereo. What is not there is silent.
func (t *tap) add(ctx context.Context, block []float32, gain float32) error {
	sound := t.clip.sounds[t.sound]
	from, to := media.DurationToSamples(sound.Start), media.DurationToSamples(sound.End)
	end := t.at + len(block)/media.Channels
	for t.at < end {
		if n := t.at - t.leftAt; len(t.left) > 0 && n > 0 {
			t.left = t.left[min(n*media.Channels, len(t.left)):]
			t.leftAt = t.at
		}
		if len(t.left) == 0 {
			if t.ended {
				break
			}
			if err := t.decode(ctx); err != nil {
				return err
			}
			continue
		}
		if t.leftAt >= end {
			break // silence up to there
		}
		t.at = max(t.at, t.leftAt)
		n := min(end-t.at, len(t.left)/media.Channels)
		into := block[len(block)-(end-t.at)*media.Channels:]
		for i, v := range t.left[:n*media.Channels] {
			if at := t.at + i/media.Channels; at >= from && at < to {
				into[i] += v * gain
			}
		}
		t.at += n
	}
	t.at = end
	return nil
}

// decode waits for the next buffer, or for the end.
func (t *tap) decode(ctx context.Context) error {
	samples := t.clip.sounds[t.sound].Samples
	more := time.Now().Add(hunger)
	for end := time.Now().Add(patience); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := t.out.Pull(0, 0)
		switch {
		case err == nil:
			defer s.Release()
			t.inside = max(t.inside-1, 0)
			t.left, err = s.Floats()
			t.leftAt = media.DurationToSamples(s.PTS() - t.zero)
			return err
		case errors.Is(err, gst.ErrEnded):
			if cause := t.pipeline.Cause(gst.ErrEnded); !errors.Is(cause, gst.ErrEnded) {
				return cause
			}
			t.ended = true
			return nil
		case !errors.Is(err, gst.ErrTimeout):
			return t.pipeline.Cause(err)
		}
		switch {
		case t.next < len(samples) && t.inside < unitsAhead:
			x := samples[t.next]
			data, err := t.clip.source.Read(x)
			if err != nil {
				return err
			}
			b, err := gst.NewBuffer(data)
			if err != nil {
				return err
			}
			if err := t.in.Push(b, x.PTS+t.zero, x.Duration); err != nil {
				return t.pipeline.Cause(err)
			}
			t.next, t.inside = t.next+1, t.inside+1
			if t.next == len(samples) {
				t.in.EndStream()
			}
		default:
			if cause := t.pipeline.Cause(nil); cause != nil && !errors.Is(cause, gst.ErrEnded) {
				return cause
			}
			now := time.Now()
			if now.After(end) {
				return errors.New("its sound cannot be decoded")
			}
			if now.After(more) { // it lost some
				t.inside, more = 0, now.Add(hunger)
			}
			time.Sleep(look / 2)
		}
	}
}
