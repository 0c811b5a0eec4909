package capture

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// mostPending is how many pictures may be inside the encoder before new ones are dropped; mostPendingFill before
	// repeats are.
	mostPending     = 6
	mostPendingFill = 3
	// tick is how often the pictures' goroutine looks for slots without a picture.
	tick = 25 * time.Millisecond
	// retryEncoder is the pause before encoders are tried again after all have failed.
	retryEncoder = 5 * time.Second
)

// pictures takes frames, paces and encodes them.
type pictures struct {
	now  func() time.Duration
	emit encode.Emit
	log  *slog.Logger

	frames chan media.Frame
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	config  VideoConfig
	name    string        // the chosen encoder
	encoder *encode.Video // nil until the first picture
	reopen  bool
	err     error

	pacer   pacer
	failed  []string // encoders that stopped while running
	retryAt time.Duration

	wantKey                    atomic.Bool
	encoded, repeated, dropped atomic.Uint64
}

// startPictures begins to wait for frames.
func startPictures(c VideoConfig, name string, now func() time.Duration, emit encode.Emit, log *slog.Logger) *pictures {
	ctx, cancel := context.WithCancel(context.Background())
	p := &pictures{
		now: now, emit: emit, log: log, frames: make(chan media.Frame, 1), cancel: cancel, done: make(chan struct{}),
		config: c, name: name, pacer: pacer{fps: c.FrameRate},
	}
	go p.loop(ctx)
	return p
}

// offer takes a frame from the source. It never blocks: a frame that finds no place is dropped.
func (p *pictures) offer(f media.Frame) {
	select {
	case p.frames <- f:
	default:
		p.dropped.Add(1)
		f.Release()
	}
}

func (p *pictures) loop(ctx context.Context) {
	defer close(p.done)
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-p.frames:
			p.onFrame(ctx, f)
		case <-t.C:
			p.onIdle()
		}
	}
}

func (p *pictures) onFrame(ctx context.Context, f media.Frame) {
	defer f.Release()
	v, err := p.ready(ctx, f.Width, f.Height)
	if err != nil {
		p.fail(err)
		return
	}
	fill, from, slot, use := p.pacer.picture(f.PTS)
	if !use || v.Pending() > mostPending {
		p.dropped.Add(1)
		return
	}
	p.repeat(v, from, fill)
	p.key(v)
	if err := v.Encode(f, p.pacer.stamp(slot)); err != nil {
		p.lost(v, err)
		return
	}
	p.encoded.Add(1)
}

func (p *pictures) onIdle() {
	p.mu.Lock()
	v := p.encoder
	p.mu.Unlock()
	if v == nil {
		return
	}
	fill, from := p.pacer.idle(p.now())
	p.repeat(v, from, fill)
}

func (p *pictures) repeat(v *encode.Video, from, n int64) {
	for i := range n {
		if v.Pending() > mostPendingFill {
			return
		}
		p.key(v)
		if err := v.Repeat(p.pacer.stamp(from + i)); err != nil {
			p.lost(v, err)
			return
		}
		p.repeated.Add(1)
	}
}

// requestKey makes the next picture an IDR. It takes no lock: encoders call it from their own goroutine.
func (p *pictures) requestKey() { p.wantKey.Store(true) }

func (p *pictures) key(v *encode.Video) {
	if p.wantKey.Swap(false) {
		v.RequestKeyframe()
	}
}

// ready answers an encoder that fits the picture, opening one where needed.
func (p *pictures) ready(ctx context.Context, width, height int) (*encode.Video, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v := p.encoder; v != nil && !p.reopen && v.Fits(width, height) {
		return v, nil
	}
	if p.encoder == nil && p.now() < p.retryAt {
		return nil, p.err
	}
	p.closeEncoder()
	p.reopen = false
	p.pacer.fps = p.config.FrameRate
	p.pacer.next = 0
	c := encode.VideoConfig{
		Width: width, Height: height, OutHeight: p.config.Height, FrameRate: p.config.FrameRate,
		BitrateKbps: p.config.BitrateKbps, Preset: p.config.Preset, Encoder: p.name,
	}
	v, err := p.open(ctx, c)
	if err != nil {
		p.retryAt = p.now() + retryEncoder
		p.failed = nil // all of them may be tried again then
		return nil, err
	}
	p.encoder, p.err = v, nil
	info := v.Info()
	p.log.Info("encoding pictures", "encoder", info.Encoder, "width", info.Width, "height", info.Height,
		"fps", info.FrameRate, "kbps", info.BitrateKbps)
	return v, nil
}

// open opens the chosen encoder, or the next that passes a trial when it has failed.
func (p *pictures) open(ctx context.Context, c encode.VideoConfig) (*encode.Video, error) {
	if p.name != "" {
		v, err := encode.OpenVideo(c, p.emit)
		if err == nil {
			return v, nil
		}
		p.log.Warn("the encoder cannot be opened; the next one is tried", "encoder", p.name, "err", err)
		p.failed = append(p.failed, p.name)
	}
	c.Encoder = ""
	name, err := encode.Choose(ctx, c, p.failed...)
	if err != nil {
		return nil, err
	}
	p.name, c.Encoder = name, name
	return encode.OpenVideo(c, p.emit)
}

// lost drops an encoder that stopped; the next picture opens another one.
func (p *pictures) lost(v *encode.Video, err error) {
	p.log.Warn("the encoder stopped; the next one is tried", "err", err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = append(p.failed, v.Info().Encoder)
	p.name = ""
	p.closeEncoder()
}

func (p *pictures) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil || p.err.Error() != err.Error() {
		p.log.Error("pictures cannot be encoded", "err", err)
	}
	p.err = err
}

func (p *pictures) closeEncoder() {
	if p.encoder != nil {
		_ = p.encoder.Close()
		p.encoder = nil
	}
}

// apply takes a new configuration; the encoder is opened anew with the next picture where it differs.
func (p *pictures) apply(c VideoConfig, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reopen = p.reopen || c != p.config || name != p.name
	p.config, p.name = c, name
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
	p.mu.Lock()
	p.closeEncoder()
	p.mu.Unlock()
	for {
		select {
		case f := <-p.frames:
			f.Release()
		default:
			return
		}
	}
}

// checkEncoder finds the encoder to use, by trial on a picture of common size.
func checkEncoder(ctx context.Context, c VideoConfig) (string, error) {
	name, err := encode.Choose(ctx, encode.VideoConfig{
		Width: 1280, Height: 720, FrameRate: c.FrameRate, BitrateKbps: c.BitrateKbps, Preset: c.Preset, Encoder: c.Encoder,
	})
	if err != nil {
		return "", fmt.Errorf("pictures cannot be encoded: %w", err)
	}
	return name, nil
}
