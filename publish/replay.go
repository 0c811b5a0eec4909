package publish

import (
	"context"
	"errors"
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

// End ends it where no Publisher goes on with it. Its buffer stays, so the server hears of the pauses first.
func (r *Replay) End(ctx context.Context) error {
	_, told := r.pauses.tell(ctx, r.backend, r.id)
	_, err := r.backend.Stop(ctx, api.StopRequest{ReplayID: r.id})
	return errors.Join(told, err)
}

// pause is when the replay became paused, or ceased to be.
type pause struct {
	on bool
	at time.Time
}

// mostPauses is how many of them wait for a server that is away.
const mostPauses = 64

// pauseLog is what the user has paused of a replay, whichever Publisher records it, as far as the server has not heard
// of it.
type pauseLog struct {
	mu    sync.Mutex
	now   pause // the last one; at is zero before the first
	waits []pause
}

// set notes whether the replay is paused now.
func (l *pauseLog) set(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on == l.now.on {
		return
	}
	l.now = pause{on, time.Now()}
	l.waits = fewPauses(append(l.waits, l.now))
}

// next is what the server is to hear next.
func (l *pauseLog) next() (p pause, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waits) == 0 {
		return pause{}, false
	}
	return l.waits[0], true
}

// told notes what the server has heard.
func (l *pauseLog) told(p pause) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waits = slices.DeleteFunc(l.waits, func(w pause) bool { return w == p })
}

// check has the server hear again of a pause where it knows something else than it has heard: it was restored, or
// somebody else has said otherwise. Then a pause goes on from now in any case, and one that is over ends now: what
// the server did not know of in the meantime is not for viewers.
func (l *pauseLog) check(known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waits) > 0 || l.now.on == known {
		return
	}
	if l.now.on {
		l.waits = append(l.waits, l.now)
	}
	l.waits = append(l.waits, pause{l.now.on, time.Now()})
}

// tell has the server hear what it has not.
func (l *pauseLog) tell(ctx context.Context, backend service, replay string) (failed pause, err error) {
	for {
		p, more := l.next()
		if !more {
			return pause{}, nil
		}
		if err := backend.Pause(ctx, replay, p.on, p.at); err != nil {
			return p, err
		}
		l.told(p)
	}
}

// fewPauses takes out the ends of a pause after which the next one began soonest, until there are few enough: what is
// left hides more, and not less. The first is never taken out, for the server may have heard of it.
func fewPauses(list []pause) []pause {
	for len(list) > mostPauses {
		at, shortest := 0, time.Duration(0)
		for i := 1; i+1 < len(list); i++ {
			gap := list[i+1].at.Sub(list[i].at)
			if !list[i].on && list[i+1].on && (at == 0 || gap < shortest) {
				at, shortest = i, gap
			}
		}
		if at == 0 {
			return list // they are no ends and begins in turn
		}
		list = slices.Delete(list, at, at+2)
	}
	return list
}
