package capture

import (
	"context"
	"fmt"
	"image"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// mostPending is how many frames may be inside the encoder before new ones are dropped, and the last one shown in
	// their place; mostPendingFill before repeats are not encoded any more.
	mostPending     = 6
	mostPendingFill = 3
	// tick is how often the video goroutine looks for slots without a frame.
	tick = 50 * time.Millisecond
	// retryEncoder is the pause before encoders are tried again after all have failed.
	retryEncoder = 5 * time.Second
)

// video takes raw frames, paces and encodes them.
type video struct {
	now  func() time.Duration
	emit encode.Emit
	log  *slog.Logger

	frames chan media.Frame
	pause  *gate // what it does not let pass is not taken; nil takes everything
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex // never held while an encoder is opened or closed
	config  VideoConfig
	name    string        // the chosen encoder
	encoder *encode.Video // nil until the first frame
	reopen  bool
	err     error

	// canvas is the size of frames that fill the stream, (0, 0) before the first one. Others are fitted in, so that a
	// window that is resized does not disturb the encoder, the clip or the viewers.
	canvas image.Point
	// refitAt is from when on a frame sets the canvas again; 0: none does.
	refitAt time.Duration

	// The loop's own.
	pacer   pacer
	missed  *media.Frame // the newest that found no place, of a source that cannot be asked for it again
	failed  []string     // encoders that stopped while running
	retryAt time.Duration

	lowLayer                   *lowLayer
	shots                      shots
	wantKey                    atomic.Bool
	wantFresh                  atomic.Bool // the encoder has no frame to repeat
	encoded, repeated, dropped atomic.Uint64
}

// startVideo begins to wait for frames.
func startVideo(c VideoConfig, name string, now func() time.Duration, emit encode.Emit, log *slog.Logger) *video {
	ctx, cancel := context.WithCancel(context.Background())
	p := &video{
		now: now, emit: emit, log: log, frames: make(chan media.Frame, 1), cancel: cancel, done: make(chan struct{}),
		config: c, name: name, pacer: pacer{fps: c.FrameRate},
	}
	p.lowLayer = newLowLayer(log, func() { p.wantFresh.Store(true) })
	go p.loop(ctx)
	return p
}

// offer takes a frame from the source. It never blocks: the newest frame takes the place of one that still waits.
func (p *video) offer(f media.Frame) {
	if p.pause != nil && p.pause.closed(f.PTS) {
		p.wantFresh.Store(true) // what has changed in it is asked for again
		release(f)
		return
	}
	p.shots.take(f)
	for {
		select {
		case p.frames <- f:
			return
		default:
		}
		select {
		case old := <-p.frames:
			if f.Same && !old.Same { // the screen still shows what waits there
				old.PTS = f.PTS
				f, old = old, f
			}
			p.dropped.Add(1) // the newer frame includes its changes
			release(old)
		default:
		}
	}
}

func release(f media.Frame) {
	if f.Release != nil {
		f.Release()
	}
}

// miss is drop for a frame that is the newest: where the source cannot be asked again, it is kept for the next calm
// moment.
func (p *video) miss(f media.Frame) {
	p.drop(f)
	if f.Same || f.Serial != 0 {
		release(f)
		return
	}
	p.missed = &f
}

// drop counts a frame that is not encoded. What has changed in it is asked for again: it may be the last change for
// long.
func (p *video) drop(f media.Frame) {
	p.dropped.Add(1)
	if !f.Same {
		p.wantFresh.Store(true)
	}
}

// offerSame takes a frame that is the same as the one before. It returns false when there is nothing to repeat.
func (p *video) offerSame(f media.Frame) bool {
	if p.wantFresh.Swap(false) {
		return false
	}
	p.offer(f)
	return true
}

func (p *video) loop(ctx context.Context) {
	defer close(p.done)
	t := time.NewTicker(tick)
	defer t.Stop()
	defer p.forgetMissed()
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-p.frames:
			p.onFrame(ctx, f)
		case <-t.C:
			p.onIdle(ctx)
		}
	}
}

func (p *video) forgetMissed() {
	if p.missed != nil {
		release(*p.missed)
		p.missed = nil
	}
}

// onFrame takes a frame of the source's.
func (p *video) onFrame(ctx context.Context, f media.Frame) {
	p.forgetMissed()
	if p.place(ctx, f) {
		release(f)
	} else {
		p.miss(f)
	}
}

// place encodes a frame. It returns false where there is no place for it.
func (p *video) place(ctx context.Context, f media.Frame) bool {
	v, err := p.ready(ctx, f)
	if err != nil {
		p.fail(err)
		return f.Same || f.Serial != 0
	}
	fill, from, slot, use := p.pacer.frame(f.PTS)
	if !use {
		return false
	}
	if !p.repeat(v, from, fill) {
		return true
	}
	if !f.Same && v.Pending() > mostPending {
		p.repeat(v, slot, 1)
		return false
	}
	p.lowLayer.follow(ctx, f.PTS, v.Config(), v.Info().Encoder)
	if f.Same {
		if !v.HasFrame() {
			p.wantFresh.Store(true)
		}
		p.repeat(v, slot, 1)
		return true
	}
	p.key(v)
	if err := v.Encode(f, p.pacer.stamp(slot)); err != nil {
		p.lost(v, err)
		return f.Serial != 0
	}
	p.encoded.Add(1)
	if !p.lowLayer.encode(f, p.pacer.stamp(slot)) {
		p.wantFresh.Store(true)
		return f.Serial != 0 // else it is the only one
	}
	return true
}

func (p *video) onIdle(ctx context.Context) {
	p.mu.Lock()
	v := p.encoder
	p.mu.Unlock()
	if v == nil {
		if f := p.missed; f != nil {
			again := *f
			again.PTS = p.now()
			if p.place(ctx, again) {
				p.forgetMissed()
			}
		}
		return
	}
	p.lowLayer.follow(ctx, p.now(), v.Config(), v.Info().Encoder)
	if f := p.missed; f != nil && v.Pending() <= mostPendingFill {
		again := *f
		again.PTS = p.now() - holdFor // where repeats would go
		if p.pacer.slotOf(again.PTS) < p.pacer.next {
			return
		}
		if p.place(ctx, again) {
			p.forgetMissed()
		}
		return
	}
	fill, from := p.pacer.idle(p.now())
	p.repeat(v, from, fill)
}

// repeat fills n slots with the last frame. It returns whether the encoder still works.
func (p *video) repeat(v *encode.Video, from, n int64) bool {
	for i := range n {
		p.key(v)
		if err := v.Repeat(p.pacer.stamp(from+i), v.Pending() > mostPendingFill); err != nil {
			p.lost(v, err)
			return false
		}
		p.lowLayer.repeat(p.pacer.stamp(from + i))
		p.repeated.Add(1)
	}
	return true
}

// requestKey makes the next frame an IDR. It takes no lock: encoders call it from their own goroutine.
func (p *video) requestKey() { p.wantKey.Store(true) }

func (p *video) key(v *encode.Video) {
	if p.wantKey.Swap(false) {
		v.RequestKeyframe()
	}
}

// ready returns an encoder that fits the frame, opening one where needed. Opening may take seconds where encoders
// have to be tried, so it happens outside the lock: only this goroutine opens and closes them.
func (p *video) ready(ctx context.Context, f media.Frame) (*encode.Video, error) {
	p.mu.Lock()
	v, c, name := p.encoder, p.config, p.name
	if size := image.Pt(f.Width, f.Height); p.canvas == (image.Point{}) || c.FollowSize ||
		p.refitAt != 0 && f.PTS >= p.refitAt {
		p.reopen = p.reopen || size != p.canvas
		p.canvas, p.refitAt = size, 0
	}
	canvas := p.canvas
	if v != nil && !p.reopen {
		p.mu.Unlock()
		return v, nil
	}
	if v == nil && p.now() < p.retryAt {
		defer p.mu.Unlock()
		return nil, p.err
	}
	p.encoder, p.reopen = nil, false
	p.mu.Unlock()
	if v != nil {
		_ = v.Close()
	}
	p.pacer = pacer{fps: c.FrameRate}
	v, err := p.open(ctx, encode.VideoConfig{
		Width: canvas.X, Height: canvas.Y, OutHeight: c.Height, FrameRate: c.FrameRate,
		BitrateKbps: c.BitrateKbps, ConstantQuality: c.ConstantQuality, Preset: c.Preset, Encoder: name,
	}, c.Encoder == "")
	if err != nil {
		p.retryAt = p.now() + retryEncoder
		p.failed = nil // all of them may be tried again then
		return nil, err
	}
	info := v.Info()
	p.mu.Lock()
	p.encoder, p.err = v, nil
	if !p.reopen { // else another one was requested in the meantime
		p.name = info.Encoder
	}
	p.mu.Unlock()
	p.log.Info("encoding video", "encoder", info.Encoder, "width", info.Width, "height", info.Height,
		"fps", info.FrameRate, "kbps", info.BitrateKbps)
	return v, nil
}

// open opens the encoder that the user chose, or the one that holds the frame rate at this size. When it has failed, it
// is the next.
func (p *video) open(ctx context.Context, c encode.VideoConfig, auto bool) (*encode.Video, error) {
	if !auto && c.Encoder != "" {
		v, err := encode.OpenVideo(c, p.emit)
		if err == nil {
			return v, nil
		}
		p.log.Warn("the encoder cannot be opened; the next one is tried", "encoder", c.Encoder, "err", err)
		p.failed = append(p.failed, c.Encoder)
	}
	c.Encoder = ""
	name, err := encode.Choose(ctx, c, p.failed...)
	if err != nil {
		return nil, err
	}
	c.Encoder = name
	return encode.OpenVideo(c, p.emit)
}

// lost drops an encoder that stopped; the next frame opens another one.
func (p *video) lost(v *encode.Video, err error) {
	p.log.Warn("the encoder stopped; the next one is tried", "err", err)
	p.failed = append(p.failed, v.Info().Encoder)
	encode.Forget(v.Info().Encoder)
	p.mu.Lock()
	p.name, p.encoder = "", nil
	p.mu.Unlock()
	_ = v.Close()
}

func (p *video) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil || p.err.Error() != err.Error() {
		p.log.Error("video cannot be encoded", "err", err)
	}
	p.err = err
}

// apply takes a new configuration; the encoder is opened again with the next frame where it differs.
func (p *video) apply(c VideoConfig, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reopen = p.reopen || c.forEncoder() != p.config.forEncoder() || name != p.name
	p.config, p.name = c, name
}

// another says that from now on another target is captured, whose size decides about the stream's.
func (p *video) another() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refitAt = p.now()
}

func (p *video) with(f func(*encode.Video)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.encoder != nil {
		f(p.encoder)
	}
}

// info describes the stream; before the first frame it is what is known from the configuration.
func (p *video) info() media.TrackInfo {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.encoder != nil {
		return p.encoder.Info()
	}
	return media.TrackInfo{Track: media.Video, Encoder: p.name, FrameRate: p.config.FrameRate,
		BitrateKbps: p.config.BitrateKbps}
}

func (p *video) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *video) close() {
	p.cancel()
	<-p.done
	p.lowLayer.work.Wait()
	p.lowLayer.close()
	p.mu.Lock()
	v := p.encoder
	p.encoder = nil
	p.mu.Unlock()
	if v != nil {
		_ = v.Close()
	}
	for {
		select {
		case f := <-p.frames:
			release(f)
		default:
			return
		}
	}
}

// checkEncoder finds the encoder to use, by trial on a frame of common size.
func checkEncoder(ctx context.Context, c VideoConfig) (string, error) {
	name, err := encode.Choose(ctx, encode.VideoConfig{
		Width: 1280, Height: 720, FrameRate: c.FrameRate, BitrateKbps: c.BitrateKbps, ConstantQuality: c.ConstantQuality,
		Preset: c.Preset, Encoder: c.Encoder,
	})
	if err != nil {
		return "", fmt.Errorf("video cannot be encoded: %w", err)
	}
	return name, nil
}
