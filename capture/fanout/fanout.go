// Package fanout hands encoded packets from one writer to any number of bounded readers.
//
// The package owns the readers' queues and nothing else. It has no goroutines. Write never blocks: a reader whose queue
// is full loses what it holds of the video up to the next key packet, and the loss is counted. Closing the Fanout ends
// all readers after they have drained their queues; closing a Reader ends only that one.
package fanout

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/hindsight-app/hindsight/capture/media"
)

// ErrClosed is what Read returns once the reader or its fan-out is closed and the queue is drained.
var ErrClosed = errors.New("the packet stream is closed")

// Fanout is the writer's side.
type Fanout struct {
	mu      sync.Mutex
	readers map[*Reader]struct{}
	closed  bool
}

// New makes an empty fan-out.
func New() *Fanout { return &Fanout{readers: make(map[*Reader]struct{})} }

// Write hands the packet to every reader. It never blocks. The packet must not be changed afterwards.
func (f *Fanout) Write(p *media.Packet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for r := range f.readers {
		r.offer(p)
	}
}

// Wants says whether any reader gets the track, so that nothing is encoded without a reader.
func (f *Fanout) Wants(t media.Track) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for r := range f.readers {
		if r.wanted[t] {
			return true
		}
	}
	return false
}

// NewReader adds a reader that gets the named tracks and holds at most capacity packets. Video begins with a key
// packet.
func (f *Fanout) NewReader(capacity int, tracks ...media.Track) *Reader {
	r := &Reader{parent: f, queue: make(chan *media.Packet, max(capacity, 1)), done: make(chan struct{}), waitKey: true}
	for _, t := range tracks {
		r.wanted[t] = true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		close(r.done)
		return r
	}
	f.readers[r] = struct{}{}
	return r
}

// Close ends every reader. It may be called twice.
func (f *Fanout) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for r := range f.readers {
		delete(f.readers, r)
		close(r.done)
	}
	return nil
}

// Reader is one bounded consumer.
type Reader struct {
	parent  *Fanout
	queue   chan *media.Packet
	done    chan struct{}
	wanted  [media.TrackCount]bool
	waitKey bool // guarded by parent.mu
	dropped atomic.Uint64
}

// offer runs under the parent's lock.
func (r *Reader) offer(p *media.Packet) {
	if !r.wanted[p.Track] {
		return
	}
	if p.Track == media.Video && r.waitKey {
		if !p.Key {
			return
		}
		r.waitKey = false
	}
	select {
	case r.queue <- p:
	default:
		r.dropped.Add(1)
		if p.Track == media.Video {
			r.waitKey = true
		}
	}
}

// Read waits for the next packet. It returns ErrClosed once closed and drained, or the context's error.
func (r *Reader) Read(ctx context.Context) (*media.Packet, error) {
	select {
	case p := <-r.queue:
		return p, nil
	default:
	}
	select {
	case p := <-r.queue:
		return p, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.done:
		select {
		case p := <-r.queue:
			return p, nil
		default:
			return nil, ErrClosed
		}
	}
}

// Either waits for the next packet of two readers and says whether it is the second one's, which may be nil or closed.
// It ends as the first one's Read does.
func Either(ctx context.Context, first, second *Reader) (p *media.Packet, isSecond bool, err error) {
	var other chan *media.Packet
	if second != nil {
		other = second.queue
	}
	select {
	case p = <-first.queue:
		return p, false, nil
	case p = <-other:
		return p, true, nil
	case <-ctx.Done():
		return nil, false, ctx.Err()
	case <-first.done:
		p, err = first.Read(ctx)
		return p, false, err
	}
}

// Dropped is the number of packets lost because the queue was full.
func (r *Reader) Dropped() uint64 { return r.dropped.Load() }

// Close takes the reader out of the fan-out. It may be called twice.
func (r *Reader) Close() error {
	r.parent.mu.Lock()
	defer r.parent.mu.Unlock()
	if _, ok := r.parent.readers[r]; ok {
		delete(r.parent.readers, r)
		close(r.done)
	}
	return nil
}
