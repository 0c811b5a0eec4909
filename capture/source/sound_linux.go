package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/media"
)

// defaultMonitor is the sound server's own name for the monitor of the default output (PulseAudio, pa_namereg_get). It
// is good for questions only: PipeWire 0.3 records the default microphone under it.
const defaultMonitor = "@DEFAULT_MONITOR@"

// captureDevice records c.Device by the sound server's own protocol; the server converts to our format.
//
// Each block is stamped with the clock as it arrives. Counting samples from the moment the stream is asked for would
// stay wrong by however long the server took to begin: 129 ms in a measurement against a pipe source that was fed by
// the clock. The jitter of the stamps is the mixer's to smooth. The protocol is spoken here, without GStreamer's
// pulsesrc, because each block passes three threads there, which cost more than all that is done with the sound
// afterwards.
func (s *server) captureDevice(ctx context.Context, c Sound, r report) error {
	defer c.PCM(media.PCM{})
	take, failed := c.PCM, (chan error)(nil)
	if c.Suppress {
		clean, err := newCleaner(c.PCM)
		if err != nil {
			return err
		}
		defer clean.close()
		take, failed = clean.push, clean.failed
	}
	var ahead *lag
	if c.Monitor {
		ahead = watchLag(c.Device)
		defer ahead.close()
		s.weigh(c.Device)
	}
	var amp amplifier
	came, first := make(chan struct{}, 1), true
	s.deliver(func(_ uint32, sound []float32) {
		p := media.PCM{Discont: first, Samples: sound}
		p.PTS = clock.Now() - p.Duration() + ahead.value()
		if c.Monitor {
			amp.amplify(sound, s.weight.Load())
		}
		take(p)
		if first {
			first = false
			came <- struct{}{}
		}
	})
	defer s.deliver(nil)
	select {
	case <-s.killed: // a stream before this one
	default:
	}
	stream, err := s.record(c.Device, proto.Undefined)
	if err != nil {
		return notCaptured(c, err)
	}
	defer s.forget(stream)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-came:
			r.up(label(c))
		case <-s.weighed:
			r.note(s.weight.Load().note)
		case err := <-failed:
			return err
		case <-s.gone:
			return notCaptured(c, s.ended(ctx))
		case <-s.killed:
			if there, err := s.find(c); err == nil && there != c.Device {
				return errGone
			}
			return notCaptured(c, errors.New("the sound server stopped the recording"))
		}
	}
}

// errGone says that a device is gone, which is no failure: another one may be captured in its place.
var errGone = errors.New("the audio device was disconnected")

// blockLength is how much sound the server is asked to hand over at once: as much as is mixed at once, since each block
// wakes the server, this program and what reads in it.
const blockLength = 20 * time.Millisecond

// record starts to record a source: all of it, or what one sink input adds to a monitor, before it is mixed
// (PulseAudio's native protocol, CREATE_RECORD_STREAM, there with direct_on_input_idx; PipeWire's server has both).
func (s *server) record(source string, input uint32) (stream uint32, err error) {
	const block = uint32(media.SampleRate * blockLength / time.Second * media.Channels * 4) // bytes
	var reply proto.CreateRecordStreamReply
	err = s.client.Request(&proto.CreateRecordStream{
		SampleSpec:  proto.SampleSpec{Format: proto.FormatFloat32LE, Channels: media.Channels, Rate: media.SampleRate},
		ChannelMap:  proto.ChannelMap{proto.ChannelLeft, proto.ChannelRight},
		SourceIndex: proto.Undefined, SourceName: source, DirectOnInputIndex: input,
		BufferMaxLength: 50 * block, BufferFragSize: block, AdjustLatency: true,
		ChannelVolumes: proto.ChannelVolumes{volumeNorm, volumeNorm},
		Properties:     proto.PropList{"media.name": proto.PropListString("Hindsight")},
	}, &reply)
	return reply.StreamIndex, err
}

// volumeNorm leaves sound as it is (PulseAudio, PA_VOLUME_NORM).
const volumeNorm = 0x10000

// forget ends a stream; the server may have done so.
func (s *server) forget(stream uint32) {
	_ = s.client.Request(&proto.DeleteRecordStream{StreamIndex: stream}, nil)
}

func label(c Sound) string {
	if c.Device != "" {
		return c.Device
	}
	return "default"
}

// notCaptured makes a message of a failure.
func notCaptured(c Sound, err error) error {
	what := "the default microphone"
	switch {
	case c.Device != "":
		what = "the audio device " + c.Device
	case c.Monitor:
		what = "desktop audio"
	}
	return fmt.Errorf("%s can't be captured: %w", what, err)
}
