package encode

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/encode/h264"
	"github.com/hindsight-app/hindsight/capture/media"
)

// VideoConfig describes a stream of frames to encode.
type VideoConfig struct {
	// Width and Height are the size of the frames that come in, in pixels. Those of another size are fitted in.
	Width, Height int
	// OutHeight scales to this many rows and keeps the shape; 0 keeps the size.
	OutHeight int
	// FrameRate is in frames a second.
	FrameRate int
	// BitrateKbps is the target in kb/s; 0 takes DefaultBitrateKbps, or twice that where the quality is constant.
	BitrateKbps int
	// ConstantQuality is a quantiser, 1 (excellent) to 51, that stays as long as the bitrate, then the most that may be
	// spent, suffices; 0 spends the bitrate.
	ConstantQuality int
	// Preset is how much work the encoder spends.
	Preset media.Preset
	// Encoder is one of Names.
	Encoder string
}

func (c VideoConfig) scales() bool { return c.OutHeight > 0 && c.OutHeight < c.Height }

// size is the size of the encoded frame: even in both directions, as 4:2:0 needs.
func (c VideoConfig) size() (width, height int) {
	width, height = c.Width, c.Height
	if c.scales() {
		width, height = (c.Width*c.OutHeight+c.Height/2)/c.Height, c.OutHeight
	}
	return max(width&^1, 2), max(height&^1, 2)
}

// Kbps is the bitrate in kb/s, chosen where that is left open.
func (c VideoConfig) Kbps() int {
	if c.BitrateKbps > 0 {
		return c.BitrateKbps
	}
	width, height := c.size()
	kbps := DefaultBitrateKbps(width, height, c.FrameRate)
	if c.ConstantQuality > 0 {
		kbps *= 2
	}
	return kbps
}

// stream is what an engine is asked for, with the bitrate chosen where that is left open.
func (c VideoConfig) stream() engine.VideoStream {
	width, height := c.size()
	return engine.VideoStream{
		Width: width, Height: height, FrameRate: c.FrameRate, KeyInterval: KeyInterval * c.FrameRate, BitrateKbps: c.Kbps(),
		ConstantQuality: c.ConstantQuality, Preset: c.Preset,
	}
}

// Video is a running H.264 encoder. Encode and Repeat belong to one goroutine; the other methods to any.
type Video struct {
	config  VideoConfig
	stream  engine.VideoStream
	encoder engine.Video
	frames  frames // what goes in
	keys    keys   // which frames are IDR frames
	out     output // what comes out
	kbps    atomic.Int64
	spare   spare
	close   func() error
}

// keys decides which frames are IDR frames.
type keys struct {
	wanted   atomic.Bool
	interval int // the longest distance in frames
	since    int // frames since the last one; Encode's and Repeat's goroutine's
}

func (k *keys) due() bool { return k.wanted.Load() || k.since >= k.interval }

// next says whether the next frame of the encoder is one.
func (k *keys) next() bool {
	due := k.due()
	if due {
		k.wanted.Store(false)
		k.since = 0
	}
	k.since++
	return due
}

// OpenVideo starts the named encoder. Its packets go to emit.
func OpenVideo(c VideoConfig, emit Emit) (*Video, error) {
	kind, err := find(c.Encoder)
	if err != nil {
		return nil, err
	}
	v := &Video{config: c, stream: c.stream(), frames: newFrames(c, kind.Format)}
	v.config.BitrateKbps = v.stream.BitrateKbps
	v.kbps.Store(int64(v.stream.BitrateKbps))
	v.keys.interval, v.spare.most = v.stream.KeyInterval, v.stream.KeyInterval
	v.stream.Matrix, v.stream.SurfaceSize = v.frames.convert.Matrix(), v.frames.convert.Size()
	v.out.encoder, v.out.emit, v.out.canSkip = kind.Name, emit, kind.CanInsertSkips
	v.out.length = time.Second / time.Duration(c.FrameRate)
	v.out.signal = h264.Signaller{Matrix: v.stream.Matrix}
	if v.encoder, err = kind.Open(v.stream, engine.VideoOutput{Unit: v.out.unit, Failed: v.out.failed}); err != nil {
		return nil, fmt.Errorf("the encoder %s cannot be used: %w", kind.Name, err)
	}
	v.frames.more = v.encoder.Surface
	v.close = sync.OnceValue(v.encoder.Close)
	return v, nil
}

// Info describes the stream.
func (v *Video) Info() media.TrackInfo {
	return media.TrackInfo{
		Track: media.Video, Encoder: v.config.Encoder, Width: v.stream.Width, Height: v.stream.Height,
		FrameRate: v.config.FrameRate, BitrateKbps: int(v.kbps.Load()),
	}
}

// Config is what the stream was opened with, with the bitrate that was chosen.
func (v *Video) Config() VideoConfig { return v.config }

// Fits says whether a frame of this size fills the stream's; others are fitted in with their shape kept.
func (v *Video) Fits(width, height int) bool {
	return width == v.config.Width && height == v.config.Height
}

// Pending is the number of frames inside the encoder.
func (v *Video) Pending() int { return v.out.pending() }

// Encode converts a frame and gives it to the encoder. The frame's memory is free afterwards.
func (v *Video) Encode(f media.Frame, pts time.Duration) error {
	if err := v.out.err(); err != nil {
		return err
	}
	s, err := v.frames.show(f)
	if err != nil {
		return err
	}
	if err := v.raise(false); err != nil {
		return err
	}
	return v.push(s, pts)
}

// HasFrame says whether there is one to repeat. It belongs to the goroutine of Encode and Repeat.
func (v *Video) HasFrame() bool { return v.frames.last != nil }

// refine is how often a frame that stays is encoded: what was too much for one frame's bits gets better in the
// next.
const refine = 5

// A frame that stays for so long is refined once more, with what the frames left out have spared.
const refineLate = 20

// Repeat shows the last frame again; without one it does nothing. With skipOnly the encoder, which is behind, is left
// out of it: where its stream does not allow that, nothing is shown.
func (v *Video) Repeat(pts time.Duration, skipOnly bool) error {
	if err := v.out.err(); err != nil || v.frames.last == nil {
		return err
	}
	v.frames.repeats++
	late := v.frames.repeats > refineLate && !v.frames.refined
	if skipOnly || v.frames.repeats > refine && !late && !v.keys.due() {
		if v.out.insert(pts) {
			v.keys.since++
			v.spare.leftOut()
			return nil
		}
		if skipOnly {
			return nil
		}
	}
	v.frames.refined = v.frames.refined || v.frames.repeats > refineLate
	if err := v.raise(v.spare.take()); err != nil {
		return err
	}
	return v.push(v.frames.last, pts)
}

func (v *Video) push(s *surface, pts time.Duration) error {
	key := v.keys.next()
	if key {
		v.frames.repeats = min(v.frames.repeats, refine/2) // it is refined again
	}
	v.out.pushed.Add(1)
	return v.encoder.Push(s.Surface, pts, key)
}

// RequestKeyframe makes the next frame an IDR.
func (v *Video) RequestKeyframe() { v.keys.wanted.Store(true) }

// SetBitrate changes the target in kb/s while running.
func (v *Video) SetBitrate(kbps int) error {
	v.kbps.Store(int64(kbps))
	v.spare.mu.Lock()
	defer v.spare.mu.Unlock()
	return v.encoder.SetBitrate(kbps * v.spare.times())
}

// raise gives the encoder more or the usual to spend on each frame from the next one on.
func (v *Video) raise(raised bool) error {
	v.spare.mu.Lock()
	defer v.spare.mu.Unlock()
	if v.spare.raised == raised {
		return nil
	}
	v.spare.raised = raised
	return v.encoder.SetBitrate(int(v.kbps.Load()) * v.spare.times())
}

// Close ends the encoder; frames still inside are lost. It may be called twice.
func (v *Video) Close() error { return v.close() }
