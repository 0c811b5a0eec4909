package encode

import (
	"context"
	"errors"
	"fmt"
	"image"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/gst"
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
	// Preset is Performance, Balanced or Quality.
	Preset string
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

// Video is a running H.264 encoder. Encode and Repeat belong to one goroutine; the other methods to any.
type Video struct {
	config        VideoConfig
	kind          encoder
	width, height int
	matrix        *matrix
	signal        signaller // the pulling goroutine's
	geometry      geometry
	size          int // of a frame that goes in, in bytes
	scaled        []byte
	canvas        []byte          // of a frame of another size
	fitted        image.Rectangle // where it lies in there
	surfaces      []*surface
	last          *surface
	stale         []media.Rows // of the frame that is being converted
	repeats       int          // frames since the last one that was new
	sinceKey      int          // frames since the last IDR

	pipeline         *gst.Pipeline
	in, out, element *gst.Element
	emit             Emit
	pushed, pulled   atomic.Int64
	kbps             atomic.Int64
	wantKey          atomic.Bool
	order            sync.Mutex   // one access unit after the other
	skips            skipInserter // with order
	waiting          []waiting    // with order
	failure          atomic.Pointer[error]
	cancel           context.CancelFunc
	done             chan struct{}
	once             sync.Once
	given            chan struct{} // holds a token when frames went in since it was last taken
}

// OpenVideo starts the named encoder. Its packets go to emit.
func OpenVideo(c VideoConfig, emit Emit) (*Video, error) {
	kind, err := find(c.Encoder)
	if err != nil {
		return nil, err
	}
	v := &Video{config: c, kind: kind, emit: emit, done: make(chan struct{}), given: make(chan struct{}, 1)}
	v.width, v.height = c.size()
	v.matrix = matrixFor(v.width, v.height)
	v.signal.matrix = v.matrix
	if v.config.BitrateKbps == 0 {
		v.config.BitrateKbps = DefaultBitrateKbps(v.width, v.height, c.FrameRate)
		if c.ConstantQuality > 0 {
			v.config.BitrateKbps *= 2
		}
	}
	v.kbps.Store(int64(v.config.BitrateKbps))
	if err := v.build(); err != nil {
		v.release()
		return nil, err
	}
	if err := v.pipeline.Play(0); err != nil {
		v.release()
		return nil, fmt.Errorf("the encoder %s does not start: %w", kind.name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	v.cancel = cancel
	go v.pull(ctx)
	return v, nil
}

// Info describes the stream.
func (v *Video) Info() media.TrackInfo {
	return media.TrackInfo{
		Track: media.Video, Encoder: v.kind.name, Width: v.width, Height: v.height,
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
func (v *Video) Pending() int { return int(v.pushed.Load() - v.pulled.Load()) }

// Encode converts a frame and gives it to the encoder. The frame's memory is free afterwards.
func (v *Video) Encode(f media.Frame, pts time.Duration) error {
	if err := v.err(); err != nil {
		return err
	}
	if f.Width < 1 || f.Height < 1 || len(f.Data) < f.Stride*(f.Height-1)+f.Width*4 {
		return errShort
	}
	p, err := v.free()
	if err != nil {
		return err
	}
	if err := v.fill(p, f); err != nil {
		return err
	}
	v.last, v.repeats = p, 0
	return v.push(p.buffer.Again(), pts)
}

func (v *Video) push(b *gst.Buffer, pts time.Duration) error {
	if v.keyIsDue() {
		v.wantKey.Store(false)
		v.sinceKey, v.repeats = 0, min(v.repeats, refine/2)
		_ = v.in.ForceKeyUnit()
	}
	v.sinceKey++
	v.pushed.Add(1)
	err := v.in.Push(b, pts, time.Second/time.Duration(v.config.FrameRate))
	select {
	case v.given <- struct{}{}:
	default:
	}
	return err
}

// surface is memory for a frame in the form that goes in. It is used again and again: the encoder seldom has more
// than one, and what has not changed stays as it is.
type surface struct {
	buffer *gst.Buffer
	serial uint64 // of the frame that it shows; 0: unknown
}

// free returns a surface that the encoder has let go of, if possible the last one.
func (v *Video) free() (*surface, error) {
	if v.last != nil && v.last.buffer.Free() {
		return v.last, nil
	}
	for _, p := range v.surfaces {
		if p.buffer.Free() {
			return p, nil
		}
	}
	b, err := gst.Allocate(v.size)
	if err != nil {
		return nil, err
	}
	p := &surface{buffer: b}
	v.surfaces = append(v.surfaces, p)
	return p, nil
}

var errShort = errors.New("the frame's memory is smaller than its size says")

// fill has a surface show a frame.
func (v *Video) fill(p *surface, f media.Frame) error {
	held := p.serial
	p.serial = 0
	err := p.buffer.Fill(func(dst []byte) error {
		switch {
		case len(dst) < v.size:
			return errShort
		case !v.direct() && !v.Fits(f.Width, f.Height):
			canvas, err := v.fit(f, v.config.Width, v.config.Height)
			copy(dst, canvas)
			return err
		case !v.direct():
			return pack(f, dst)
		case !v.Fits(f.Width, f.Height):
			canvas, err := v.fit(f, v.width, v.height)
			if err != nil {
				return err
			}
			return v.toYUV(canvas, v.width*4, media.Rows{To: v.height}, dst)
		case v.config.scales():
			if v.scaled == nil {
				v.scaled = make([]byte, v.width*v.height*4)
			}
			if err := libyuv().scale(f.Data, f.Stride, f.Width, f.Height, v.scaled, v.width*4, v.width, v.height); err != nil {
				return err
			}
			return v.toYUV(v.scaled, v.width*4, media.Rows{To: v.height}, dst)
		}
		v.stale = media.AppendRows(v.stale[:0], v.height, 0, func(band int) bool {
			return held == 0 || band >= len(f.Bands) || f.Bands[band] > held
		})
		for _, rows := range v.stale {
			if err := v.toYUV(f.Data, f.Stride, rows, dst); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && v.Fits(f.Width, f.Height) {
		p.serial = f.Serial
	}
	return err
}

// direct says whether frames are converted here, and not by GStreamer's slower elements.
func (v *Video) direct() bool { return libyuv() != nil || v.kernels() && !v.config.scales() }

func (v *Video) kernels() bool { return hasKernels && v.width >= block }

func (v *Video) toYUV(src []byte, stride int, rows media.Rows, dst []byte) error {
	if v.kernels() {
		v.matrix.convert(src, stride, v.geometry, rows, dst)
		return nil
	}
	return libyuv().convert(src, stride, v.geometry, rows, dst)
}

// pack copies a frame without padding at the ends of its rows, as GStreamer expects BGRx.
func pack(f media.Frame, dst []byte) error {
	row := f.Width * 4
	for y := range f.Height {
		copy(dst[y*row:(y+1)*row], f.Data[y*f.Stride:])
	}
	return nil
}

// RequestKeyframe makes the next frame an IDR.
func (v *Video) RequestKeyframe() { v.wantKey.Store(true) }

// SetBitrate changes the target in kb/s while running.
func (v *Video) SetBitrate(kbps int) error {
	value := kbps
	if v.kind.bits {
		value *= 1000
	}
	v.kbps.Store(int64(kbps))
	return v.element.Set(v.kind.limit(v.config), fmt.Sprint(value))
}

func (v *Video) err() error {
	if e := v.failure.Load(); e != nil {
		return *e
	}
	return nil
}

// errAllOut says that no frame is inside the encoder.
var errAllOut = errors.New("the encoder is empty")

// pull hands finished frames on until the encoder is closed or fails. It looks for them only while there are some.
func (v *Video) pull(ctx context.Context) {
	defer close(v.done)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-v.given:
		}
		if err := v.pipeline.Each(ctx, v.out, 8*time.Millisecond, v.deliver); err != nil && err != errAllOut {
			err = fmt.Errorf("the encoder %s stopped: %w", v.kind.name, err)
			v.failure.Store(&err)
			return
		}
	}
}

func (v *Video) deliver(s *gst.Sample) error {
	defer s.Release()
	v.order.Lock()
	defer v.order.Unlock()
	b, err := s.Bytes()
	if err != nil {
		return err
	}
	nals := media.SplitAnnexB(b)
	v.signal.all(nals)
	v.skips.pass(nals)
	v.send(nals, s.PTS())
	v.pulled.Add(1)
	v.insertDue()
	if v.Pending() == 0 {
		return errAllOut
	}
	return nil
}

func (v *Video) send(nals [][]byte, pts time.Duration) {
	p := &media.Packet{Track: media.Video, PTS: pts, DTS: pts, Duration: time.Second / time.Duration(v.config.FrameRate)}
	for _, n := range nals {
		p.Key = p.Key || media.NALType(n) == media.NALIDR
	}
	p.Data, p.NALs = media.JoinAnnexB(nals)
	v.emit(p)
}

// Close ends the encoder; frames still inside are lost. It may be called twice.
func (v *Video) Close() error {
	v.once.Do(func() {
		v.cancel()
		<-v.done
		v.release()
	})
	return nil
}

func (v *Video) release() {
	for _, p := range v.surfaces {
		p.buffer.Release()
	}
	if v.pipeline != nil {
		_ = v.pipeline.Close()
	}
}
