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
	closed    bool
}

func (f *feed) init() {
	f.watchers, f.listeners = map[chan Snapshot]struct{}{}, map[chan Event]struct{}{}
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

// replace puts the newest value into a channel of one; only the feed sends, under its lock.
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
	for c := range f.listeners {
		replace(c, e)
	}
}

func (f *feed) watch() (<-chan Snapshot, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan Snapshot, 1)
	if f.closed {
		close(c)
		return c, func() {}
	}
	if f.last.State != "" {
		c <- f.last
	}
	f.watchers[c] = struct{}{}
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if _, ok := f.watchers[c]; ok {
			delete(f.watchers, c)
			close(c)
		}
	}
}

func (f *feed) listen() (<-chan Event, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan Event, eventQueue)
	if f.closed {
		close(c)
		return c, func() {}
	}
	f.listeners[c] = struct{}{}
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if _, ok := f.listeners[c]; ok {
			delete(f.listeners, c)
			close(c)
		}
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for c := range f.watchers {
		delete(f.watchers, c)
		close(c)
	}
	for c := range f.listeners {
		delete(f.listeners, c)
		close(c)
	}
}
