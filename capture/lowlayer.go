package capture

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/fanout"
	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// lowHeight is the most rows of the low-resolution layer; a frame with no more rows than that is scaled to two
	// thirds.
	lowHeight = 720
	// lowShare is its part of what is usual for its size, in percent.
	lowShare = 60
)

// lowLayer is a second, smaller encode of the same frames, for a connection that does not carry the first. It runs only
// while it has readers, and its failures do not affect the first.
type lowLayer struct {
	fan *fanout.Fanout
	log *slog.Logger

	// begun is called when an encoder has been opened, which has no frame yet.
	begun func()

	mu      sync.Mutex // never held while an encoder is opened or closed
	encoder *encode.Video
	opening bool
	retryAt time.Duration

	wantKey atomic.Bool
	work    sync.WaitGroup // opens encoders
}

func newLowLayer(log *slog.Logger, begun func()) *lowLayer {
	return &lowLayer{fan: fanout.New(), log: log, begun: begun}
}

func (l *lowLayer) now() *encode.Video {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.encoder
}

func (l *lowLayer) set(v *encode.Video) (old *encode.Video) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, l.encoder = l.encoder, v
	return old
}

// follow opens and closes the encoder beside the first one, which is set up as given. Opening, and trying before, may
// take seconds: a goroutine does so, and the first encode continues.
func (l *lowLayer) follow(ctx context.Context, now time.Duration, first encode.VideoConfig, name string) {
	if !l.fan.Wants(media.Video) {
		l.close()
		return
	}
	if v := l.now(); v != nil {
		if v.Fits(first.Width, first.Height) && v.Info().FrameRate == first.FrameRate {
			return
		}
		l.close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opening || now < l.retryAt {
		return
	}
	l.opening = true
	l.work.Go(func() {
		v, err := l.open(ctx, first, name)
		l.mu.Lock()
		l.opening = false
		if err != nil {
			l.retryAt = now + retryEncoder
		} else {
			l.encoder = v
		}
		l.mu.Unlock()
		switch {
		case err == nil:
			l.begun()
		case ctx.Err() == nil:
			l.tell(err)
		}
	})
}

// encode takes a frame that the first encode got with this stamp. It returns false where the encoder has no time
// for it.
func (l *lowLayer) encode(f media.Frame, stamp time.Duration) bool {
	v := l.now()
	if v == nil {
		return true
	}
	if v.Pending() > mostPending {
		return false
	}
	l.key(v)
	if err := v.Encode(f, stamp); err != nil {
		l.failed(stamp, err)
	}
	return true
}

// repeat follows a repeat of the first encode.
func (l *lowLayer) repeat(stamp time.Duration) {
	v := l.now()
	if v == nil || v.Pending() > mostPendingFill {
		return
	}
	l.key(v)
	if err := v.Repeat(stamp, false); err != nil {
		l.failed(stamp, err)
	}
}

func (l *lowLayer) key(v *encode.Video) {
	if l.wantKey.Swap(false) {
		v.RequestKeyframe()
	}
}

// open takes the first encode's encoder, which has proven itself, or another where that one works only once at a time.
func (l *lowLayer) open(ctx context.Context, c encode.VideoConfig, name string) (*encode.Video, error) {
	rows := c.Height
	if c.OutHeight > 0 {
		rows = min(rows, c.OutHeight)
	}
	c.OutHeight = lowHeight
	if rows <= lowHeight {
		c.OutHeight = max(rows*2/3&^1, 2)
	}
	c.BitrateKbps = encode.DefaultBitrateKbps(c.Width*c.OutHeight/c.Height, c.OutHeight, c.FrameRate) * lowShare / 100
	c.ConstantQuality, c.Encoder = 0, name
	v, err := encode.OpenVideo(c, l.fan.Write)
	if err == nil {
		i := v.Info()
		l.log.Info("encoding the low-resolution layer", "encoder", i.Encoder, "width", i.Width, "height", i.Height, "kbps",
			i.BitrateKbps)
		return v, nil
	}
	c.Encoder = ""
	if c.Encoder, err = encode.Choose(ctx, c, name); err != nil {
		return nil, err
	}
	return encode.OpenVideo(c, l.fan.Write)
}

func (l *lowLayer) failed(at time.Duration, err error) {
	l.tell(err)
	l.mu.Lock()
	l.retryAt = at + retryEncoder
	l.mu.Unlock()
	l.close()
}

func (l *lowLayer) tell(err error) {
	l.log.Warn("the low-resolution layer cannot be encoded; trying again", "err", err)
}

func (l *lowLayer) close() {
	if v := l.set(nil); v != nil {
		_ = v.Close()
	}
}

// LowLayer is the recorder's low-resolution stream: see Recorder.LowLayer.
type LowLayer struct{ r *Recorder }

// LowLayer is what to publish over a connection that does not carry the replay's own bitrate: the same sound, and
// frames of at most 720 rows that are encoded for it alone while it has readers. The replay keeps its full ones.
func (r *Recorder) LowLayer() LowLayer { return LowLayer{r} }

// NewReader adds a bounded reader; see fanout.Fanout. It has Video and Opus.
func (l LowLayer) NewReader(capacity int, tracks ...media.Track) *fanout.Reader {
	return l.r.video.lowLayer.fan.NewReader(capacity, tracks...)
}

// RequestKeyframe makes the layer's next frame an IDR.
func (l LowLayer) RequestKeyframe() { l.r.video.lowLayer.wantKey.Store(true) }

// SetBitrate changes the target in kb/s; the replay keeps its own.
func (l LowLayer) SetBitrate(kbps int) {
	low := l.r.video.lowLayer
	low.mu.Lock()
	defer low.mu.Unlock()
	if low.encoder == nil {
		return
	}
	if err := low.encoder.SetBitrate(kbps); err != nil {
		l.r.log.Warn("the stream's bitrate stays", "err", err)
	}
}

// Video describes the layer; width and height are 0 before the first one.
func (l LowLayer) Video() media.TrackInfo {
	if v := l.r.video.lowLayer.now(); v != nil {
		return v.Info()
	}
	return media.TrackInfo{Track: media.Video}
}

// HasSound says whether any sound source is on.
func (l LowLayer) HasSound() bool { return l.r.HasSound() }

// Now is the recorder's clock.
func (l LowLayer) Now() time.Duration { return l.r.Now() }
