package source

import (
	"context"
	"slices"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/media"
)

// recorded is how a sink input is captured: through a record stream, at the sink that it played on then.
type recorded struct{ stream, sink uint32 }

// ear records the streams that some apps play.
type appCapture struct {
	*server
	apps    Apps
	streams map[uint32]recorded // by sink input
	sum     sum
	sink    string // its monitor's name
	lag     *lag
}

// captureApp captures what some apps play; silence while they play nothing.
func captureApp(ctx context.Context, c Sound, apps Apps, r report) error {
	s, err := connect()
	if err != nil {
		return notCaptured(c, err)
	}
	defer s.close()
	blocks := make(chan appBlock, 200)
	s.deliver(func(stream uint32, sound []float32) {
		select {
		case blocks <- appBlock{stream, slices.Clone(sound), clock.Now()}:
		default: // the capture has ended, or the machine is too busy
		}
	})
	e := &appCapture{server: s, apps: apps, streams: map[uint32]recorded{}, sum: sum{pcm: c.PCM}}
	defer e.rest()
	again, err := e.look()
	if err != nil {
		return notCaptured(c, err)
	}
	r.up(label(c))
	var retry <-chan time.Time
	for {
		if again {
			again, retry = false, time.After(firstPause)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.gone:
			return notCaptured(c, s.ended(ctx))
		case <-s.changed:
			if again, err = e.look(); err != nil {
				return notCaptured(c, err)
			}
		case <-retry:
			if again, err = e.look(); err != nil {
				return notCaptured(c, err)
			}
		case b := <-blocks:
			if !e.wants(b.stream) {
				continue // the last of one that was forgotten
			}
			b.at += e.lag.value() - media.SamplesToDuration(len(b.samples)/media.Channels)
			e.sum.add(b, len(e.streams))
		}
	}
}

// look records streams that are new and forgets those that have ended. A stream that has moved to another sink keeps
// its index, but the server no longer hands it to who recorded it at the first one; so it is recorded again. again
// says that one could not be recorded, which is to be tried later unless it has ended.
func (e *appCapture) look() (again bool, err error) {
	dead := e.takeKilled()
	playing, err := e.playing(e.apps.Have)
	if err != nil {
		return false, err
	}
	sinks := map[uint32]uint32{}
	for _, p := range playing {
		sinks[p.index] = p.sink
	}
	for index, r := range e.streams {
		if sink, there := sinks[index]; !there || sink != r.sink || dead[r.stream] {
			delete(e.streams, index)
			e.sum.forget(r.stream)
			e.forget(r.stream)
		}
	}
	for _, p := range playing {
		if _, ok := e.streams[p.index]; !ok && e.record(p) != nil {
			again = true
		}
	}
	if len(e.streams) == 0 {
		e.rest()
	}
	return again, nil
}

// wants is whether a record stream is one of those that are captured.
func (e *appCapture) wants(stream uint32) bool {
	for _, r := range e.streams {
		if r.stream == stream {
			return true
		}
	}
	return false
}

// rest ends the measuring and says that nothing is captured for now.
func (e *appCapture) rest() {
	e.measure("")
	e.sum.pcm(media.PCM{})
}

// record starts to record one stream.
func (e *appCapture) record(p stream) error {
	var sink proto.GetSinkInfoReply
	if err := e.client.Request(&proto.GetSinkInfo{SinkIndex: p.sink}, &sink); err != nil {
		return err
	}
	stream, err := e.server.record(sink.MonitorSourceName, p.index)
	if err != nil {
		return err
	}
	e.streams[p.index] = recorded{stream, p.sink}
	e.measure(sink.MonitorSourceName)
	return nil
}

// measure watches the latency of the output behind a monitor; an empty name ends that.
func (e *appCapture) measure(monitor string) {
	if monitor == e.sink {
		return
	}
	e.lag.close()
	e.lag = nil
	if e.sink = monitor; monitor != "" {
		e.lag = watchLag(monitor)
	}
}
