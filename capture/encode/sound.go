package encode

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
)

// soundEncoder is one GStreamer element for sound.
type soundEncoder struct {
	name  string
	track media.Track
	// description is the pipeline between appsrc and appsink.
	description string
	// delay is by how many samples the decoded sound comes later than the PTS that the element writes. It is measured
	// by TestDecodedSoundIsInTime: an encoder looks ahead and its element may or may not say so.
	delay int
}

// soundEncoders are tried in order for each track. Opus: 128 kb/s, stereo, audio mode, 20 ms, no DTX, as WebRTC takes
// it (RFC 7587). AAC: LC, 192 kb/s; voaacenc goes before FFmpeg's encoder because it costs 1 to 3 % of a core whatever
// its input is, where FFmpeg's takes up to 7 % of pure tones.
var soundEncoders = []soundEncoder{
	{"opusenc", media.Opus, "opusenc bitrate=128000 audio-type=generic frame-size=20 dtx=false bitrate-type=cbr", 312},
	{"fdkaacenc", media.AAC, "fdkaacenc bitrate=192000 ! audio/mpeg,mpegversion=4,stream-format=raw", 2048},
	{"voaacenc", media.AAC, "voaacenc bitrate=192000 ! audio/mpeg,mpegversion=4,stream-format=raw", 1600},
	{"avenc_aac", media.AAC, "audioconvert ! avenc_aac bitrate=192000 aac-coder=fast ! " +
		"audio/mpeg,mpegversion=4,stream-format=raw", 1024},
}

// frameLength is the length of one packet of a track in samples.
func frameLength(t media.Track) int {
	if t == media.AAC {
		return 1024
	}
	return 960
}

// Sound is a running sound encoder. Encode belongs to one goroutine, the other methods to any.
type Sound struct {
	kind     soundEncoder
	track    media.Track
	pipeline *gst.Pipeline
	in, out  *gst.Element
	emit     Emit
	config   []byte // AudioSpecificConfig, the pulling goroutine's
	silent   int    // blocks since the last packet for clips
	failure  atomic.Pointer[error]
	cancel   context.CancelFunc
	done     chan struct{}
	once     sync.Once
}

// OpenSound starts the first encoder that this machine has for the track: media.Opus, or one of those for clips, which
// are AAC.
func OpenSound(track media.Track, emit Emit) (*Sound, error) {
	k, err := chooseSound(track)
	if err != nil {
		return nil, err
	}
	return openSound(k, track, emit)
}

// CheckSound says whether this machine has an encoder for the track.
func CheckSound(track media.Track) error {
	_, err := chooseSound(track)
	return err
}

func chooseSound(track media.Track) (soundEncoder, error) {
	if err := gst.Init(); err != nil {
		return soundEncoder{}, err
	}
	if track.ForClips() {
		track = media.AAC
	}
	for _, k := range soundEncoders {
		if k.track == track && gst.HasElement(k.name) {
			return k, nil
		}
	}
	if track == media.AAC {
		return soundEncoder{}, errors.New("no AAC encoder is installed; install gstreamer1.0-libav (avenc_aac) or " +
			"gstreamer1.0-plugins-bad (voaacenc)")
	}
	return soundEncoder{}, errors.New("no Opus encoder is installed; install gstreamer1.0-plugins-base (opusenc)")
}

func openSound(k soundEncoder, track media.Track, emit Emit) (*Sound, error) {
	p, err := gst.Parse("appsrc name=in format=time is-live=true max-bytes=0 " +
		"caps=audio/x-raw,format=S16LE,rate=48000,channels=2,channel-mask=(bitmask)0x3,layout=interleaved ! " +
		k.description + " ! appsink name=out sync=false")
	if err != nil {
		return nil, err
	}
	s := &Sound{kind: k, track: track, pipeline: p, emit: emit, done: make(chan struct{})}
	for name, e := range map[string]**gst.Element{"in": &s.in, "out": &s.out} {
		if *e, err = p.Element(name); err != nil {
			_ = p.Close()
			return nil, err
		}
	}
	if err := p.Play(0); err != nil {
		_ = p.Close()
		return nil, fmt.Errorf("the encoder %s does not start: %w", k.name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	if s.track == media.Opus {
		go s.pull(ctx)
	} else {
		close(s.done)
	}
	return s, nil
}

// Name is the GStreamer element that encodes.
func (s *Sound) Name() string { return s.kind.name }

// Encode gives a block of sound to the encoder, which copies it. Blocks must follow each other without gaps. Packets
// for clips are emitted in here, one block later; Opus packets, which are sent live, from a goroutine as soon as
// they are there.
func (s *Sound) Encode(p media.PCM) error {
	if e := s.failure.Load(); e != nil {
		return *e
	}
	if len(p.Samples) == 0 {
		return nil
	}
	if s.track != media.Opus {
		if err := s.collect(); err != nil {
			return err
		}
	}
	b, err := gst.Allocate(len(p.Samples) * 2)
	if err != nil {
		return err
	}
	if err := b.Fill(func(dst []byte) error { quantise(dst, p.Samples); return nil }); err != nil {
		b.Release()
		return err
	}
	return s.in.Push(b, p.PTS, p.Duration())
}

// quantise writes samples as 16 bits, which the encoders take. What that rounds is left as it is: the codecs add far
// more.
func quantise(dst []byte, samples []float32) {
	for i, v := range samples {
		v = min(max(v*(math.MaxInt16+1), math.MinInt16), math.MaxInt16)
		binary.LittleEndian.PutUint16(dst[i*2:], uint16(int16(math.RoundToEven(float64(v)))))
	}
}

func (s *Sound) pull(ctx context.Context) {
	defer close(s.done)
	if err := s.pipeline.Each(ctx, s.out, 8*time.Millisecond, s.deliver); err != nil {
		err = s.stopped(err)
		s.failure.Store(&err)
	}
}

// patience is how many blocks an encoder may take without a packet before it is asked what is wrong.
const patience = 50

// collect emits what is ready.
func (s *Sound) collect() error {
	s.silent++
	err := s.pipeline.Ready(s.out, s.deliver)
	if err == nil && s.silent > patience {
		err = s.pipeline.Err(0)
	}
	if err != nil {
		return s.stopped(err)
	}
	return nil
}

func (s *Sound) stopped(err error) error {
	return fmt.Errorf("the encoder %s stopped: %w", s.kind.name, err)
}

// codecData finds the AudioSpecificConfig in the caps.
var codecData = regexp.MustCompile(`codec_data=\(buffer\)([0-9a-f]+)`)

func (s *Sound) deliver(sample *gst.Sample) error {
	defer sample.Release()
	s.silent = 0
	b, err := sample.Bytes()
	if err != nil {
		return err
	}
	if s.kind.track == media.AAC && s.config == nil {
		if s.config, err = decoderConfig(sample.Caps()); err != nil {
			return err
		}
	}
	pts := sample.PTS() - media.SamplesToDuration(s.kind.delay)
	s.emit(&media.Packet{
		Track: s.track, PTS: pts, DTS: pts, Key: true, Data: bytes.Clone(b), Config: s.config,
		Duration: media.SamplesToDuration(frameLength(s.kind.track)),
	})
	return nil
}

func decoderConfig(caps string) ([]byte, error) {
	m := codecData.FindStringSubmatch(caps)
	if m == nil {
		return nil, errors.New("it does not say how its sound is to be decoded")
	}
	return hex.DecodeString(m[1])
}

// Close ends the encoder; sound still inside is lost. It may be called twice.
func (s *Sound) Close() error {
	s.once.Do(func() {
		s.cancel()
		<-s.done
		_ = s.pipeline.Close()
	})
	return nil
}
