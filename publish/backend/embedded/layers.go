package embedded

import (
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/livekit/protocol/livekit"
)

// layerPatience is how long the full layer is waited for at the beginning.
const layerPatience = 3 * time.Second

// fullFirst leaves out what comes of smaller layers at the beginning: of a track with several, LiveKit passes on the
// one whose keyframe comes first, and the full one from its next keyframe on. It is used by one goroutine.
type fullFirst struct {
	width int // of the full layer; 0 takes everything
	until time.Time
}

func newFullFirst(info *livekit.TrackInfo) *fullFirst {
	f := &fullFirst{}
	for _, codec := range info.GetCodecs() {
		if len(codec.Layers) < 2 {
			continue
		}
		for _, l := range codec.Layers {
			f.width = max(f.width, int(l.Width))
		}
	}
	return f
}

// takes says whether a frame belongs into the recording.
func (f *fullFirst) takes(u unit) bool {
	if f.width == 0 {
		return true
	}
	if f.until.IsZero() {
		f.until = u.at.Add(layerPatience)
	}
	var sps h264.SPS
	full := u.key && sps.Unmarshal([]byte(u.sets.sps)) == nil && sps.Width() >= f.width
	if !full && u.at.Before(f.until) {
		return false
	}
	f.width = 0
	return true
}
