// Package leases has only one of several backends on one database, and only one call in this one, do a piece of work.
// It owns the locks of this process; the leases themselves are rows of the database. A lease that is held has a
// goroutine that renews it, and ends with the work: nothing else is to be closed.
package leases

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Several backends may work on one database. What only one of them may do at a time is under a lease in it, which a
// backend that dies loses when the time is up.
const (
	startTerm    = 30 * time.Second
	renewals     = 4 // in a term, while the work goes on
	leasePolling = 100 * time.Millisecond
)

// ReleaseLimit bounds what is waited for the database at the end of a piece of work.
const ReleaseLimit = 5 * time.Second

// Store is the database that the leases lie in.
type Store interface {
	Lease(ctx context.Context, name string, term time.Duration) (bool, error)
	Release(ctx context.Context, name string) error
}

// Leases are what this backend may hold.
type Leases struct {
	store  Store
	log    *slog.Logger
	starts keyedMutex
}

// New is for the leases in a database.
func New(s Store, log *slog.Logger) *Leases { return &Leases{store: s, log: log} }

// ErrBusy means that somebody else did the same work for too long.
var ErrBusy = errors.New("another request for this room takes too long; try again")

// Release gives a lease back, even at the end.
func (l *Leases) Release(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ReleaseLimit)
	defer cancel()
	if err := l.store.Release(ctx, name); err != nil {
		l.log.WarnContext(ctx, "cannot release a lease; other backends wait until it expires", "lease", name, "err", err)
	}
}

// ErrLost ends the work of a backend that another has taken a lease from.
var ErrLost = errors.New("the lease on this work is lost")

// Hold renews a lease that is held, until done is called, which gives it back. The context it returns ends when the
// lease is lost, or could not be renewed in time: another backend may do the same work then.
func (l *Leases) Hold(ctx context.Context, name string, term time.Duration) (held context.Context, done func()) {
	held, cancel := context.WithCancelCause(ctx)
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(term / renewals)
		defer tick.Stop()
		for until := time.Now().Add(term); ; {
			select {
			case <-stop:
				return
			case <-held.Done():
				return
			case <-tick.C:
			}
			asked := time.Now()
			ok, err := l.renew(held, name, term)
			switch {
			case ok:
				until = asked.Add(term)
			case err == nil || time.Until(until) <= term/renewals: // the next try would be too late
				l.log.ErrorContext(ctx, "lost a lease; stopping its work", "lease", name, "err", err)
				cancel(ErrLost)
				return
			default:
				l.log.WarnContext(ctx, "cannot renew a lease", "lease", name, "err", err)
			}
		}
	}()
	return held, func() {
		close(stop)
		cancel(nil)
		<-ended
		l.Release(ctx, name)
	}
}

// renew does not wait for a database that hangs.
func (l *Leases) renew(ctx context.Context, name string, term time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, term/renewals)
	defer cancel()
	return l.store.Lease(ctx, name, term)
}

// StartKey is for starts and stops of one user's replays in one room.
func StartKey(identity, room string) string { return fmt.Sprintf("start %q %q", identity, room) }

// Alone waits until nobody else, in this backend or another, does what key stands for. The work goes on with the
// context it returns, and ends with done.
func (l *Leases) Alone(ctx context.Context, key string) (held context.Context, done func(), err error) {
	unlock := l.starts.lock(key)
	for {
		ok, err := l.store.Lease(ctx, key, startTerm)
		if ok {
			held, release := l.Hold(ctx, key, startTerm)
			return held, func() { release(); unlock() }, nil
		}
		if err == nil {
			select {
			case <-ctx.Done():
				err = ctx.Err()
			case <-time.After(leasePolling):
				continue
			}
		}
		unlock()
		if errors.Is(err, context.DeadlineExceeded) {
			err = ErrBusy
		}
		return nil, nil, err
	}
}

// AloneNow is Alone where nobody has to be waited for; else ok is false.
func (l *Leases) AloneNow(ctx context.Context, key string) (held context.Context, done func(), ok bool, err error) {
	unlock, ok := l.starts.tryLock(key)
	if !ok {
		return nil, nil, false, nil
	}
	if ok, err = l.store.Lease(ctx, key, startTerm); err != nil || !ok {
		unlock()
		return nil, nil, false, err
	}
	held, release := l.Hold(ctx, key, startTerm)
	return held, func() { release(); unlock() }, true, nil
}

// keyedMutex is one lock for each key in use.
type keyedMutex struct {
	mu    sync.Mutex
	locks map[string]*countedMutex
}

type countedMutex struct {
	sync.Mutex
	users int
}

// lock waits for the key's lock; the answer gives it back.
func (k *keyedMutex) lock(key string) (unlock func()) {
	k.mu.Lock()
	m := k.join(key)
	k.mu.Unlock()
	m.Lock()
	return k.unlock(key, m)
}

// tryLock is lock where nobody has it.
func (k *keyedMutex) tryLock(key string) (unlock func(), ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.locks[key] != nil {
		return nil, false
	}
	m := k.join(key)
	m.Lock()
	return k.unlock(key, m), true
}

// join counts a user of the key's lock; k.mu is held.
func (k *keyedMutex) join(key string) *countedMutex {
	if k.locks == nil {
		k.locks = map[string]*countedMutex{}
	}
	m := k.locks[key]
	if m == nil {
		m = &countedMutex{}
		k.locks[key] = m
	}
	m.users++
	return m
}

func (k *keyedMutex) unlock(key string, m *countedMutex) func() {
	return func() {
		m.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if m.users--; m.users == 0 {
			delete(k.locks, key)
		}
	}
}
