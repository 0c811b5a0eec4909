package source

import (
	"github.com/hindsight-app/hindsight/capture/media"
)

// suppressed is what suppressing noise does between a source of the sound server and our format: WebRTC's audio
// processing (GStreamer's webrtcdsp, in plugins-bad) in one of the two forms it takes, on blocks of 10 ms.
const suppressed = "audio/x-raw,format=S16LE,rate=48000,channels=1,layout=interleaved ! webrtcdsp echo-cancel=false gain-control=false" +
	" limiter=false noise-suppression-level=high ! audioconvert ! "

// suppressDelay is by how much its sound comes later than its time stamps say: the correlation of a modulated noise with
// what becomes of it has its peak there.
var suppressDelay = media.SamplesToDuration(334)

// How many samples later the sound comes where echo is cancelled, and how many more where noise is suppressed with it.
var (
	echoDelay      = media.SamplesToDuration(382)
	echoNoiseDelay = media.SamplesToDuration(288)
)
