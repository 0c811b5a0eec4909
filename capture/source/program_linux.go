package source

import (
	"context"
	"slices"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
)

// heard is a block of a record stream with the time of its arrival.
type heard struct {
	stream  uint32
	samples []float32
	at      time.Duration
}

// ear records the streams that one program plays.
type ear struct {
	*server
	program string
	streams map[uint32]uint32 // sink input → record stream
	sum     sum
	sink    string // its monitor's name
	lag     *lag
}

// overhear hears what a program plays; silence while it plays nothing.
func overhear(ctx context.Context, c Sound, program string, r report) error {
	if err := gst.Init(); err != nil { // its clock stamps everything
		return err
	}
	s, err := connect()
	if err != nil {
		return unheard(c, err)
	}
	defer s.close()
	blocks := make(chan heard, 200)
	s.deliver(func(stream uint32, sound []float32) {
		select {
		case blocks <- heard{stream, slices.Clone(sound), gst.Now()}:
		default: // nobody listens any more, or the machine is too busy
		}
	})
	e := &ear{server: s, program: program, streams: map[uint32]uint32{}, sum: sum{pcm: c.PCM}}
	defer e.rest()
	if err := e.look(); err != nil {
		return unheard(c, err)
	}
	r.up(label(c))
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.gone:
			return unheard(c, s.ended(ctx))
		case <-s.changed:
			if err := e.look(); err != nil {
				return unheard(c, err)
			}
		case b := <-blocks:
			b.at += e.lag.value() - media.SamplesToDuration(len(b.samples)/media.Channels)
			e.sum.add(b, len(e.streams))
		}
	}
}

// look records streams that are new and forgets those that have ended.
func (e *ear) look() error {
	playing, err := e.playing(e.program)
	if err != nil {
		return err
	}
	there := map[uint32]bool{}
	for _, p := range playing {
		there[p.index] = true
		if _, ok := e.streams[p.index]; ok {
			continue
		}
		if err := e.record(p); err != nil {
			continue // it ended meanwhile, which is told as a change
		}
	}
	for index, stream := range e.streams {
		if !there[index] {
			delete(e.streams, index)
			e.sum.forget(stream)
			e.forget(stream)
		}
	}
	if len(e.streams) == 0 {
		e.rest()
	}
	return nil
}

// rest ends the measuring and says that nothing is heard for now.
func (e *ear) rest() {
	e.measure("")
	e.sum.pcm(media.PCM{})
}

// record begins to hear one stream.
func (e *ear) record(p stream) error {
	var sink proto.GetSinkInfoReply
	if err := e.client.Request(&proto.GetSinkInfo{SinkIndex: p.sink}, &sink); err != nil {
		return err
	}
	stream, err := e.server.record(sink.MonitorSourceName, p.index)
	if err != nil {
		return err
	}
	e.streams[p.index] = stream
	e.measure(sink.MonitorSourceName)
	return nil
}

// measure watches the latency of the output behind a monitor; an empty name ends that.
func (e *ear) measure(monitor string) {
	if monitor == e.sink {
		return
	}
	e.lag.close()
	e.lag = nil
	if e.sink = monitor; monitor != "" {
		e.lag = watchLag(monitor)
	}
}
