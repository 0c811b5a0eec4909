package backend

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
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

// askTimeout bounds what the keeper waits for LiveKit to tell about one recording and to stop it.
const askTimeout = 5 * time.Second

// startPatience is when a recorder that has not become active is dead, as one is that has stored nothing for
// Options.Stall: LiveKit goes on calling the egress of a killed worker active.
const startPatience = 90 * time.Second

// skewRounds is how many rounds pass between two warnings about a recorder's clock.
const skewRounds = 30

// margin is kept beyond what may be asked for: segments do not begin where clips do.
const margin = 15 * time.Second

// keep runs until the context ends. Clips are cut by every backend that shares the database; one of them at a time asks
// the recorder and deletes.
func (s *Server) keep(ctx context.Context) {
	k := &keeper{Server: s, cutting: map[string]bool{}, again: map[string]time.Time{}, finished: make(chan finished)}
	var loops sync.WaitGroup // each on its own, for asking and deleting may take long where the network is slow
	loops.Go(func() {
		k.every(ctx, statusPeriod, s.jobs, func(news bool) {
			k.refresh(ctx)
			k.refreshJobs(ctx, news || k.round%5 == 1)
		})
	})
	loops.Go(func() {
		k.every(ctx, prunePeriod, nil, func(bool) {
			k.prune(ctx)
			k.tidy(ctx)
			k.tidyJobs(ctx)
			k.erase(ctx)
			k.makeRoom(ctx)
			k.orphans(ctx, time.Now())
			k.gauge(ctx)
		})
	})
	loops.Go(func() { k.forget(ctx) })
	k.cutClips(ctx)
	loops.Wait()
	s.release(ctx, keeperLease)
}

// keeper is the state of keep.
type keeper struct {
	*Server
	cutting map[string]bool // clip ids; only cutClips touches it
	round   int             // of refresh, which alone touches it
	// again is when a clip whose cut failed is tried next; only cutClips touches it.
	again    map[string]time.Time
	finished chan finished
}

// finished is a cut that has ended.
type finished struct {
	id    string
	again time.Time // when to try again; zero if not
}

// ended takes a cut out of those that run.
func (k *keeper) ended(f finished) {
	delete(k.cutting, f.id)
	delete(k.again, f.id)
	if !f.again.IsZero() {
		k.again[f.id] = f.again
	}
}

// every does what only one backend at a time may do, now and then, and when there is news.
func (k *keeper) every(ctx context.Context, period time.Duration, wake <-chan struct{}, work func(news bool)) {
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
func (s *Server) guarded(ctx context.Context, what string, work func()) {
	defer func() {
		if v := recover(); v != nil {
			s.o.Log.ErrorContext(ctx, "a worker panicked; the service continues", "doing", what, "panic", v,
				"stack", string(debug.Stack()))
		}
	}()
	work()
}

// forget drops from time to time what this backend knows of recordings that it, or another, has deleted.
func (k *keeper) forget(ctx context.Context) {
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

func (k *keeper) forgetDeleted(ctx context.Context) {
	known, err := k.o.State.RecordingIDs(ctx)
	if err != nil {
		k.complain(ctx, "cannot list recordings", err)
		return
	}
	k.buffers.keepOnly(known)
}

// cutClips looks for clips until the context ends, and waits for its cuts, whose contexts end with it.
func (k *keeper) cutClips(ctx context.Context) {
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

// refresh asks LiveKit for all recordings that are not over.
func (k *keeper) refresh(ctx context.Context) {
	running, err := k.o.State.Running(ctx)
	if err != nil {
		k.complain(ctx, "cannot list recordings", err)
		return
	}
	k.metrics.recordings.Set(float64(len(running)))
	k.round++
	var asks errgroup.Group // one that does not answer keeps nobody waiting
	asks.SetLimit(asksAtOnce)
	for _, r := range running {
		calm := r.State == api.StateActive && !r.Began.IsZero()
		if calm && k.round%5 != 1 {
			continue // nothing new is expected, and a webhook would tell sooner
		}
		asks.Go(func() error {
			k.guarded(ctx, "asking about a recording", func() {
				if err := k.ask(ctx, r); err != nil {
					k.complain(ctx, "cannot get a recording's status from LiveKit", err)
				}
			})
			return nil
		})
	}
	_ = asks.Wait()
}

// ask brings one recording up to date, ends it where its replay was stopped, and gives it up where it is dead.
func (k *keeper) ask(ctx context.Context, r state.Recording) error {
	limited, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	status, err := k.o.Recorder.Status(limited, r.EgressID)
	forgotten := errors.Is(err, recorder.ErrUnknown)
	if forgotten {
		// A LiveKit whose Redis was lost does not know its egresses, which go on all the same. What they store tells.
		status, err = recorder.Status{EgressID: r.EgressID, State: r.State}, nil
	}
	if err != nil {
		return err
	}
	over := status.State == api.StateEnded || status.State == api.StateFailed
	dead, closed := k.liveness(ctx, r)
	stopped, err := k.o.State.Stopped(ctx, r.ReplayID)
	if err == nil && !over && (dead || stopped) {
		err = k.o.Recorder.Stop(limited, r.EgressID)
	}
	switch {
	case over:
	case forgotten && closed:
		status.State = api.StateEnded
	case dead:
		status.State, status.Error = api.StateFailed, "the recorder has stored nothing for a while; it may have been killed"
	}
	// LiveKit may wait for a killed recorder until the time is up; what is known is kept all the same.
	return errors.Join(err, k.update(ctx, r, status))
}

// liveness says by what is stored whether the recorder has given no sign of life for too long, and whether it has
// closed the playlist.
func (k *keeper) liveness(ctx context.Context, r state.Recording) (dead, closed bool) {
	news, skew, closed, err := k.buffers.liveness(ctx, r)
	if err != nil || news.IsZero() {
		return err == nil && time.Since(r.Created) > startPatience, closed
	}
	if k.round%skewRounds == 1 && skew != 0 {
		k.o.Log.WarnContext(ctx, "the clocks of the recorder and of this service differ; clips are put right only to a few "+
			"seconds: keep both machines in time with NTP", "egress", r.EgressID, "ahead", skew)
	}
	// By our own clock: the recorder's may be wrong.
	return time.Since(news) > k.o.Stall, closed
}

// update keeps what LiveKit says about a recording.
func (s *Server) update(ctx context.Context, before state.Recording, now recorder.Status) error {
	for {
		r := merged(before, now)
		if r == before {
			return nil
		}
		err := s.o.State.UpdateRecording(ctx, before, r)
		if err == nil {
			s.noteRecording(ctx, r)
		}
		if err == nil && r.Over() && !before.Over() {
			s.over(ctx, r)
		}
		if !errors.Is(err, state.ErrNotFound) {
			return err
		}
		// Somebody else was quicker: what they kept is where we go on from.
		if before, err = s.o.State.RecordingOf(ctx, before.EgressID); err != nil {
			return err
		}
	}
}

// merged is a recording with what LiveKit says about it.
func merged(r state.Recording, now recorder.Status) state.Recording {
	advance(now, &r.State, &r.Error, &r.Began, &r.Ended)
	return r
}

// advance brings a recording's progress up to date. A state never goes back.
func advance(now recorder.Status, word, reason *string, began, ended *time.Time) {
	over := func() bool { return *word == api.StateEnded || *word == api.StateFailed }
	if !over() && (*word == api.StateStarting || now.State != api.StateStarting) {
		*word = now.State
	}
	if now.Error != "" {
		*reason = now.Error
	}
	if !now.Began.IsZero() {
		*began = now.Began.UTC()
	}
	if over() && ended.IsZero() {
		*ended = time.Now().UTC()
	}
}

func (s *Server) over(ctx context.Context, r state.Recording) {
	s.o.Log.InfoContext(ctx, "recording over", "replay", r.ReplayID, "egress", r.EgressID, "state", r.State, "error",
		r.Error)
	if r.State == api.StateFailed {
		s.metrics.failures.Inc()
	}
}

// complain logs an error unless the service is closing.
func (k *keeper) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		k.o.Log.ErrorContext(ctx, what, "err", err)
	}
}
