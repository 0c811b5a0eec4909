package source

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/jfreymuth/pulse/proto"

	"github.com/hindsight-app/hindsight/capture/media"
)

// server is a connection to the sound server. The client library reads it in its own goroutine, which ends with
// close.
type server struct {
	connection
	// changed holds a token when devices, programs' streams or defaults have changed since it was last taken.
	changed chan struct{}
	// killed holds a token when the server has ended a record stream since it was last taken.
	killed chan struct{}
	// weight makes up for the volume of the monitor that is recorded; weighed holds a token when it was asked for since
	// it was last taken.
	weight  atomic.Pointer[weight]
	weighed chan struct{}

	mu     sync.Mutex
	packet func(stream uint32, sound []float32)
	dead   map[uint32]bool // record streams that the server has ended since they were last asked for
}

// connect opens a connection that reports changes. The error is a message.
func connect() (*server, error) {
	s := &server{changed: make(chan struct{}, 1), killed: make(chan struct{}, 1), weighed: make(chan struct{}, 1)}
	var err error
	if s.connection, err = dial(s.reported); err != nil {
		return nil, fmt.Errorf("no sound server responds (%w); start PulseAudio or PipeWire", err)
	}
	const what = proto.SubscriptionMaskSink | proto.SubscriptionMaskSource |
		proto.SubscriptionMaskSinkInput | proto.SubscriptionMaskServer
	if err := s.client.Request(&proto.Subscribe{Mask: what}, nil); err != nil {
		s.close()
		return nil, fmt.Errorf("the sound server does not report changes: %w", err)
	}
	return s, nil
}

// reported takes what the server sends unasked.
func (s *server) reported(m any) {
	switch m := m.(type) {
	case *proto.DataPacket:
		s.arrived(m.StreamIndex, m.Data)
	case *proto.RecordStreamKilled:
		s.mu.Lock()
		if s.dead == nil {
			s.dead = map[uint32]bool{}
		}
		s.dead[m.StreamIndex] = true
		s.mu.Unlock()
		media.Poke(s.killed)
		media.Poke(s.changed)
	case *proto.SubscribeEvent:
		media.Poke(s.changed)
	}
}

// takeKilled returns the record streams that the server has ended since it was last called.
func (s *server) takeKilled() map[uint32]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	dead := s.dead
	s.dead = nil
	return dead
}

// deliver hands the sound of record streams to f from now on, in the client library's goroutine, whose memory it is;
// nil ends that. When it returns, nobody is inside the one before.
func (s *server) deliver(f func(stream uint32, sound []float32)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packet = f
}

func (s *server) arrived(stream uint32, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.packet != nil && len(data) >= 8 {
		s.packet(stream, unsafe.Slice((*float32)(unsafe.Pointer(&data[0])), len(data)/4))
	}
}

// wait waits for a change. It returns false when the context has ended or the server is gone.
func (s *server) wait(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-s.gone:
		return false
	case <-s.changed:
		return true
	}
}

// devices lists what can be recorded, and the programs that play.
func (s *server) devices() ([]Device, error) {
	var info proto.GetServerInfoReply
	var sources proto.GetSourceInfoListReply
	for _, r := range []struct {
		request proto.RequestArgs
		reply   proto.Reply
	}{
		{&proto.GetServerInfo{}, &info},
		{&proto.GetSourceInfoList{}, &sources},
	} {
		if err := s.client.Request(r.request, r.reply); err != nil {
			return nil, fmt.Errorf("the sound server refuses to list its devices: %w", err)
		}
	}
	devices := make([]Device, 0, len(sources))
	for _, d := range sources {
		monitor := d.MonitorSourceIndex != proto.Undefined
		devices = append(devices, Device{
			ID: d.SourceName, Name: d.Device, Monitor: monitor,
			Default: d.SourceName == info.DefaultSourceName && !monitor ||
				monitor && d.MonitorSourceName == info.DefaultSinkName,
		})
	}
	playing, err := s.playing(func(string) bool { return true })
	for _, p := range playing {
		d := Device{ID: Apps{Names: []string{p.program}}.Device(), Name: p.program, Monitor: true}
		if !slices.Contains(devices, d) {
			devices = append(devices, d)
		}
	}
	return devices, err
}

// playing are the streams of the apps that are wanted.
func (s *server) playing(wanted func(app string) bool) ([]stream, error) {
	var inputs proto.GetSinkInputInfoListReply
	if err := s.client.Request(&proto.GetSinkInputInfoList{}, &inputs); err != nil {
		return nil, fmt.Errorf("the sound server refuses to list the apps that play audio: %w", err)
	}
	var list []stream
	for _, in := range inputs {
		p := stream{index: in.SinkInputIndex, sink: in.SinkIndex}
		for _, key := range []string{"application.name", "application.process.binary"} {
			if v, ok := in.Properties[key]; ok && p.program == "" {
				p.program = v.String()
			}
		}
		if p.program != "" && wanted(p.program) {
			list = append(list, p)
		}
	}
	return list, nil
}

// stream is one stream that a program plays on a sink.
type stream struct {
	program     string
	index, sink uint32
}

// WatchDevices calls changed whenever Devices may return something else, until the context ends. A server that is away
// is looked for again.
func WatchDevices(ctx context.Context, changed func()) {
	for ctx.Err() == nil {
		if s, err := connect(); err == nil {
			changed() // it may have come just now
			for s.wait(ctx) {
				changed()
			}
			s.close()
			if ctx.Err() == nil {
				changed()
			}
		}
		wait(ctx, firstPause)
	}
}
