package backend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/cut"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// clips starts the cuts that can be made.
func (k *keeper) clips(ctx context.Context) {
	waiting, err := k.o.State.WaitingClips(ctx)
	if err != nil {
		k.complain(ctx, "the waiting clips cannot be listed", err)
		return
	}
	k.metrics.waiting.Set(float64(len(waiting)))
	for _, c := range waiting {
		if len(k.cutting) >= maxCuts {
			return
		}
		if k.cutting[c.ID] {
			continue
		}
		segments, landed, err := k.lookFor(ctx, c)
		if err != nil {
			k.complain(ctx, "a clip's segments cannot be found", err)
			continue
		}
		late := time.Since(later(c.Created, c.Pressed)) > k.o.Landing
		if !landed && !late {
			continue
		}
		k.cutting[c.ID] = true
		k.tasks.Add(1)
		go func() {
			defer k.tasks.Done()
			k.cut(ctx, c, segments)
			k.finished <- c.ID
		}()
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lookFor answers the segments a clip needs, and whether nothing more is to come for it.
func (k *keeper) lookFor(ctx context.Context, c state.Clip) (found []Segment, landed bool, err error) {
	recordings, err := k.o.State.Recordings(ctx, c.ReplayID)
	if err != nil {
		return nil, false, err
	}
	over := true
	for _, r := range recordings {
		segments, ended, err := k.buffers.segments(ctx, r)
		if err != nil {
			return nil, false, err
		}
		// The recorder closes the playlist before LiveKit says that it ended.
		over = over && (ended || r.Over())
		if r.State == api.StateActive && r.Began.IsZero() {
			over, segments = false, nil // its times are not known yet
		}
		for _, s := range segments {
			if s.To.After(c.Start()) && s.From.Before(c.Pressed) {
				found = append(found, s)
			}
			landed = landed || !s.To.Before(c.Pressed)
		}
	}
	return found, landed || over, nil
}

// cut makes one clip and keeps how it went.
func (k *keeper) cut(ctx context.Context, c state.Clip, segments []Segment) {
	begun := time.Now()
	result, err := k.o.Cutter.Cut(ctx, c, segments)
	if ctx.Err() != nil {
		return // it stays waiting for the next start
	}
	c.State, c.From, c.To, c.Bytes = api.ClipReady, result.From, result.To, result.Bytes
	if err != nil {
		c.State, c.Reason = api.ClipFailed, k.reason(ctx, c, err)
	}
	k.metrics.clips.WithLabelValues(c.State).Inc()
	k.metrics.saved.Observe(time.Since(c.Created).Seconds())
	k.o.Log.InfoContext(ctx, "clip cut", "clip", c.ID, "replay", c.ReplayID, "state", c.State, "bytes", c.Bytes,
		"segments", len(segments), "took", time.Since(begun), "err", err)
	if err := k.o.State.FinishClip(ctx, c); err != nil {
		// Deleted meanwhile, or the database failed: the file has no owner.
		if err := k.o.Clips.RemoveClip(ctx, c.ID); err != nil {
			k.complain(ctx, "a clip without owner cannot be deleted", err)
		}
	}
}

// reason puts a failed cut into a sentence for the user.
func (k *keeper) reason(ctx context.Context, c state.Clip, err error) string {
	if !errors.Is(err, cut.ErrNothing) {
		return fmt.Sprintf("the clip could not be cut: %v", err)
	}
	recordings, _ := k.o.State.Recordings(ctx, c.ReplayID)
	if n := len(recordings); n > 0 && recordings[n-1].Error != "" {
		return "the recorder failed: " + recordings[n-1].Error
	}
	return "the server has not recorded anything in that time; was the screen shared then?"
}
