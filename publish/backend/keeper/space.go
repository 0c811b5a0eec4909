package keeper

import (
	"context"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// oldestAtOnce is how many segments go before the free space is asked for again.
const oldestAtOnce = 4

// makeRoom deletes the oldest segments of all replays until the reserve is free again. Clips, recordings, what waiting
// clips need and the newest segment of what runs stay. Where that is not enough, running recordings are stopped, before
// the database has no room.
func (k *Keeper) makeRoom(ctx context.Context) {
	missing, reserve, err := k.o.Space.Lacking()
	if err != nil {
		k.complain(ctx, "cannot read the free space of the storage", err)
		return
	}
	if missing <= 0 {
		return
	}
	k.o.Log.WarnContext(ctx, "storage is nearly full: deleting the oldest segments of replays, refusing new recordings",
		"missing", missing, "reserve", reserve)
	if err := k.dropOldest(ctx); err != nil {
		k.complain(ctx, "cannot free storage space", err)
	}
	if missing, _, err := k.o.Space.Lacking(); err != nil || missing <= reserve/2 {
		return
	}
	jobs, err := k.o.State.RunningJobs(ctx)
	if err != nil {
		k.complain(ctx, "cannot list recordings", err)
		return
	}
	for _, t := range jobs {
		if !t.Stopped.IsZero() {
			continue
		}
		k.o.Log.WarnContext(ctx, "stopping a recording because storage is full", "recording", t.ID)
		if err := k.o.State.StopJob(ctx, t.ID, time.Now().UTC()); err != nil {
			k.complain(ctx, "cannot stop a recording", err)
		}
	}
	k.askJobs()
}

// dropOldest deletes segments of replays, oldest first, until enough is free or none is left that may go.
func (k *Keeper) dropOldest(ctx context.Context) error {
	needed, err := k.needed(ctx)
	if err != nil {
		return err
	}
	replays, err := k.o.State.Replays(ctx)
	if err != nil {
		return err
	}
	var recordings []state.Recording
	var ends []time.Time
	newest := map[string]time.Time{} // by recording that runs: the end of its newest segment
	limit := func(r state.Recording, t time.Time) time.Time {
		if end, runs := newest[r.ID]; runs {
			t = earlier(t, end)
		}
		if from, waits := needed[r.ReplayID]; waits {
			return earlier(t, from.Add(-margin))
		}
		return t
	}
	for _, replay := range replays {
		list, err := k.o.State.Recordings(ctx, replay.ID)
		if err != nil {
			return err
		}
		for _, r := range list {
			segments, _, err := k.o.Buffers.Segments(ctx, r)
			if err != nil {
				return err
			}
			recordings = append(recordings, r)
			if n := len(segments); n > 0 && !r.Over() {
				newest[r.ID] = segments[n-1].To
			}
			for _, s := range segments {
				if s.To.Before(limit(r, s.To.Add(time.Second))) {
					ends = append(ends, s.To)
				}
			}
		}
	}
	slices.SortFunc(ends, time.Time.Compare)
	for part := range slices.Chunk(ends, oldestAtOnce) {
		until := part[len(part)-1].Add(1)
		for _, r := range recordings {
			if _, err := k.o.Buffers.Prune(ctx, r, limit(r, until), k.o.State.SetPruned); err != nil {
				return err
			}
		}
		if missing, _, err := k.o.Space.Lacking(); err != nil || missing <= 0 {
			return err
		}
	}
	return nil
}
