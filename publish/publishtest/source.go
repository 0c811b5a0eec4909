// Package publishtest holds working parts for tests of sharing: a Source that plays really encoded video and sound in
// real time, a Subscriber that receives a room like any viewer, and a Backend that serves the HTTP contract with
// real tokens and states kept in memory, without recording anything.
//
// Each part owns its goroutines and ends them in Close, which waits and may be called twice.
package publishtest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/fanout"
	"github.com/hindsight-app/hindsight/capture/media"
)

// SourceOptions shapes a Source; zero values are 640x360 at 30 frames/s, 1500 kb/s, a loop of 10 s.
type SourceOptions struct {
	Width, Height, FrameRate, BitrateKbps int
	// Seconds is the length of the loop, a multiple of 2.
	Seconds int
	// VideoDelay is how much later than its PTS a frame comes out, as with a slow encoder.
	VideoDelay time.Duration
	// SoundDelay is how much later than its end a packet of sound comes out, as with a mixer that waits for its
	// sources.
	SoundDelay time.Duration
	// Beside makes the source another encode of what another one plays: it has that one's clock and frame times, and no
	// sound of its own.
	Beside *Source
	// NoSound starts without sound, NoVideo without video; SetSound and SetVideo change that.
	NoSound, NoVideo bool
}

func (o SourceOptions) withDefaults() SourceOptions {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Width, 640)
	set(&o.Height, 360)
	set(&o.FrameRate, 30)
	set(&o.BitrateKbps, 1500)
	set(&o.Seconds, 10)
	return o
}

// Source plays a loop of H.264 and Opus into a fan-out in real time, stamped on one clock. It implements
// publish.Source and media.Clock.
type Source struct {
	opts   SourceOptions
	fan    *fanout.Fanout
	start  time.Time
	origin time.Duration // of the first frame
	video  []accessUnit
	sound  [][]byte
	cancel context.CancelFunc
	wg     sync.WaitGroup

	wantKey   atomic.Bool
	soundOn   atomic.Bool
	videoOn   atomic.Bool
	keyframes atomic.Int64
	bitrate   atomic.Int64

	mu   sync.Mutex
	sent map[string]time.Duration // newest PTS by content
}

// NewSource encodes the loop with ffmpeg into dir and starts playing it.
func NewSource(ctx context.Context, dir string, o SourceOptions) (*Source, error) {
	o = o.withDefaults()
	s := &Source{opts: o, fan: fanout.New(), sent: make(map[string]time.Duration)}
	var err error
	if s.video, err = encodeVideo(ctx, dir, o); err != nil {
		return nil, err
	}
	if s.sound, err = encodeSound(ctx, dir, o.Seconds); err != nil {
		return nil, err
	}
	s.soundOn.Store(!o.NoSound)
	s.videoOn.Store(!o.NoVideo)
	s.bitrate.Store(int64(o.BitrateKbps))
	// A clock like the real one: it began long before the program.
	s.start = time.Now().Add(-37 * time.Hour)
	s.origin = s.Now()
	skip := time.Duration(0)
	if b := o.Beside; b != nil {
		s.start, s.origin = b.start, b.origin
		skip = (s.Now() - s.origin) * time.Duration(o.FrameRate) / time.Second
		s.soundOn.Store(false)
	}
	life, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.wg.Add(2)
	go s.playVideo(life, s.origin, skip)
	go s.playSound(life, s.origin)
	return s, nil
}

// Now is the clock that stamps the packets.
func (s *Source) Now() time.Duration { return time.Since(s.start) }

func (s *Source) playVideo(ctx context.Context, origin, skip time.Duration) {
	defer s.wg.Done()
	length := time.Second / time.Duration(s.opts.FrameRate)
	next := 0
	for n := skip; ; n++ {
		pts := origin + n*length
		if !s.sleepUntil(ctx, pts+s.opts.VideoDelay) {
			return
		}
		if !s.videoOn.Load() {
			continue
		}
		if s.wantKey.Swap(false) {
			for !s.video[next].key {
				next = (next + 1) % len(s.video)
			}
		}
		unit := s.video[next]
		next = (next + 1) % len(s.video)
		s.write(&media.Packet{Track: media.Video, PTS: pts, DTS: pts, Duration: length, Key: unit.key,
			Data: unit.data, NALs: unit.nals})
	}
}

func (s *Source) playSound(ctx context.Context, origin time.Duration) {
	defer s.wg.Done()
	for n := 0; ; n++ {
		pts := origin + time.Duration(n)*soundPacket
		if !s.sleepUntil(ctx, pts+soundPacket+s.opts.SoundDelay) {
			return
		}
		if !s.soundOn.Load() {
			continue
		}
		s.write(&media.Packet{Track: media.Opus, PTS: pts, DTS: pts, Duration: soundPacket, Key: true,
			Data: s.sound[n%len(s.sound)]})
	}
}

// sleepUntil waits for a moment of the clock; false if the context ended first.
func (s *Source) sleepUntil(ctx context.Context, at time.Duration) bool {
	timer := time.NewTimer(at - s.Now())
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (s *Source) write(p *media.Packet) {
	s.mu.Lock()
	s.sent[contentKey(p.Track, p.Data)] = p.PTS
	s.mu.Unlock()
	s.fan.Write(p)
}

// PTSOf returns the newest PTS under which this access unit or Opus packet was played; the loop plays each again after
// SourceOptions.Seconds.
func (s *Source) PTSOf(track media.Track, data []byte) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pts, ok := s.sent[contentKey(track, data)]
	return pts, ok
}

// NewReader gives a reader of the packets.
func (s *Source) NewReader(capacity int, tracks ...media.Track) *fanout.Reader {
	return s.fan.NewReader(capacity, tracks...)
}

// RequestKeyframe makes the next frame an IDR frame: the loop jumps to its next one.
func (s *Source) RequestKeyframe() {
	s.keyframes.Add(1)
	s.wantKey.Store(true)
}

// KeyframeRequests counts the calls of RequestKeyframe.
func (s *Source) KeyframeRequests() int { return int(s.keyframes.Load()) }

// SetBitrate notes what was asked for, and Video reports it; the loop keeps the bitrate it was encoded with.
func (s *Source) SetBitrate(kbps int) { s.bitrate.Store(int64(kbps)) }

// Video describes the video; width and height are 0 without one.
func (s *Source) Video() media.TrackInfo {
	info := media.TrackInfo{Track: media.Video, Encoder: "libx264", FrameRate: s.opts.FrameRate,
		BitrateKbps: int(s.bitrate.Load())}
	if s.videoOn.Load() {
		info.Width, info.Height = s.opts.Width, s.opts.Height
	}
	return info
}

// HasSound says whether the source has sound.
func (s *Source) HasSound() bool { return s.soundOn.Load() }

// SetSound turns the sound on or off.
func (s *Source) SetSound(on bool) { s.soundOn.Store(on) }

// SetVideo turns the video on or off.
func (s *Source) SetVideo(on bool) { s.videoOn.Store(on) }

// Wanted says whether anybody reads the video.
func (s *Source) Wanted() bool { return s.fan.Wants(media.Video) }

// Close stops playing and waits.
func (s *Source) Close() error {
	s.cancel()
	s.wg.Wait()
	return s.fan.Close()
}
