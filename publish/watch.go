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
	low     lowWatch
}

// lowWatch is the part of a sourceWatch for the low-resolution layer.
type lowWatch struct {
	src   Source          // nil without
	video media.TrackInfo // as published; width 0 where it was not there in time
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
	if w.low.again() {
		return true
	}
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

// newLowWatch looks at the low-resolution layer as it is to be published.
func newLowWatch(src Source) lowWatch {
	w := lowWatch{src: src}
	if src != nil {
		w.video = src.Video()
	}
	return w
}

// there is whether the layer is published.
func (w *lowWatch) there() bool { return w.video.Width > 0 }

// again reports whether the layer has changed or is there now. While nobody needs the layer, it has none.
func (w *lowWatch) again() bool {
	if w.src == nil {
		return false
	}
	now := w.src.Video()
	return now.Width > 0 && (now.Width != w.video.Width || now.Height != w.video.Height ||
		now.FrameRate != w.video.FrameRate) // with the frame rate its bitrate changes
}

// bounds are those of the layer's bitrate in kb/s.
func (w *lowWatch) bounds() (floor, ceiling int) {
	ceiling = w.video.BitrateKbps
	if ceiling <= 0 {
		ceiling = fallbackKbps / floorShare
	}
	return max(ceiling/floorShare, 1), ceiling
}

// follow gives an encoder that was opened again the network's bitrate again.
func (w *lowWatch) follow(allowed int) {
	if !w.there() {
		return
	}
	if now := w.src.Video(); now.Width > 0 && now.BitrateKbps != allowed {
		w.src.SetBitrate(allowed)
	}
}
