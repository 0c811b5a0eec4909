package keeper

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// replacedBy is how much later a recording began that replaces another: the clocks of two backends may differ.
const replacedBy = 10 * time.Second

// refresh asks LiveKit for all recordings that are not over.
func (k *Keeper) refresh(ctx context.Context) {
	running, err := k.o.State.Running(ctx)
	if err != nil {
		k.complain(ctx, "cannot list recordings", err)
		return
	}
	k.metrics.recordings.Set(float64(len(running)))
	k.round++
	newest := map[string]time.Time{} // by replay: when the recording began that replaces the others
	for _, r := range running {
		newest[r.ReplayID] = later(newest[r.ReplayID], r.Created)
	}
	askEach(ctx, k, slices.DeleteFunc(running, func(r state.Recording) bool {
		calm := r.State == api.StateActive && !r.Began.IsZero()
		return calm && k.round%5 != 1 // nothing new is expected, and a webhook would tell sooner
	}), func(ctx context.Context, r state.Recording) error {
		return k.ask(ctx, r, r.Created.Before(newest[r.ReplayID].Add(-replacedBy)))
	})
}

// askEach asks LiveKit about recordings, some at a time: one that does not answer keeps nobody waiting.
func askEach[T any](ctx context.Context, k *Keeper, list []T, ask func(context.Context, T) error) {
	var asks errgroup.Group
	asks.SetLimit(asksAtOnce)
	for _, v := range list {
		asks.Go(func() error {
			k.guarded(ctx, "asking about a recording", func() {
				if err := ask(ctx, v); err != nil {
					k.complain(ctx, "cannot get a recording's status from LiveKit", err)
				}
			})
			return nil
		})
	}
	_ = asks.Wait()
}

// ask brings one recording up to date, ends it where its replay was stopped or goes on with another recording, and
// gives it up where it is dead.
func (k *Keeper) ask(ctx context.Context, r state.Recording, replaced bool) error {
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
	over := status.State.Over()
	silent, closed := k.liveness(ctx, r)
	dead := silent > 0
	stopped, err := k.o.State.Stopped(ctx, r.ReplayID)
	if err == nil && !over && (dead || stopped || replaced) {
		err = stop(ctx, k.o.Recorder, r.EgressID)
	}
	switch {
	case over:
	case forgotten && closed:
		status.State = api.StateEnded
	case dead && (err == nil || silent > stopPatience):
		status.State, status.Error = api.StateFailed, "the recorder has stored nothing for a while; it may have been killed"
	}
	// LiveKit may wait for a killed recorder until the time is up; what is known is kept all the same.
	return errors.Join(err, k.update(ctx, r, status))
}

// stop has LiveKit stop an egress, in a time of its own: asking may have taken long.
func stop(ctx context.Context, by interface {
	Stop(ctx context.Context, egressID string) error
}, egressID string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return by.Stop(ctx, egressID)
}

// liveness says by what is stored for how much longer than allowed the recorder has given no sign of life, which is
// more than 0 of a dead one, and whether it has closed the playlist.
func (k *Keeper) liveness(ctx context.Context, r state.Recording) (silent time.Duration, closed bool) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	news, skew, closed, err := k.o.Buffers.Liveness(ctx, r)
	if err != nil {
		return 0, closed
	}
	if news.IsZero() {
		return time.Since(r.Created) - startPatience, closed
	}
	if k.round%skewRounds == 1 && skew != 0 {
		k.o.Log.WarnContext(ctx, "the clocks of the recorder and of this service differ; clips are put right only to a few "+
			"seconds: keep both machines in time with NTP", "egress", r.EgressID, "ahead", skew)
	}
	// By our own clock: the recorder's may be wrong.
	return time.Since(news) - k.o.Stall, closed
}

// update keeps what LiveKit says about a recording.
func (k *Keeper) update(ctx context.Context, before state.Recording, now recorder.Status) error {
	for {
		r := merged(before, now)
		if r == before {
			return nil
		}
		err := k.o.State.UpdateRecording(ctx, before, r)
		if err == nil {
			k.o.Archive.NoteRecording(ctx, r)
		}
		if err == nil && r.Over() && !before.Over() {
			k.over(ctx, r)
		}
		if !errors.Is(err, state.ErrNotFound) {
			return err
		}
		// Somebody else was quicker: what they kept is where we go on from.
		if before, err = k.o.State.RecordingOf(ctx, before.EgressID); err != nil {
			return err
		}
	}
}

// merged is a recording with what LiveKit says about it.
func merged(r state.Recording, now recorder.Status) state.Recording {
	advance(now, &r.State, &r.Error, &r.Began, &r.Ended)
	return r
}

// advance brings a recording's progress up to date. A state never goes back, and when it began is taken once: viewers
// count by it.
func advance(now recorder.Status, word *api.State, reason *string, began, ended *time.Time) {
	if !word.Over() && (*word == api.StateStarting || now.State != api.StateStarting) {
		*word = now.State
	}
	if now.Error != "" {
		*reason = now.Error
	}
	if began.IsZero() && !now.Began.IsZero() {
		*began = now.Began.UTC()
	}
	if word.Over() && ended.IsZero() {
		*ended = time.Now().UTC()
	}
}

func (k *Keeper) over(ctx context.Context, r state.Recording) {
	k.o.Log.InfoContext(ctx, "recording over", "replay", r.ReplayID, "egress", r.EgressID, "state", r.State, "error",
		r.Error)
	if r.State == api.StateFailed {
		k.metrics.failures.Inc()
	}
}
