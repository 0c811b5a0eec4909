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
	// lowerHeight is the most rows of the lower stream; a picture that has no more gets two thirds of its own.
	lowerHeight = 720
	// lowerShare is its part of what is usual for its size, in percent.
	lowerShare = 60
)

// lower is a second, smaller encode of the same pictures, for a connection that does not carry the first. It runs only
// while somebody reads it, and what becomes of it does not touch the first.
type lower struct {
	fan *fanout.Fanout
	log *slog.Logger

	mu      sync.Mutex // never held while an encoder is opened or closed
	encoder *encode.Video

	wantKey atomic.Bool
	retryAt time.Duration // the pictures' goroutine's
}

func newLower(log *slog.Logger) *lower { return &lower{fan: fanout.New(), log: log} }

func (l *lower) now() *encode.Video {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.encoder
}

func (l *lower) set(v *encode.Video) (old *encode.Video) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, l.encoder = l.encoder, v
	return old
}

// encode takes a picture that the first encode, set up as given, got with this stamp. It answers false where the encoder has
// no time for it.
func (l *lower) encode(ctx context.Context, f media.Frame, stamp time.Duration, first encode.VideoConfig, name string) bool {
	if !l.fan.Wants(media.Video) {
		l.close()
		return true
	}
	v := l.now()
	if v == nil || !v.Fits(f.Width, f.Height) || v.Info().FrameRate != first.FrameRate {
		l.close()
		if stamp < l.retryAt {
			return true
		}
		var err error
		if v, err = l.open(ctx, first, name); err != nil {
			l.failed(stamp, err)
			return true
		}
		l.set(v)
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
func (l *lower) repeat(stamp time.Duration) {
	v := l.now()
	if v == nil || v.Pending() > mostPendingFill {
		return
	}
	l.key(v)
	if err := v.Repeat(stamp, false); err != nil {
		l.failed(stamp, err)
	}
}

func (l *lower) key(v *encode.Video) {
	if l.wantKey.Swap(false) {
		v.RequestKeyframe()
	}
}

// open takes the first encode's encoder, which has proven itself, or another where that one works only once at a time.
func (l *lower) open(ctx context.Context, c encode.VideoConfig, name string) (*encode.Video, error) {
	rows := c.Height
	if c.OutHeight > 0 {
		rows = min(rows, c.OutHeight)
	}
	c.OutHeight = lowerHeight
	if rows <= lowerHeight {
		c.OutHeight = max(rows*2/3&^1, 2)
	}
	c.BitrateKbps = encode.DefaultBitrateKbps(c.Width*c.OutHeight/c.Height, c.OutHeight, c.FrameRate) * lowerShare / 100
	c.ConstantQuality, c.Encoder = 0, name
	v, err := encode.OpenVideo(c, l.fan.Write)
	if err == nil {
		i := v.Info()
		l.log.Info("encoding smaller pictures for the stream", "encoder", i.Encoder, "width", i.Width, "height", i.Height, "kbps", i.BitrateKbps)
		return v, nil
	}
	c.Encoder = ""
	if c.Encoder, err = encode.Choose(ctx, c, name); err != nil {
		return nil, err
	}
	return encode.OpenVideo(c, l.fan.Write)
}

func (l *lower) failed(at time.Duration, err error) {
	l.log.Warn("the stream's smaller pictures cannot be encoded; it is tried again", "err", err)
	l.retryAt = at + retryEncoder
	l.close()
}

func (l *lower) close() {
	if v := l.set(nil); v != nil {
		_ = v.Close()
	}
}

// Lower is the recorder's stream in smaller pictures: see Recorder.Lower.
type Lower struct{ r *Recorder }

// Lower is what to publish over a connection that does not carry the replay's own bitrate: the same sound, and pictures
// of at most 720 rows that are encoded for it alone while it has readers. The replay keeps its full ones.
func (r *Recorder) Lower() Lower { return Lower{r} }

// NewReader adds a bounded reader; see fanout.Fanout. It has Video and Opus.
func (l Lower) NewReader(capacity int, tracks ...media.Track) *fanout.Reader {
	return l.r.pictures.lower.fan.NewReader(capacity, tracks...)
}

// RequestKeyframe makes the next smaller picture an IDR.
func (l Lower) RequestKeyframe() { l.r.pictures.lower.wantKey.Store(true) }

// SetBitrate changes the target in kb/s; the replay keeps its own.
func (l Lower) SetBitrate(kbps int) {
	low := l.r.pictures.lower
	low.mu.Lock()
	defer low.mu.Unlock()
	if low.encoder == nil {
		return
	}
	if err := low.encoder.SetBitrate(kbps); err != nil {
		l.r.log.Warn("the stream's bitrate stays", "err", err)
	}
}

// Video describes the smaller pictures; width and height are 0 before the first one.
func (l Lower) Video() media.TrackInfo {
	if v := l.r.pictures.lower.now(); v != nil {
		return v.Info()
	}
	return media.TrackInfo{Track: media.Video}
}

// HasSound says whether any sound source is on.
func (l Lower) HasSound() bool { return l.r.HasSound() }

// Now is the recorder's clock.
func (l Lower) Now() time.Duration { return l.r.Now() }
