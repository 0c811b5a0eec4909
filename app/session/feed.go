package session

import (
	"reflect"
	"sync"
)

// eventQueue is how many events a listener may be behind.
const eventQueue = 64

// feed hands snapshots and events to any number of front ends without ever waiting for one.
type feed struct {
	mu        sync.Mutex
	last      Snapshot
	watchers  map[chan Snapshot]struct{}
	listeners map[chan Event]struct{}
	// early holds the events from before the first listener, who gets them: a session runs before anybody can listen.
	early  chan Event
	closed bool
}

func (f *feed) init(first Snapshot) {
	f.last = first
	f.watchers, f.listeners = map[chan Snapshot]struct{}{}, map[chan Event]struct{}{}
	f.early = make(chan Event, eventQueue)
}

func (f *feed) latest() Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

func (f *feed) snapshot(s Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if reflect.DeepEqual(s, f.last) {
		return
	}
	f.last = s
	for c := range f.watchers {
		replace(c, s)
	}
}

// replace puts the newest value into a bounded channel; only the feed sends, under its lock.
func replace[T any](c chan T, v T) {
	for {
		select {
		case c <- v:
			return
		default:
		}
		select {
		case <-c:
		default:
		}
	}
}

func (f *feed) event(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.early != nil {
		replace(f.early, e)
	}
	for c := range f.listeners {
		replace(c, e)
	}
}

func (f *feed) watch() (<-chan Snapshot, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan Snapshot, 1)
	if !f.closed {
		c <- f.last
	}
	return c, join(f, f.watchers, c)
}

func (f *feed) listen() (<-chan Event, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.early
	if c == nil {
		c = make(chan Event, eventQueue)
	}
	f.early = nil
	return c, join(f, f.listeners, c)
}

// join adds a channel to those that are served, until the returned function is called or the feed is closed. It runs
// under the lock.
func join[T any](f *feed, served map[chan T]struct{}, c chan T) (stop func()) {
	if f.closed {
		close(c)
		return func() {}
	}
	served[c] = struct{}{}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		leave(served, c)
	}
}

func leave[T any](served map[chan T]struct{}, c chan T) {
	if _, ok := served[c]; ok {
		delete(served, c)
		close(c)
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for c := range f.watchers {
		leave(f.watchers, c)
	}
	for c := range f.listeners {
		leave(f.listeners, c)
	}
}
