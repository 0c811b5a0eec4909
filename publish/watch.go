package publish

import (
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/livekit"
)

// sourceWatch notices when the user changes what is shared while it is shared.
type sourceWatch struct {
	video   media.TrackInfo
	sound   bool
	ceiling int // the configured bitrate in kb/s
	odd     int // how often in a row the encoder's bitrate was not the expected one
}

func newSourceWatch(src Source) sourceWatch {
	w := sourceWatch{video: src.Video(), sound: src.HasSound()}
	if w.ceiling = w.video.BitrateKbps; w.ceiling <= 0 {
		w.ceiling = fallbackKbps
	}
	return w
}

// bounds are those of the video's bitrate in kb/s.
func (w *sourceWatch) bounds() (floor, ceiling int) { return max(w.ceiling/floorShare, 1), w.ceiling }

// bitrates is what a session has to do with bitrates; *livekit.Session does.
type bitrates interface {
	BitrateKbps() int
	SetBounds(minimum, maximum int)
}

var _ bitrates = (*livekit.Session)(nil)

// again reports whether the tracks have to be published again: their number or size has changed. A new configured
// bitrate is passed on to the session; an encoder that was opened again gets the network's bitrate again.
func (w *sourceWatch) again(src Source, session bitrates) bool {
	now := src.Video()
	if src.HasSound() != w.sound || now.Width > 0 && (now.Width != w.video.Width || now.Height != w.video.Height) {
		return true
	}
	allowed := session.BitrateKbps()
	if now.BitrateKbps <= 0 || now.BitrateKbps == allowed {
		w.odd = 0
		return false
	}
	// A change by the session itself may be on its way to the encoder: only a difference seen twice counts.
	if w.odd++; w.odd < 2 {
		return false
	}
	w.odd = 0
	if now.BitrateKbps == w.ceiling {
		src.SetBitrate(allowed)
		return false
	}
	w.ceiling = now.BitrateKbps
	session.SetBounds(w.bounds())
	return false
}
