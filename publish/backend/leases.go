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
	cutRenewal   = 5 * time.Second
	startTerm    = 30 * time.Second // longer than a start takes
	leasePolling = 100 * time.Millisecond
	releaseLimit = 5 * time.Second
)

// leads tells whether this backend is the one that asks and deletes.
func (k *keeper) leads(ctx context.Context) bool {
	ok, err := k.o.State.Lease(ctx, keeperLease, keeperTerm)
	if err != nil {
		k.complain(ctx, "the database does not say who keeps the replays", err)
	}
	return ok
}

// release gives a lease back, even at the end.
func (s *Server) release(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	if err := s.o.State.Release(ctx, name); err != nil {
		s.o.Log.WarnContext(ctx, "a lease cannot be given back; others wait until it ends", "lease", name, "err", err)
	}
}

// hold renews a lease that is held, until done is called, which gives it back.
func (s *Server) hold(ctx context.Context, name string) (done func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(cutRenewal)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if _, err := s.o.State.Lease(ctx, name, cutTerm); err != nil && ctx.Err() == nil {
					s.o.Log.WarnContext(ctx, "a lease cannot be renewed", "lease", name, "err", err)
				}
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		s.release(ctx, name)
	}
}

// startKey is for starts and stops of one user's replays in one room.
func startKey(identity, room string) string { return fmt.Sprintf("start %q %q", identity, room) }

// alone waits until nobody else, in this backend or another, does what key stands for.
func (s *Server) alone(ctx context.Context, key string) (done func(), err error) {
	unlock := s.starts.lock(key)
	for {
		ok, err := s.o.State.Lease(ctx, key, startTerm)
		if ok {
			return func() { s.release(ctx, key); unlock() }, nil
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
			err = busy("another call for this room takes too long; try again")
		}
		return nil, err
	}
}
