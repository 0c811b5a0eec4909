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
	// mostPending is how many pictures may be inside the encoder before new ones are dropped, and the last one shown in
	// their place; mostPendingFill before repeats are not encoded any more.
	mostPending     = 6
	mostPendingFill = 3
	// tick is how often the pictures' goroutine looks for slots without a picture.
	tick = 50 * time.Millisecond
	// retryEncoder is the pause before encoders are tried again after all have failed.
	retryEncoder = 5 * time.Second
)

// pictures takes frames, paces and encodes them.
type pictures struct {
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
	encoder *encode.Video // nil until the first picture
	reopen  bool
	err     error

	// canvas is the size of frames that fill the stream, (0, 0) before the first one. Others are fitted in, so that a
	// window that is resized leaves the encoder, the clip and who watches alone.
	canvas image.Point
	// anew is from when on a frame decides about the canvas anew; 0: none does.
	anew time.Duration

	// The loop's own.
	pacer   pacer
	missed  *media.Frame // the newest that found no place, of a source that cannot be asked for it again
	failed  []string     // encoders that stopped while running
	retryAt time.Duration

	lower                      *lower
	shots                      shots
	wantKey                    atomic.Bool
	wantWhole                  atomic.Bool // the encoder has no picture to repeat
	encoded, repeated, dropped atomic.Uint64
}

// startPictures begins to wait for frames.
func startPictures(c VideoConfig, name string, now func() time.Duration, emit encode.Emit, log *slog.Logger) *pictures {
	ctx, cancel := context.WithCancel(context.Background())
	p := &pictures{
		now: now, emit: emit, log: log, frames: make(chan media.Frame, 1), cancel: cancel, done: make(chan struct{}),
		config: c, name: name, pacer: pacer{fps: c.FrameRate},
	}
	p.lower = newLower(log, func() { p.wantWhole.Store(true) })
	go p.loop(ctx)
	return p
}

// offer takes a frame from the source. It never blocks: the newest frame takes the place of one that still waits.
func (p *pictures) offer(f media.Frame) {
	if p.pause != nil && p.pause.closed(f.PTS) {
		p.wantWhole.Store(true) // what has changed in it is asked for again
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
			p.dropped.Add(1) // the newer frame tells of its changes as well
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
func (p *pictures) miss(f media.Frame) {
	p.drop(f)
	if f.Same || f.Serial != 0 {
		release(f)
		return
	}
	p.missed = &f
}

// drop counts a frame that is not encoded. What has changed in it is asked for again: it may be the last change for long.
func (p *pictures) drop(f media.Frame) {
	p.dropped.Add(1)
	if !f.Same {
		p.wantWhole.Store(true)
	}
}

// offerSame takes a frame that is the same as the one before. It answers false when there is nothing to repeat.
func (p *pictures) offerSame(f media.Frame) bool {
	if p.wantWhole.Swap(false) {
		return false
	}
	p.offer(f)
	return true
}

func (p *pictures) loop(ctx context.Context) {
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

func (p *pictures) forgetMissed() {
	if p.missed != nil {
		release(*p.missed)
		p.missed = nil
	}
}

// onFrame takes a frame of the source's.
func (p *pictures) onFrame(ctx context.Context, f media.Frame) {
	p.forgetMissed()
	if p.place(ctx, f) {
		release(f)
	} else {
		p.miss(f)
	}
}

// place encodes a frame. It returns false where there is no place for it.
func (p *pictures) place(ctx context.Context, f media.Frame) bool {
	v, err := p.ready(ctx, f)
	if err != nil {
		p.fail(err)
		return f.Same || f.Serial != 0
	}
	fill, from, slot, use := p.pacer.picture(f.PTS)
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
	p.lower.follow(ctx, f.PTS, v.Config(), v.Info().Encoder)
	if f.Same {
		if !v.HasPicture() {
			p.wantWhole.Store(true)
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
	if !p.lower.encode(f, p.pacer.stamp(slot)) {
		p.wantWhole.Store(true)
		return f.Serial != 0 // else it is the only one
	}
	return true
}

func (p *pictures) onIdle(ctx context.Context) {
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
	p.lower.follow(ctx, p.now(), v.Config(), v.Info().Encoder)
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

// repeat fills n slots with the last picture. It answers whether the encoder still works.
func (p *pictures) repeat(v *encode.Video, from, n int64) bool {
	for i := range n {
		p.key(v)
		if err := v.Repeat(p.pacer.stamp(from+i), v.Pending() > mostPendingFill); err != nil {
			p.lost(v, err)
			return false
		}
		p.lower.repeat(p.pacer.stamp(from + i))
		p.repeated.Add(1)
	}
	return true
}

// requestKey makes the next picture an IDR. It takes no lock: encoders call it from their own goroutine.
func (p *pictures) requestKey() { p.wantKey.Store(true) }

func (p *pictures) key(v *encode.Video) {
	if p.wantKey.Swap(false) {
		v.RequestKeyframe()
	}
}

// ready answers an encoder that fits the picture, opening one where needed. Opening may take seconds where encoders have to
// be tried, so it happens outside the lock: only this goroutine opens and closes them.
func (p *pictures) ready(ctx context.Context, f media.Frame) (*encode.Video, error) {
	p.mu.Lock()
	v, c, name := p.encoder, p.config, p.name
	if size := image.Pt(f.Width, f.Height); p.canvas == (image.Point{}) || c.FollowSize || p.anew != 0 && f.PTS >= p.anew {
		p.reopen = p.reopen || size != p.canvas
		p.canvas, p.anew = size, 0
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
	if !p.reopen { // else another one was asked for meanwhile
		p.name = info.Encoder
	}
	p.mu.Unlock()
	p.log.Info("encoding pictures", "encoder", info.Encoder, "width", info.Width, "height", info.Height,
		"fps", info.FrameRate, "kbps", info.BitrateKbps)
	return v, nil
}

// open opens the encoder that the user chose, or the one that holds the frame rate at this size. When it has failed, it is
// the next.
func (p *pictures) open(ctx context.Context, c encode.VideoConfig, auto bool) (*encode.Video, error) {
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

// lost drops an encoder that stopped; the next picture opens another one.
func (p *pictures) lost(v *encode.Video, err error) {
	p.log.Warn("the encoder stopped; the next one is tried", "err", err)
	p.failed = append(p.failed, v.Info().Encoder)
	encode.Forget(v.Info().Encoder)
	p.mu.Lock()
	p.name, p.encoder = "", nil
	p.mu.Unlock()
	_ = v.Close()
}

func (p *pictures) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil || p.err.Error() != err.Error() {
		p.log.Error("pictures cannot be encoded", "err", err)
	}
	p.err = err
}

// apply takes a new configuration; the encoder is opened anew with the next picture where it differs.
func (p *pictures) apply(c VideoConfig, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reopen = p.reopen || c.forEncoder() != p.config.forEncoder() || name != p.name
	p.config, p.name = c, name
}

// another says that from now on another target is captured, whose size decides about the stream's.
func (p *pictures) another() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.anew = p.now()
}

func (p *pictures) with(f func(*encode.Video)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.encoder != nil {
		f(p.encoder)
	}
}

// info describes the stream; before the first picture it is what is known from the configuration.
func (p *pictures) info() media.TrackInfo {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.encoder != nil {
		return p.encoder.Info()
	}
	return media.TrackInfo{Track: media.Video, Encoder: p.name, FrameRate: p.config.FrameRate, BitrateKbps: p.config.BitrateKbps}
}

func (p *pictures) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *pictures) close() {
	p.cancel()
	<-p.done
	p.lower.work.Wait()
	p.lower.close()
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

// checkEncoder finds the encoder to use, by trial on a picture of common size.
func checkEncoder(ctx context.Context, c VideoConfig) (string, error) {
	name, err := encode.Choose(ctx, encode.VideoConfig{
		Width: 1280, Height: 720, FrameRate: c.FrameRate, BitrateKbps: c.BitrateKbps, ConstantQuality: c.ConstantQuality, Preset: c.Preset, Encoder: c.Encoder,
	})
	if err != nil {
		return "", fmt.Errorf("pictures cannot be encoded: %w", err)
	}
	return name, nil
}
