package keeper

import (
	"context"
	"errors"
	"slices"
	"time"
)

// orphanForgotten is when no recorder can turn up anymore that an intent was for.
const orphanForgotten = 15 * time.Minute

// orphanAfter is when a recording that is still only an intent has lost whoever started it; it is more than any call
// may take.
func (k *Keeper) orphanAfter() time.Duration { return 2 * k.o.MaxCall }

// finder is a recorder that outlives this process and can tell what it writes.
type finder interface {
	// Writing lists what runs and writes into the folder of a recording's id.
	Writing(ctx context.Context, id string) (egressIDs []string, err error)
}

// orphans stops recorders that somebody started who could not write it down: killed in the meantime, or LiveKit's
// answer was lost. Nobody else's recorders are touched.
func (k *Keeper) orphans(ctx context.Context, now time.Time) {
	rec, ok := k.o.Recorder.(finder)
	if !ok {
		return
	}
	intents, err := k.o.State.IntentsBefore(ctx, now.Add(-k.orphanAfter()))
	if err != nil || len(intents) == 0 {
		if err != nil {
			k.complain(ctx, "the starts of recordings cannot be listed", err)
		}
		return
	}
	known, err := k.o.State.RecordingIDs(ctx)
	for _, i := range intents {
		if err == nil {
			err = k.orphan(ctx, rec, i.ID, slices.Contains(known, i.ID), now.Sub(i.Created) > orphanForgotten)
		}
	}
	if err != nil {
		k.complain(ctx, "cannot stop recorders without an owner", err)
	}
}

// orphan looks after one intent.
func (k *Keeper) orphan(ctx context.Context, rec finder, id string, known, forgotten bool) error {
	if known {
		return k.o.State.DeleteIntent(ctx, id)
	}
	limited, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	running, err := rec.Writing(limited, id)
	if err != nil {
		return err
	}
	for _, egress := range running {
		k.o.Log.WarnContext(ctx, "a recorder without owner is stopped", "recording", id, "egress", egress)
		err = errors.Join(err, k.o.Recorder.Stop(limited, egress))
	}
	if err != nil || len(running) > 0 || !forgotten {
		return err
	}
	if err := k.o.Storage.Remove(ctx, id, ""); err != nil {
		return err // the intent stays for the next round
	}
	return k.o.State.DeleteIntent(ctx, id)
}
