package source

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
)

// EchoLead is by how much what the loudspeakers play is handed to an Echo before what the microphone captures at the
// time: clocks and latencies are not known so well that an echo would never seem to come before its cause.
const EchoLead = 20 * time.Millisecond

// Echo removes what loudspeakers play from what a microphone captures, with WebRTC's audio processing (GStreamer's
// webrtcdsp and webrtcechoprobe, in plugins-bad). It belongs to one goroutine, but for Close.
type Echo struct {
	pipeline               *gst.Pipeline
	farIn, farOut, in, out *gst.Element
	late                   time.Duration
	at                     time.Duration // what was given so far
	path                   echoPath
	near, far              []int16 // mono
	once                   sync.Once
}

// probes counts them: webrtcdsp looks for its probe by name in the whole process.
var probes atomic.Uint64

// echoWait is how long the result for a block may take.
const echoWait = 5 * time.Second

// NewEcho begins to cancel; suppress takes steady noise out as well. The error is a message.
func NewEcho(suppress bool) (*Echo, error) {
	const form = "appsrc format=time is-live=true max-bytes=0 " +
		"caps=audio/x-raw,format=S16LE,rate=48000,channels=1,layout=interleaved name="
	// A sink that took part in the change of states would wait for the other one's first data.
	const sink = " ! appsink sync=false async=false name="
	name := fmt.Sprintf("echo%d", probes.Add(1))
	p, err := gst.Parse(form + "far ! webrtcechoprobe name=" + name + sink + "played " + form + "near ! webrtcdsp probe=" +
		name +
		fmt.Sprintf(" noise-suppression=%t", suppress) + " noise-suppression-level=high gain-control=false limiter=false" +
		sink + "out")
	if err != nil {
		return nil, fmt.Errorf("echo cancellation doesn't work: %w; or turn it off in Settings, Audio", err)
	}
	e := &Echo{pipeline: p, late: echoDelay, path: newEchoPath()}
	if suppress {
		e.late += echoNoiseDelay
	}
	for name, at := range map[string]**gst.Element{"far": &e.farIn, "played": &e.farOut, "near": &e.in, "out": &e.out} {
		if *at, err = p.Element(name); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	if err := p.Play(0); err != nil {
		return nil, errors.Join(fmt.Errorf("echo cancellation doesn't work: %w", err), p.Close())
	}
	return e, nil
}

// Late is by how much what Cancel leaves is later than what it was given.
func (e *Echo) Late() time.Duration { return e.late }

// Cancel takes the echo of far out of near, both interleaved stereo of the same length, a multiple of 10 ms. near
// becomes mono. Blocks follow each other without gaps. far leads near by EchoLead; how much later its echo is heard is
// found out.
func (e *Echo) Cancel(near, far []float32) error {
	e.near, e.far = toMono(e.near[:0], near), toMono(e.far[:0], far)
	e.path.align(e.near, e.far)
	// One after the other: the probe must have a block before the microphone's is compared with it.
	if err := e.through(e.farIn, e.farOut, e.far); err != nil {
		return err
	}
	if err := e.through(e.in, e.out, e.near); err != nil {
		return err
	}
	e.at += media.SamplesToDuration(len(e.near))
	for i, v := range e.near {
		near[2*i], near[2*i+1] = float32(v)/fullScale, float32(v)/fullScale
	}
	return nil
}

// fullScale is the largest sample of 16 bits.
const fullScale = 1<<15 - 1

func toMono(dst []int16, stereo []float32) []int16 {
	for i := 0; i+1 < len(stereo); i += media.Channels {
		v := (stereo[i] + stereo[i+1]) / 2
		if v != v {
			v = 0
		}
		dst = append(dst, int16(min(max(v, -1), 1)*fullScale))
	}
	return dst
}

// through sends sound in, waits until as much has come out, and stores that in its place.
func (e *Echo) through(in, out *gst.Element, sound []int16) error {
	b, err := gst.NewBuffer(unsafe.Slice((*byte)(unsafe.Pointer(&sound[0])), 2*len(sound)))
	if err != nil {
		return err
	}
	if err := in.Push(b, e.at, media.SamplesToDuration(len(sound))); err != nil {
		return err
	}
	for len(sound) > 0 {
		s, err := out.Pull(echoWait, time.Millisecond)
		if err != nil {
			return e.pipeline.Cause(err)
		}
		n, err := take(s, sound)
		if err != nil {
			return err
		}
		sound = sound[n:]
	}
	return nil
}

// take copies a sample's sound and returns how much it was.
func take(s *gst.Sample, dst []int16) (int, error) {
	defer s.Release()
	b, err := s.Bytes()
	if err != nil || len(b) < 2 {
		return 0, err
	}
	return copy(dst, unsafe.Slice((*int16)(unsafe.Pointer(&b[0])), len(b)/2)), nil
}

// Close ends it; it may be called twice, but not while Cancel runs.
func (e *Echo) Close() error {
	var err error
	e.once.Do(func() { err = e.pipeline.Close() })
	return err
}
