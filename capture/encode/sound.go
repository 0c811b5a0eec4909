package encode

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/media"
)

// Sound is a running sound encoder. Encode belongs to one goroutine, the other methods to any.
type Sound struct {
	kind    engine.SoundEncoder
	track   media.Track
	encoder engine.Sound
	emit    Emit
	block   []byte // the last one in 16 bits
	failure atomic.Pointer[error]
	close   func() error
}

// OpenSound starts the first encoder that this machine has for the track: media.Opus, or one of those for clips, which
// are AAC.
func OpenSound(track media.Track, emit Emit) (*Sound, error) { return OpenSoundAt(track, 0, emit) }

// OpenSoundAt is OpenSound for AAC of a bitrate in kb/s; 0 is the usual one.
func OpenSoundAt(track media.Track, kbps int, emit Emit) (*Sound, error) {
	k, err := chooseSound(track)
	if err != nil {
		return nil, err
	}
	return openSound(k, track, kbps, emit)
}

func openSound(k engine.SoundEncoder, track media.Track, kbps int, emit Emit) (*Sound, error) {
	s := &Sound{kind: k, track: track, emit: emit}
	var err error
	if s.encoder, err = k.Open(engine.SoundStream{Live: track == media.Opus, Kbps: kbps},
		engine.SoundOutput{Packet: s.packet, Failed: s.failed}); err != nil {
		return nil, fmt.Errorf("the encoder %s cannot be used: %w", k.Name, err)
	}
	s.close = sync.OnceValue(s.encoder.Close)
	return s, nil
}

// Name is the encoder's.
func (s *Sound) Name() string { return s.kind.Name }

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
	s.block = quantise(s.block[:0], p.Samples)
	if err := s.encoder.Push(s.block, p.PTS); err != nil {
		return s.stopped(err)
	}
	return nil
}

// quantise appends samples as 16 bits, which the encoders take. What that rounds is left as it is: the codecs add far
// more.
func quantise(dst []byte, samples []float32) []byte {
	for _, v := range samples {
		v = min(max(v*(math.MaxInt16+1), math.MinInt16), math.MaxInt16)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(int16(math.RoundToEven(float64(v)))))
	}
	return dst
}

func (s *Sound) failed(err error) {
	err = s.stopped(err)
	s.failure.Store(&err)
}

func (s *Sound) stopped(err error) error {
	return fmt.Errorf("the encoder %s stopped: %w", s.kind.Name, err)
}

func (s *Sound) packet(data []byte, pts time.Duration, config []byte) {
	s.emit(&media.Packet{
		Track: s.track, PTS: pts, DTS: pts, Key: true, Data: bytes.Clone(data), Config: config,
		Duration: media.SamplesToDuration(frameLength(s.kind.Track)),
	})
}

// frameLength is the length of one packet of a track in samples.
func frameLength(t media.Track) int {
	if t == media.AAC {
		return 1024
	}
	return 960
}

// Flush is for whoever encodes sound for clips faster than time passes: packets are emitted until at most so many
// samples are inside. With 0 the sound ends, all of it is emitted, and only Close may follow.
func (s *Sound) Flush(ctx context.Context, most int) error {
	if err := s.encoder.Flush(ctx, most); err != nil {
		return s.stopped(err)
	}
	return nil
}

// Close ends the encoder; sound still inside is lost. It may be called twice.
func (s *Sound) Close() error { return s.close() }
