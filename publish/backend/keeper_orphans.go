package backend

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/publish/backend/recorder"
)

const (
	// orphanAfter is when a recording that is still only an intent has lost whoever started it; it is more than any
	// call may take.
	orphanAfter = 2 * callTimeout
	// orphanForgotten is when no recorder can turn up anymore that an intent was for.
	orphanForgotten = 15 * time.Minute
)

// finder is a recorder that outlives this process and can tell what it writes.
type finder interface {
	// Writing lists what runs and writes into the folder of a recording's id.
	Writing(ctx context.Context, id string) (egressIDs []string, err error)
}

// notStarted cleans up after a start that failed. Where LiveKit may have begun all the same, for its answer was lost,
// the intent stays, and the keeper looks for what runs.
func (s *Server) notStarted(ctx context.Context, id string, why error) error {
	if err := s.o.Storage.Remove(ctx, id, ""); err != nil {
		return err // the intent stays, so that the keeper tries again
	}
	if errors.Is(why, recorder.ErrTrack) || errors.Is(why, recorder.ErrForeign) || errors.Is(why, recorder.ErrFile) {
		s.forgetIntent(ctx, id)
	}
	return nil
}

// forgetIntent is for a start that is over. Where it fails, the keeper forgets it later.
func (s *Server) forgetIntent(ctx context.Context, id string) {
	if err := s.o.State.DeleteIntent(ctx, id); err != nil {
		s.o.Log.WarnContext(ctx, "the start of a recording cannot be forgotten", "recording", id, "err", err)
	}
}

// orphans stops recorders that somebody started who could not write it down: killed in the meantime, or LiveKit's
// answer was lost. Nobody else's recorders are touched.
func (k *keeper) orphans(ctx context.Context, now time.Time) {
	rec, ok := k.o.Recorder.(finder)
	if !ok {
		return
	}
	intents, err := k.o.State.IntentsBefore(ctx, now.Add(-orphanAfter))
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
func (k *keeper) orphan(ctx context.Context, rec finder, id string, known, forgotten bool) error {
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
