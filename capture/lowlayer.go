package capture

import (
	"time"

	"github.com/hindsight-app/hindsight/capture/fanout"
	"github.com/hindsight-app/hindsight/capture/media"
)

// LowLayer is the recorder's low-resolution stream: see Recorder.LowLayer.
type LowLayer struct{ r *Recorder }

// LowLayer is what to publish over a connection that does not carry the replay's own bitrate: the same sound, and
// frames of at most 720 rows that are encoded for it alone while it has readers. The replay keeps its full ones.
func (r *Recorder) LowLayer() LowLayer { return LowLayer{r} }

// NewReader adds a bounded reader; see fanout.Fanout. It has Video and Opus.
func (l LowLayer) NewReader(capacity int, tracks ...media.Track) *fanout.Reader {
	return l.r.low.NewReader(capacity, tracks...)
}

// RequestKeyframe makes the layer's next frame an IDR.
func (l LowLayer) RequestKeyframe() { l.r.video.Low.RequestKeyframe() }

// SetBitrate changes the target in kb/s; the replay keeps its own.
func (l LowLayer) SetBitrate(kbps int) { l.r.video.Low.SetBitrate(kbps) }

// Video describes the layer; width and height are 0 before the first one.
func (l LowLayer) Video() media.TrackInfo { return l.r.video.Low.Info() }

// HasSound says whether any sound source is on.
func (l LowLayer) HasSound() bool { return l.r.HasSound() }

// Now is the recorder's clock.
func (l LowLayer) Now() time.Duration { return l.r.Now() }
