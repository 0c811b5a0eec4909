package publish

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Replay is one on the server that a Publisher has left, for the next one to go on with.
type Replay struct {
	id      string
	backend service
	pauses  *pauseLog
}

// ID is its name on the server.
func (r *Replay) ID() string { return r.id }

// Tell is Publisher.Tell while there is none: the server hears of a pause from the next one.
func (r *Replay) Tell(state api.RoomState) { r.pauses.set(state.Replay == api.ReplayPaused) }

// End ends it where no Publisher goes on with it.
func (r *Replay) End(ctx context.Context) error {
	_, err := r.backend.Stop(ctx, api.StopRequest{ReplayID: r.id})
	return err
}

// pause is when the replay became paused, or ceased to be.
type pause struct {
	on bool
	at time.Time
}

// mostPauses is how many of them wait for a server that is away.
const mostPauses = 64

// pauseLog is what the user has paused of a replay, whichever Publisher records it, and what the server knows of it.
type pauseLog struct {
	mu     sync.Mutex
	now    pause   // the last one; at is zero before the first
	waits  []pause // that the server has not heard of
	server bool    // whether it is paused as far as the server knows
}

// set notes whether the replay is paused now.
func (l *pauseLog) set(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on == l.now.on {
		return
	}
	l.now = pause{on, time.Now()}
	l.waits = append(l.waits, l.now)
	l.waits = l.waits[max(0, len(l.waits)-mostPauses):]
}

// next is what the server is to hear next.
func (l *pauseLog) next() (p pause, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waits) > 0 {
		return l.waits[0], true
	}
	return l.now, l.now.on != l.server
}

// told notes what the server has heard.
func (l *pauseLog) told(p pause) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server = p.on
	l.waits = slices.DeleteFunc(l.waits, func(w pause) bool { return w == p })
}

// know notes what the server says.
func (l *pauseLog) know(paused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server = paused
}
