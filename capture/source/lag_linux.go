package source

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jfreymuth/pulse/proto"
)

const (
	// lagEvery is how often the latency of the output is asked for, lagFirst how often during the first second.
	lagEvery, lagFirst = time.Second, 50 * time.Millisecond
	// halfBlock is half of what the server renders at once for a listener that asks for 10 ms blocks: the latency it
	// states is that of a moment between two blocks, a block arrives right after it was rendered.
	halfBlock = 5 * time.Millisecond
	// mostLag bounds what is believed.
	mostLag = 500 * time.Millisecond
)

// lag measures by how much a monitor's sound arrives before it is heard: the server hands a monitor what it renders for
// the output, which plays it one output latency later. One goroutine asks the server; close ends it and waits.
type lag struct {
	now    atomic.Int64 // ns
	cancel context.CancelFunc
	done   chan struct{}
}

// watchLag begins to measure the output behind a monitor ("" or defaultMonitor: the default output's). Where the server
// does not tell, the lag is that of one block.
func watchLag(monitor string) *lag {
	ctx, cancel := context.WithCancel(context.Background())
	l := &lag{cancel: cancel, done: make(chan struct{})}
	l.now.Store(int64(2 * halfBlock))
	go l.run(ctx, monitor)
	return l
}

func (l *lag) value() time.Duration { return time.Duration(l.now.Load()) }

func (l *lag) close() {
	l.cancel()
	<-l.done
}

func (l *lag) run(ctx context.Context, monitor string) {
	defer close(l.done)
	client, conn, err := proto.Connect("")
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if err := hello(client, func(any) {}); err != nil {
		return
	}
	mean, n := 0.0, 0.0
	for {
		d, err := sinkLatency(client, monitor)
		if err != nil {
			return // the source itself fails as well, and is opened anew
		}
		if d < mostLag {
			n = min(n+1, 50)
			mean += (float64(d+halfBlock) - mean) / n
			l.now.Store(int64(mean))
		}
		wait := lagEvery
		if n < 20 {
			wait = lagFirst
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// hello introduces this program. The client calls its callback without looking when the server goes away.
func hello(client *proto.Client, callback func(any)) error {
	client.Callback = callback
	props := proto.PropList{"application.name": proto.PropListString("Hindsight")}
	return client.Request(&proto.SetClientName{Props: props}, &proto.SetClientNameReply{})
}

func sinkLatency(client *proto.Client, monitor string) (time.Duration, error) {
	if monitor == "" {
		monitor = defaultMonitor
	}
	var source proto.GetSourceInfoReply
	if err := client.Request(&proto.GetSourceInfo{SourceIndex: proto.Undefined, SourceName: monitor}, &source); err != nil {
		return 0, err
	}
	var sink proto.GetSinkInfoReply
	if err := client.Request(&proto.GetSinkInfo{SinkIndex: proto.Undefined, SinkName: source.MonitorSourceName}, &sink); err != nil {
		return 0, err
	}
	return time.Duration(sink.Latency) * time.Microsecond, nil
}
