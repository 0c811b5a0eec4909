package gstenc

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
)

// soundElement is one GStreamer element for sound.
type soundElement struct {
	name  string
	track media.Track
	// description is the pipeline between appsrc and appsink.
	description string
	// delay is by how many samples the decoded sound comes later than the PTS that the element writes. It is measured
	// by encode's TestDecodedSoundIsInTime: an encoder looks ahead and its element may or may not say so.
	delay int
	// install is its Debian package.
	install string
}

// soundElements are tried in order for each track. Opus: 128 kb/s, stereo, audio mode, 20 ms, no DTX, as WebRTC takes
// it (RFC 7587). AAC: LC, 192 kb/s; voaacenc goes before FFmpeg's encoder because it costs 1 to 3 % of a core whatever
// its input is, where FFmpeg's takes up to 7 % of pure tones.
var soundElements = []soundElement{
	{"opusenc", media.Opus, "opusenc bitrate=128000 audio-type=generic frame-size=20 dtx=false bitrate-type=cbr", 312,
		"gstreamer1.0-plugins-base"},
	{"fdkaacenc", media.AAC, "fdkaacenc bitrate=192000 ! audio/mpeg,mpegversion=4,stream-format=raw", 2048, ""},
	{"voaacenc", media.AAC, "voaacenc bitrate=192000 ! audio/mpeg,mpegversion=4,stream-format=raw", 1600,
		"gstreamer1.0-plugins-bad"},
	{"avenc_aac", media.AAC, "audioconvert ! avenc_aac bitrate=192000 aac-coder=fast ! " +
		"audio/mpeg,mpegversion=4,stream-format=raw", 1024, "gstreamer1.0-libav"},
}

// Sound lists the sound encoders of GStreamer in the order of preference, whether this machine has them or not.
func Sound() []engine.SoundEncoder {
	var all []engine.SoundEncoder
	for _, e := range soundElements {
		all = append(all, engine.SoundEncoder{
			Name: e.name, Track: e.track, Installed: installed(e.name, e.install),
			Open: func(c engine.SoundStream, out engine.SoundOutput) (engine.Sound, error) {
				s, err := e.open(c, out)
				if err != nil {
					return nil, err
				}
				return s, nil
			},
		})
	}
	return all
}

// sound is a running sound encoder.
type sound struct {
	*coder
	kind   soundElement
	live   bool
	output engine.SoundOutput
	config []byte // AudioSpecificConfig, of who delivers
	silent int    // blocks since the last packet, where it is not live
	inside int    // samples that went in and did not come out, where it is not live
}

func (e soundElement) open(c engine.SoundStream, out engine.SoundOutput) (*sound, error) {
	description := e.description
	if c.Kbps > 0 {
		description = strings.Replace(description, "bitrate=192000", fmt.Sprintf("bitrate=%d", c.Kbps*1000), 1)
	}
	p, err := gst.Parse("appsrc name=in format=time is-live=true max-bytes=0 " +
		"caps=audio/x-raw,format=S16LE,rate=48000,channels=2,channel-mask=(bitmask)0x3,layout=interleaved ! " +
		description + " ! appsink name=out sync=false")
	if err != nil {
		return nil, err
	}
	s := &sound{kind: e, live: c.Live, output: out}
	if s.coder, err = start(p); err != nil {
		return nil, err
	}
	if c.Live {
		s.run(s.pull)
	}
	return s, nil
}

func (s *sound) pull(ctx context.Context) {
	if err := s.pipeline.Each(ctx, s.out, every, s.deliver); err != nil {
		s.output.Failed(err)
	}
}

const bytesPerSample = 2 * media.Channels

// frameSamples is how many samples an AAC access unit holds.
const frameSamples = 1024

func (s *sound) Push(samples []byte, pts time.Duration) error {
	if !s.live {
		if err := s.collect(); err != nil {
			return err
		}
	}
	b, err := gst.NewBuffer(samples)
	if err != nil {
		return err
	}
	if !s.live {
		s.inside += len(samples) / bytesPerSample
	}
	return s.in.Push(b, pts, media.SamplesToDuration(len(samples)/bytesPerSample))
}

// Flush implements engine.Sound.
func (s *sound) Flush(ctx context.Context, most int) error {
	if most == 0 {
		s.in.EndStream()
	} else if s.inside <= most {
		return nil
	}
	enough, done := context.WithCancel(ctx)
	defer done()
	err := s.pipeline.Each(enough, s.out, time.Millisecond, func(x *gst.Sample) error {
		err := s.deliver(x)
		if most > 0 && s.inside <= most {
			done()
		}
		return err
	})
	if most == 0 && errors.Is(err, gst.ErrEnded) {
		err = nil
	}
	return errors.Join(err, ctx.Err())
}

// patience is how many blocks an encoder may take without a packet before it is asked what is wrong.
const patience = 50

// collect delivers what is ready.
func (s *sound) collect() error {
	s.silent++
	err := s.pipeline.Ready(s.out, s.deliver)
	if err == nil && s.silent > patience {
		err = s.pipeline.Cause(nil)
	}
	return err
}

// codecData finds the AudioSpecificConfig in the caps.
var codecData = regexp.MustCompile(`codec_data=\(buffer\)([0-9a-f]+)`)

func (s *sound) deliver(sample *gst.Sample) error {
	defer sample.Release()
	if !s.live {
		s.silent, s.inside = 0, s.inside-frameSamples
	}
	b, err := sample.Bytes()
	if err != nil {
		return err
	}
	if s.kind.track == media.AAC && s.config == nil {
		if s.config, err = decoderConfig(sample.Caps()); err != nil {
			return err
		}
	}
	s.output.Packet(b, sample.PTS()-media.SamplesToDuration(s.kind.delay), s.config)
	return nil
}

func decoderConfig(caps string) ([]byte, error) {
	m := codecData.FindStringSubmatch(caps)
	if m == nil {
		return nil, errors.New("it does not say how its sound is to be decoded")
	}
	config, err := hex.DecodeString(m[1])
	if err != nil {
		return nil, fmt.Errorf("what it says of how its sound is to be decoded cannot be read: %w", err)
	}
	return config, nil
}

func (s *sound) Close() error {
	s.close()
	return nil
}
