// Package encode turns raw frames into H.264 and mixed sound into Opus and AAC.
//
// An encoder is a GStreamer pipeline between an appsrc and an appsink. Each Video or Sound owns its pipeline and one
// goroutine that pulls what comes out and hands it to the emit function it was opened with; Close ends the pipeline,
// waits for that goroutine, and may be called twice. Frames are converted to 4:2:0 here: by AVX2 kernels of this
// package, by libyuv on other processors, and by GStreamer, several times as slowly, where neither is available. Of
// frames that say what has changed, only that part is converted.
//
// Which H.264 encoder is used is decided by a real trial, never by the existence of an element: a driver may be missing
// behind it.
package encode

import (
	"errors"

	"github.com/hindsight-app/hindsight/capture/media"
)

// ErrNoEncoder says that no H.264 encoder passed its trial.
var ErrNoEncoder = errors.New("no H.264 encoder works on this machine")

// Emit receives a packet. It is called from the encoder's goroutine and must not block.
type Emit func(*media.Packet)

// Qualities of video.
const (
	Performance = "performance"
	Balanced    = "balanced"
	Quality     = "quality"
)

// KeyInterval is the longest time between two IDR frames in s.
const KeyInterval = 2

// DefaultBitrateKbps is the bitrate in kb/s for a frame size and frame rate: 0.13 bits a pixel at 30 frames a second
// (8 Mb/s for 1080p30), half as much again at 60.
func DefaultBitrateKbps(width, height, fps int) int {
	perSecond := 30.0
	if fps > 30 {
		perSecond = 45
	}
	return max(int(float64(width*height)*perSecond*0.13/1000), 500)
}
