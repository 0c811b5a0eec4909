package keeper

import (
	"context"
	"errors"
	"time"

	"github.com/hindsight-app/hindsight/publish/backend/leases"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

const (
	// oldAtOnce is how many old clips go in one round; the next round takes the rest.
	oldAtOnce = 200
	// maxRecordings is how many recordings of one replay are kept: each reconnect begins one. With more, the oldest go
	// although they are within the length of the replay.
	maxRecordings = 500
	// clockDoubt is how far a recorder's clock may be ahead.
	clockDoubt = 24 * time.Hour
)

// prune deletes segments that nobody can ask for anymore, and expired replays.
func (k *Keeper) prune(ctx context.Context) {
	replays, err := k.o.State.Replays(ctx)
	needed, err2 := k.needed(ctx)
	if err := errors.Join(err, err2); err != nil {
		k.complain(ctx, "cannot list replays", err)
		return
	}
	for _, r := range replays {
		from, waits := needed[r.ID]
		if err := k.pruneReplay(ctx, r, from, waits); err != nil {
			k.complain(ctx, "cannot prune a replay", err)
		}
	}
}

// needed is the earliest moment that a waiting clip needs, or one that a viewer asks for, by replay.
func (k *Keeper) needed(ctx context.Context) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	asks, err := k.o.State.AllAsks(ctx) // before the clips, which they may become in between
	for _, a := range asks {
		if t, ok := out[a.ReplayID]; !ok || a.From.Before(t) {
			out[a.ReplayID] = a.From
		}
	}
	waiting, err2 := k.o.State.WaitingClips(ctx)
	for _, c := range waiting {
		if t, ok := out[c.ReplayID]; !ok || c.Start().Before(t) {
			out[c.ReplayID] = c.Start()
		}
	}
	return out, errors.Join(err, err2)
}

func (k *Keeper) pruneReplay(ctx context.Context, r state.Replay, needed time.Time, waits bool) error {
	recordings, err := k.o.State.Recordings(ctx, r.ID)
	if err != nil {
		return err
	}
	end := lastMoment(r, recordings)
	if k.expired(end) && !waits {
		return k.expire(ctx, r)
	}
	if end.IsZero() {
		end = time.Now()
	}
	keepFrom := end.Add(-k.o.Replay - margin)
	if waits && needed.Add(-margin).Before(keepFrom) {
		keepFrom = needed.Add(-margin)
	}
	for i, rec := range recordings {
		before, last := keepFrom, i == len(recordings)-1
		surplus := i < len(recordings)-maxRecordings && rec.Over()
		if surplus {
			before = time.Now().Add(clockDoubt)
		}
		left, err := k.o.Buffers.Prune(ctx, rec, before, k.o.State.SetPruned)
		if err != nil {
			return err
		}
		if left == 0 && !last && rec.Over() && (surplus || rec.Ended.Before(keepFrom)) {
			if err := k.count(ctx, r.ID, rec); err != nil {
				return err
			}
			if err := k.remove(ctx, rec); err != nil {
				return err // the row stays for the next round
			}
			if err := k.o.State.DeleteRecording(ctx, rec.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// count keeps how much viewers could see of a recording whose files are about to go.
func (k *Keeper) count(ctx context.Context, replay string, r state.Recording) error {
	pauses, err := k.o.State.Pauses(ctx, replay)
	if err != nil {
		return err
	}
	had, err := k.o.Buffers.Had(ctx, r, pauses)
	if err != nil {
		return err
	}
	return k.o.State.CountRecording(ctx, r.ID, had)
}

func (k *Keeper) expired(end time.Time) bool { return !end.IsZero() && time.Since(end) > k.o.Expire }

// expire deletes a replay, unless somebody continues it just now.
func (k *Keeper) expire(ctx context.Context, r state.Replay) error {
	ctx, done, ok, err := k.o.Leases.AloneNow(ctx, leases.StartKey(r.Identity, r.Room))
	if err != nil || !ok {
		return err // the next round looks again
	}
	defer done()
	recordings, err := k.o.State.Recordings(ctx, r.ID)
	if err != nil || !k.expired(lastMoment(r, recordings)) {
		return err
	}
	needed, err := k.needed(ctx)
	if _, waits := needed[r.ID]; err != nil || waits {
		return err // somebody has saved a clip in the meantime
	}
	for _, rec := range recordings {
		if err := k.remove(ctx, rec); err != nil {
			return err
		}
	}
	k.o.Log.InfoContext(ctx, "replay expired", "replay", r.ID)
	return k.o.State.DeleteReplay(ctx, r.ID)
}

func (k *Keeper) remove(ctx context.Context, r state.Recording) error {
	k.o.Buffers.Forget(r.ID)
	return k.o.Storage.Remove(ctx, r.ID, "")
}

// lastMoment is when a replay ended; zero while it runs.
func lastMoment(r state.Replay, recordings []state.Recording) time.Time {
	end := r.Created
	for _, rec := range recordings {
		if !rec.Over() {
			return time.Time{}
		}
		if rec.Ended.After(end) {
			end = rec.Ended
		}
	}
	return end
}

// tidy deletes clips that are older than clips are kept, and links and invitations that have expired.
func (k *Keeper) tidy(ctx context.Context) {
	if err := k.o.State.DeleteExpiredLinks(ctx); err != nil {
		k.complain(ctx, "cannot delete expired links", err)
	}
	if err := k.o.State.DeleteExpiredInvitations(ctx); err != nil {
		k.complain(ctx, "cannot delete expired invitations", err)
	}
	if k.o.KeepClips <= 0 {
		return
	}
	old, err := k.o.State.OldClips(ctx, time.Now().Add(-k.o.KeepClips), oldAtOnce)
	if err != nil {
		k.complain(ctx, "cannot list old clips", err)
		return
	}
	for _, c := range old {
		if err := k.o.Archive.DropClip(ctx, c); err != nil {
			k.complain(ctx, "cannot delete an old clip", err)
			return
		}
		k.o.Audit.InfoContext(ctx, "audit", "call", "clip expired", "id", c.ID, "user", c.Identity)
	}
}

// tidyJobs deletes recordings that are older than recordings are kept.
func (k *Keeper) tidyJobs(ctx context.Context) {
	if k.o.KeepRecordings <= 0 {
		return
	}
	old, err := k.o.State.OldJobs(ctx, time.Now().Add(-k.o.KeepRecordings), oldAtOnce)
	if err != nil {
		k.complain(ctx, "cannot list old recordings", err)
		return
	}
	for _, t := range old {
		if err := k.o.Archive.DropJob(ctx, t.ID); err != nil {
			k.complain(ctx, "cannot delete an old recording", err)
			return
		}
		k.o.Audit.InfoContext(ctx, "audit", "call", "recording expired", "id", t.ID, "user", t.Identity)
	}
}

// tidyUploads ends uploads that have expired, and deletes what is left of them.
func (k *Keeper) tidyUploads(ctx context.Context) {
	if k.o.Uploads == nil {
		return
	}
	if err := k.o.Uploads.Tidy(ctx); err != nil {
		k.complain(ctx, "cannot tidy up uploads; will retry", err)
	}
}

// gauge shows how much is stored of what runs, and how far behind the worst of it is.
func (k *Keeper) gauge(ctx context.Context) {
	running, err := k.o.State.Running(ctx)
	if err != nil {
		return // refresh says so
	}
	var stored, lag time.Duration
	for _, r := range running {
		segments, _, err := k.o.Buffers.Segments(ctx, r)
		if err != nil || len(segments) == 0 {
			continue
		}
		for _, s := range segments {
			stored += s.To.Sub(s.From)
		}
		lag = max(lag, time.Since(segments[len(segments)-1].To))
	}
	k.metrics.buffered.Set(stored.Seconds())
	k.metrics.lag.Set(lag.Seconds())
}

// erase finishes deletions that were left undone.
func (k *Keeper) erase(ctx context.Context) {
	clips, err1 := k.o.State.DeletedClips(ctx)
	jobs, err2 := k.o.State.DeletedJobs(ctx)
	err := errors.Join(err1, err2)
	for _, id := range clips {
		err = errors.Join(err, k.o.Archive.EraseClip(ctx, id))
	}
	for _, id := range jobs {
		err = errors.Join(err, k.o.Archive.EraseJob(ctx, id))
	}
	if err != nil {
		k.complain(ctx, "cannot delete the files of deleted clips and recordings; will retry", err)
	}
}
