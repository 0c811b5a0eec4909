package backend

import (
	"context"
	"time"
)

// oldAtOnce is how many old clips go in one round; the next round takes the rest.
const oldAtOnce = 200

// tidy deletes clips that are older than clips are kept, and links that have expired.
func (k *keeper) tidy(ctx context.Context) {
	if err := k.o.State.DeleteExpiredLinks(ctx); err != nil {
		k.complain(ctx, "expired links cannot be deleted", err)
	}
	if k.o.KeepClips <= 0 {
		return
	}
	old, err := k.o.State.OldClips(ctx, time.Now().Add(-k.o.KeepClips), oldAtOnce)
	if err != nil {
		k.complain(ctx, "old clips cannot be listed", err)
		return
	}
	for _, c := range old {
		if err := k.dropClip(ctx, c); err != nil {
			k.complain(ctx, "an old clip cannot be deleted", err)
			return
		}
		k.o.Audit.InfoContext(ctx, "audit", "call", "clip expired", "id", c.ID, "user", c.Identity)
	}
}

// gauge shows how much is stored of what runs, and how far behind the worst of it is.
func (k *keeper) gauge(ctx context.Context) {
	running, err := k.o.State.Running(ctx)
	if err != nil {
		return // refresh says so
	}
	var stored, lag time.Duration
	for _, r := range running {
		segments, _, err := k.buffers.segments(ctx, r)
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
