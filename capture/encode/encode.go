// Package encode turns raw frames into H.264 and mixed sound into Opus and AAC.
//
// What encodes are engines (encode/engine), which stand in one table (table.go); this package chooses among them and
// does what is the same for all. Frames are converted to 4:2:0 by encode/yuv; encode/h264 repeats frames without the
// encoder and writes down how the colors are meant. A Video or Sound hands packets to the emit function that it was
// opened with, from its engine's goroutine; Close ends the engine, waits for that goroutine, and may be called twice.
//
// Which H.264 encoder is used is decided by a real trial, never by the existence of an element: a driver may be missing
// behind it.
package encode

import (
	"errors"
	"math"

	"github.com/hindsight-app/hindsight/capture/encode/yuv"
	"github.com/hindsight-app/hindsight/capture/media"
)

// ErrNoEncoder says that no H.264 encoder passed its trial.
var ErrNoEncoder = errors.New("no H.264 encoder works on this machine")

// Emit receives a packet. It is called from the encoder's goroutine and must not block.
type Emit func(*media.Packet)

// KeyInterval is the longest time between two IDR frames in s.
const KeyInterval = 2

// HasScaler says whether libyuv is there. Without it scaling takes several times as long, as does conversion where this
// processor has no kernels.
func HasScaler() bool { return yuv.HasLibrary() }

// DefaultBitrateKbps is the bitrate in kb/s for a frame size and frame rate: 0.13 bits a pixel at 30 frames a second
// (8 Mb/s for 1080p30), half as much again with each doubling.
func DefaultBitrateKbps(width, height, fps int) int {
	perSecond := 30.0
	if fps > 30 {
		perSecond *= math.Pow(1.5, math.Log2(float64(fps)/30))
	}
	return max(int(float64(width*height)*perSecond*0.13/1000), 500)
}
