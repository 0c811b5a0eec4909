package source

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jfreymuth/pulse/proto"
)

const (
	// lagEvery is how often the latency of the output is asked for, lagFirst how often during the first second.
	lagEvery, lagFirst = time.Second, 50 * time.Millisecond
	// lagAnswers is how many replies are compared.
	lagAnswers = 20
	// halfBlock is half of what the server renders at once for a listener that asks for such blocks: the latency it
	// states is that of a moment between two blocks, a block arrives right after it was rendered.
	halfBlock = blockLength / 2
	// mostLag bounds what is believed.
	mostLag = 500 * time.Millisecond
)

// lag measures by how much a monitor's sound arrives before it is played: the server hands a monitor what it renders
// for the output, which plays it one output latency later. One goroutine asks the server; close ends it and waits.
type lag struct {
	now    atomic.Int64 // ns
	cancel context.CancelFunc
	done   chan struct{}
}

// watchLag begins to measure the output behind a monitor ("" or defaultMonitor: the default output's). Where the server
// does not say, the lag is that of one block.
func watchLag(monitor string) *lag {
	ctx, cancel := context.WithCancel(context.Background())
	l := &lag{cancel: cancel, done: make(chan struct{})}
	l.now.Store(int64(blockLength))
	go l.run(ctx, monitor)
	return l
}

// value is 0 where nothing is measured.
func (l *lag) value() time.Duration {
	if l == nil {
		return 0
	}
	return time.Duration(l.now.Load())
}

func (l *lag) close() {
	if l != nil {
		l.cancel()
		<-l.done
	}
}

// run continues when the server does not reply: on a busy machine that passes, and where the server is away the source
// itself fails as well.
func (l *lag) run(ctx context.Context, monitor string) {
	defer close(l.done)
	for ctx.Err() == nil {
		l.ask(ctx, monitor)
		select {
		case <-ctx.Done():
		case <-time.After(lagEvery):
		}
	}
}

// ask asks until it gets no reply. The replies are spread over a block, and while a stream begins they are about a
// longer one; so the median of the last ones counts.
func (l *lag) ask(ctx context.Context, monitor string) {
	c, err := dial(func(any) {})
	if err != nil {
		return
	}
	defer c.close()
	defer context.AfterFunc(ctx, func() { c.conn.Close() })()
	var last []time.Duration
	for {
		d, err := sinkLatency(c.client, monitor)
		if err != nil {
			return
		}
		wait := lagEvery
		if d < mostLag {
			if last = append(last, d); len(last) > lagAnswers {
				last = last[1:]
			} else {
				wait = lagFirst
			}
			sorted := slices.Sorted(slices.Values(last))
			l.now.Store(int64(sorted[len(sorted)/2] + halfBlock))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func sinkLatency(client *proto.Client, monitor string) (time.Duration, error) {
	if monitor == "" {
		monitor = defaultMonitor
	}
	var source proto.GetSourceInfoReply
	if err := client.Request(&proto.GetSourceInfo{SourceIndex: proto.Undefined, SourceName: monitor},
		&source); err != nil {
		return 0, err
	}
	var sink proto.GetSinkInfoReply
	if err := client.Request(&proto.GetSinkInfo{SinkIndex: proto.Undefined, SinkName: source.MonitorSourceName},
		&sink); err != nil {
		return 0, err
	}
	return time.Duration(sink.Latency) * time.Microsecond, nil
}
