package backend

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Several backends may work on one database. What only one of them may do at a time is under a lease in it, which a
// backend that dies loses when the time is up.
const (
	keeperLease  = "keeper"         // asking the recorder, and deleting
	keeperTerm   = 15 * time.Second // renewed at every look
	cutTerm      = 20 * time.Second
	startTerm    = 30 * time.Second
	renewals     = 4 // in a term, while the work goes on
	leasePolling = 100 * time.Millisecond
	releaseLimit = 5 * time.Second
)

// leads tells whether this backend is the one that asks and deletes. One that is alone on its database leads also where
// the disk is too full to write that down: who else would make room?
func (k *keeper) leads(ctx context.Context) bool {
	ok, err := k.o.State.Lease(ctx, keeperLease, keeperTerm)
	if err != nil {
		k.complain(ctx, "cannot renew the keeper's lease in the database", err)
		return k.o.State.Alone() && ctx.Err() == nil
	}
	return ok
}

// release gives a lease back, even at the end.
func (s *Server) release(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	if err := s.o.State.Release(ctx, name); err != nil {
		s.o.Log.WarnContext(ctx, "cannot release a lease; other backends wait until it expires", "lease", name, "err", err)
	}
}

// errLeaseLost ends the work of a backend that another has taken a lease from.
var errLeaseLost = errors.New("the lease on this work is lost")

// hold renews a lease that is held, until done is called, which gives it back. The context it returns ends when the
// lease is lost, or could not be renewed in time: another backend may do the same work then.
func (s *Server) hold(ctx context.Context, name string, term time.Duration) (held context.Context, done func()) {
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
			ok, err := s.renew(held, name, term)
			switch {
			case ok:
				until = asked.Add(term)
			case err == nil || time.Until(until) <= term/renewals: // the next try would be too late
				s.o.Log.ErrorContext(ctx, "lost a lease; stopping its work", "lease", name, "err", err)
				cancel(errLeaseLost)
				return
			default:
				s.o.Log.WarnContext(ctx, "cannot renew a lease", "lease", name, "err", err)
			}
		}
	}()
	return held, func() {
		close(stop)
		cancel(nil)
		<-ended
		s.release(ctx, name)
	}
}

// renew does not wait for a database that hangs.
func (s *Server) renew(ctx context.Context, name string, term time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, term/renewals)
	defer cancel()
	return s.o.State.Lease(ctx, name, term)
}

// startKey is for starts and stops of one user's replays in one room.
func startKey(identity, room string) string { return fmt.Sprintf("start %q %q", identity, room) }

// alone waits until nobody else, in this backend or another, does what key stands for. The work goes on with the
// context it returns, and ends with done.
func (s *Server) alone(ctx context.Context, key string) (held context.Context, done func(), err error) {
	unlock := s.starts.lock(key)
	for {
		ok, err := s.o.State.Lease(ctx, key, startTerm)
		if ok {
			held, release := s.hold(ctx, key, startTerm)
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
			err = busy("another request for this room takes too long; try again")
		}
		return nil, nil, err
	}
}

// aloneNow is alone where nobody has to be waited for; else ok is false.
func (s *Server) aloneNow(ctx context.Context, key string) (held context.Context, done func(), ok bool, err error) {
	unlock, ok := s.starts.tryLock(key)
	if !ok {
		return nil, nil, false, nil
	}
	if ok, err = s.o.State.Lease(ctx, key, startTerm); err != nil || !ok {
		unlock()
		return nil, nil, false, err
	}
	held, release := s.hold(ctx, key, startTerm)
	return held, func() { release(); unlock() }, true, nil
}
