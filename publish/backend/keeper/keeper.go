// Package keeper is what the backend does by itself: it asks LiveKit how the recordings fare and gives up those that
// are dead, deletes what is too old and what nobody owns, frees space, cuts the clips whose last segment has landed,
// and keeps those out of rooms whose token was revoked. It owns the progress of recordings and clips in the database.
//
// New starts its goroutines: one looks for clips, each of which is cut in a goroutine of its own, never more than two
// at once; one asks LiveKit, one deletes, one forgets, and one watches revoked tokens. Close ends them and waits; a
// clip that is not cut by then is still waiting in the database and is cut after the next start.
package keeper

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
)

// How often the keeper looks.
const (
	clipPeriod   = 300 * time.Millisecond // for clips that can be cut
	statusPeriod = 2 * time.Second        // LiveKit's view of the recordings
	prunePeriod  = 5 * time.Second
	forgetPeriod = time.Minute
	asksAtOnce   = 8 // recordings that LiveKit is asked about at the same time
	maxCuts      = 2
)

const (
	// askTimeout bounds what the keeper waits for LiveKit to tell about one recording, and then to stop it.
	askTimeout = 5 * time.Second
	// lookTimeout bounds what it waits for the storage to tell whether a recorder is alive.
	lookTimeout = 15 * time.Second
	// stopPatience is for how long a recorder that seems dead is asked to stop, where that fails, before it is given up:
	// nobody stops it after that, and it may write beside the next one.
	stopPatience = 30 * time.Second
)

// startPatience is when a recorder that has not become active is dead, as one is that has stored nothing for
// Options.Stall: LiveKit goes on calling the egress of a killed worker active.
const startPatience = 90 * time.Second

// skewRounds is how many rounds pass between two warnings about a recorder's clock.
const skewRounds = 30

// The leases on what only one backend at a time does.
const (
	keeperLease = "keeper"         // asking the recorder, and deleting
	keeperTerm  = 15 * time.Second // renewed at every look
	cutTerm     = 20 * time.Second
)

// margin is kept beyond what may be asked for: segments do not begin where clips do.
const margin = 15 * time.Second

// Keeper runs the service between calls.
type Keeper struct {
	o       settings
	metrics metrics

	wake   chan struct{}
	jobs   chan struct{} // LiveKit has news of a recording beside the replays
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	cutting map[string]bool // clip ids; only cutClips touches it
	round   int             // of refresh, which alone touches it
	// again is when a clip whose cut failed is tried next; only cutClips touches it.
	again    map[string]time.Time
	finished chan finished
}

// New starts a keeper.
func New(o Options, p Parts) *Keeper {
	k := prepared(o, p)
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	k.tasks.Go(func() { k.keep(ctx) })
	if p.Evictor != nil {
		k.tasks.Go(func() { k.watchRevoked(ctx) })
	}
	return k
}

// prepared is a keeper without its goroutines.
func prepared(o Options, p Parts) *Keeper {
	o.setDefaults()
	return &Keeper{o: settings{o, p}, metrics: newMetrics(p.Metrics), wake: make(chan struct{}, 1),
		jobs: make(chan struct{}, 1), cutting: map[string]bool{}, again: map[string]time.Time{},
		finished: make(chan finished)}
}

// Close ends the keeper and waits for it. It may be called twice.
func (k *Keeper) Close() {
	k.cancel()
	k.tasks.Wait()
}

// Nudge has the keeper look for clips at once.
func (k *Keeper) Nudge() { media.Poke(k.wake) }

// askJobs has the keeper ask LiveKit about the recordings beside the replays.
func (k *Keeper) askJobs() { media.Poke(k.jobs) }

// Notify keeps what LiveKit says by itself about a recording. Egresses of others, and one that is not written down yet,
// are not an error: the keeper asks anyway.
func (k *Keeper) Notify(ctx context.Context, status recorder.Status) {
	if rec, err := k.o.State.RecordingOf(ctx, status.EgressID); err == nil {
		if err := k.update(ctx, rec, status); err != nil {
			k.o.Log.ErrorContext(ctx, "cannot save what a webhook says", "err", err)
		}
		k.Nudge()
	} else if job, err := k.o.State.JobOf(ctx, status.EgressID); err == nil {
		if job.State == api.StateFailed && status.State == api.StateEnded {
			k.finishedJob(ctx, job)
		}
		k.askJobs()
	}
}

// keep runs until the context ends. Clips are cut by every backend that shares the database; one of them at a time asks
// the recorder and deletes.
func (k *Keeper) keep(ctx context.Context) {
	var loops sync.WaitGroup // each on its own, for asking and deleting may take long where the network is slow
	loops.Go(func() {
		k.every(ctx, statusPeriod, k.jobs, func(news bool) {
			k.refresh(ctx)
			k.refreshJobs(ctx, news || k.round%5 == 1)
		})
	})
	loops.Go(func() {
		k.every(ctx, prunePeriod, nil, func(bool) {
			k.prune(ctx)
			k.tidy(ctx)
			k.tidyJobs(ctx)
			k.tidyUploads(ctx)
			k.erase(ctx)
			k.makeRoom(ctx)
			k.orphans(ctx, time.Now())
			k.gauge(ctx)
		})
	})
	loops.Go(func() { k.forget(ctx) })
	k.cutClips(ctx)
	loops.Wait()
	k.o.Leases.Release(ctx, keeperLease)
}

// finished is a cut that has ended.
type finished struct {
	id    string
	again time.Time // when to try again; zero if not
}

// ended takes a cut out of those that run.
func (k *Keeper) ended(f finished) {
	delete(k.cutting, f.id)
	delete(k.again, f.id)
	if !f.again.IsZero() {
		k.again[f.id] = f.again
	}
}

// leads tells whether this backend is the one that asks and deletes. One that is alone on its database leads also where
// the disk is too full to write that down: who else would make room?
func (k *Keeper) leads(ctx context.Context) bool {
	ok, err := k.o.State.Lease(ctx, keeperLease, keeperTerm)
	if err != nil {
		k.complain(ctx, "cannot renew the keeper's lease in the database", err)
		return k.o.State.Alone() && ctx.Err() == nil
	}
	return ok
}

// every does what only one backend at a time may do, now and then, and when there is news.
func (k *Keeper) every(ctx context.Context, period time.Duration, wake <-chan struct{}, work func(news bool)) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for news := false; ; {
		if k.leads(ctx) {
			k.guarded(ctx, "keeping the replays", func() { work(news) })
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			news = false
		case <-wake:
			news = true
		}
	}
}

// guarded does work that must not end the process: a panic in it is logged with its stack, and the next round runs.
func (k *Keeper) guarded(ctx context.Context, what string, work func()) {
	defer func() {
		if v := recover(); v != nil {
			k.o.Log.ErrorContext(ctx, "a worker panicked; the service continues", "doing", what, "panic", v,
				"stack", string(debug.Stack()))
		}
	}()
	work()
}

// forget drops from time to time what this backend knows of recordings that it, or another, has deleted.
func (k *Keeper) forget(ctx context.Context) {
	tick := time.NewTicker(forgetPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			k.guarded(ctx, "forgetting deleted recordings", func() { k.forgetDeleted(ctx) })
		}
	}
}

func (k *Keeper) forgetDeleted(ctx context.Context) {
	known, err := k.o.State.RecordingIDs(ctx)
	if err != nil {
		k.complain(ctx, "cannot list recordings", err)
		return
	}
	k.o.Buffers.KeepOnly(known)
}

// cutClips looks for clips until the context ends, and waits for its cuts, whose contexts end with it.
func (k *Keeper) cutClips(ctx context.Context) {
	tick := time.NewTicker(clipPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			for range k.cutting {
				<-k.finished
			}
			return
		case f := <-k.finished:
			k.ended(f)
		case <-tick.C:
		case <-k.wake:
		}
		k.guarded(ctx, "looking for clips to cut", func() { k.clips(ctx) })
	}
}

// complain logs an error unless the service is closing.
func (k *Keeper) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		k.o.Log.ErrorContext(ctx, what, "err", err)
	}
}
