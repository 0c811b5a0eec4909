package keeper

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

const (
	// finishPatience is how long a recorder may take to begin with the end that was asked for.
	finishPatience = 2 * time.Minute
	// endingPatience is how long it may then take at least to finish its files.
	endingPatience = 15 * time.Minute
)

// patience is how long a recorder may take that has begun to finish its files: half of what it has recorded, for an
// upload of many hours takes a while.
func patience(t state.Job) time.Duration {
	return max(endingPatience, t.Stopped.Sub(later(t.Began, t.Created))/2)
}

// refreshJobs asks LiveKit for the takes that are not over: for all, or for those alone that are about to change.
func (k *Keeper) refreshJobs(ctx context.Context, every bool) {
	running, err := k.o.State.RunningJobs(ctx)
	if err != nil {
		k.complain(ctx, "cannot list recordings", err)
		return
	}
	askEach(ctx, k, slices.DeleteFunc(running, func(t state.Job) bool {
		return t.State == api.StateActive && t.Stopped.IsZero() && !every // a webhook tells sooner
	}), k.askJob)
}

// askJob brings one recording up to date, stops it where that was asked for, and gives it up where it is dead.
func (k *Keeper) askJob(ctx context.Context, t state.Job) error {
	limited, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	now, err := k.o.JobRecorder.JobStatus(limited, t.EgressID)
	if errors.Is(err, recorder.ErrUnknown) {
		// Its Redis was lost. The recorder keeps running, and finishes its files when it is stopped; then LiveKit knows
		// it again.
		if t.Stopped.IsZero() {
			k.o.Log.WarnContext(ctx, "LiveKit has forgotten a recording, which is stopped", "recording", t.ID, "egress",
				t.EgressID)
			return errors.Join(k.o.State.StopJob(ctx, t.ID, time.Now().UTC()), stop(ctx, k.o.JobRecorder, t.EgressID))
		}
		if err := stop(ctx, k.o.JobRecorder, t.EgressID); err != nil && time.Since(t.Stopped) < stopPatience {
			return err // the next round tries again
		}
		now = recorder.JobStatus{Status: recorder.Status{EgressID: t.EgressID, State: api.StateFailed,
			Error: "LiveKit has forgotten this recording; what it has stored is kept"}}
		err = nil
	}
	if err != nil {
		return err
	}
	over := now.State.Over()
	if !over && t.Stopped.IsZero() && time.Since(t.Created) > k.o.MaxRecording {
		k.o.Log.InfoContext(ctx, "a recording is as long as allowed, and stopped", "recording", t.ID, "length",
			k.o.MaxRecording)
		t.Stopped = time.Now().UTC()
		if err := k.o.State.StopJob(ctx, t.ID, t.Stopped); err != nil {
			return err
		}
	}
	reason, late, longest := "", time.Duration(0), finishPatience
	if now.Ending {
		longest = patience(t)
	}
	switch {
	case over:
	case !t.Stopped.IsZero() && time.Since(t.Stopped) > longest:
		reason, late = "the recorder did not finish the recording; it may have been killed", time.Since(t.Stopped)-longest
	case now.State == api.StateStarting && time.Since(t.Created) > startPatience:
		reason, late = "the recorder did not find what it is to record", time.Since(t.Created)-startPatience
	}
	if !over && (reason != "" || !t.Stopped.IsZero()) {
		err = stop(ctx, k.o.JobRecorder, t.EgressID)
	}
	if reason != "" && (err == nil || late > stopPatience) {
		now.State, now.Error = api.StateFailed, reason
	}
	return errors.Join(err, k.updateJob(ctx, t, now))
}

// updateJob keeps what LiveKit says about a recording.
func (k *Keeper) updateJob(ctx context.Context, t state.Job, now recorder.JobStatus) error {
	before := t
	advance(now.Status, &t.State, &t.Error, &t.Began, &t.Ended)
	if len(now.Streams) > 0 {
		t.Streams = now.Streams
	}
	if t.Over() && before.Ended.IsZero() {
		k.o.Log.InfoContext(ctx, "recording over", "recording", t.ID, "egress", t.EgressID, "state", t.State, "error",
			t.Error)
		if t.State == api.StateFailed {
			k.metrics.failures.Inc()
		}
	}
	err := k.o.State.UpdateJob(ctx, t)
	if errors.Is(err, state.ErrNotFound) {
		return nil // over already, or deleted
	}
	if err == nil && (t.State != before.State || !t.Began.Equal(before.Began)) {
		k.o.Archive.NoteJob(ctx, t)
	}
	return err
}

// finishedJob corrects a recording that was given up although its recorder was only slow, or forgotten for a while.
func (k *Keeper) finishedJob(ctx context.Context, t state.Job) {
	now := time.Now().UTC()
	if err := k.o.State.FinishedJob(ctx, t.ID, now); err != nil {
		k.complain(ctx, "cannot save that a recording is finished after all", err)
		return
	}
	k.o.Log.InfoContext(ctx, "a recording that was given up is finished", "recording", t.ID, "egress", t.EgressID)
	t.State, t.Error, t.Ended = api.StateEnded, "", now
	k.o.Archive.NoteJob(ctx, t)
}
