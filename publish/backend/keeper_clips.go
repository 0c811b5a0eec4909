package backend

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	look := k.newLook()
	for _, c := range waiting {
		if len(k.cutting) >= maxCuts {
			return
		}
		if k.cutting[c.ID] {
			continue
		}
		segments, landed, err := look.lookFor(ctx, c)
		if err != nil {
			k.complain(ctx, "a clip's segments cannot be found", err)
			continue
		}
		late := time.Since(later(c.Created, c.Pressed)) > k.o.Landing
		if !landed && !late {
			continue
		}
		ok, err := k.o.State.Lease(ctx, cutLease(c), cutTerm)
		if err != nil {
			k.complain(ctx, "the database does not say who cuts a clip", err)
			return
		}
		if !ok {
			continue // another backend cuts it
		}
		k.cutting[c.ID] = true
		k.tasks.Add(1)
		go func() {
			defer k.tasks.Done()
			ctx, done := k.hold(ctx, cutLease(c), cutTerm)
			// Another backend may have been quicker, between the list and the lease.
			if now, err := k.o.State.Clip(ctx, c.ID); err == nil && now.State == api.ClipWaiting {
				k.guarded(ctx, "cutting a clip", func() { k.cut(ctx, c, segments) })
			}
			done()
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

func cutLease(c state.Clip) string { return "clip " + c.ID }

// look is one look at what is stored; clips of the same replay share it.
type look struct {
	*keeper
	replays map[string][]stored
}

// stored is a recording with what is stored of it.
type stored struct {
	state.Recording
	segments []Segment
	ended    bool
}

func (k *keeper) newLook() look { return look{k, map[string][]stored{}} }

func (l look) recordings(ctx context.Context, replay string) ([]stored, error) {
	if known, ok := l.replays[replay]; ok {
		return known, nil
	}
	recordings, err := l.o.State.Recordings(ctx, replay)
	if err != nil {
		return nil, err
	}
	var out []stored
	for _, r := range recordings {
		segments, ended, err := l.buffers.segments(ctx, r)
		if err != nil {
			return nil, err
		}
		out = append(out, stored{r, segments, ended})
	}
	l.replays[replay] = out
	return out, nil
}

// lookFor answers the segments a clip needs, and whether nothing more is to come for it.
func (l look) lookFor(ctx context.Context, c state.Clip) (found []Segment, landed bool, err error) {
	recordings, err := l.recordings(ctx, c.ReplayID)
	if err != nil {
		return nil, false, err
	}
	over := true
	for _, r := range recordings {
		segments, ended := r.segments, r.ended
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
	c.Gaps = gaps(segments, c.From, c.To)
	if err != nil {
		c.State, c.Reason = api.ClipFailed, k.reason(ctx, c, err)
	}
	k.metrics.clips.WithLabelValues(c.State).Inc()
	k.metrics.saved.Observe(time.Since(c.Created).Seconds())
	k.o.Log.InfoContext(ctx, "clip cut", "clip", c.ID, "replay", c.ReplayID, "state", c.State, "bytes", c.Bytes,
		"segments", len(segments), "took", time.Since(begun), "err", err)
	if err := k.o.State.FinishClip(ctx, c); err != nil {
		k.dropUnowned(ctx, c, err)
	} else if c.State == api.ClipReady {
		k.note(ctx, c.ID, state.Note{Clip: &c}, k.o.Clips.NoteClip)
	}
}

// dropUnowned deletes the file of a clip that was deleted while it was cut. Where the database failed it stays: the clip
// is cut again.
func (k *keeper) dropUnowned(ctx context.Context, c state.Clip, err error) {
	if _, missing := k.o.State.Clip(ctx, c.ID); errors.Is(missing, state.ErrNotFound) {
		err = k.o.Clips.RemoveClip(ctx, c.ID)
	}
	if err != nil {
		k.complain(ctx, "a clip that was cut cannot be kept", err)
	}
}

// gapFrom is how much between two segments is a gap; less is the grain of their times.
const gapFrom = time.Second

// gaps are the stretches between from and to that no segment covers. The segments may overlap, and be in any order.
func gaps(segments []Segment, from, to time.Time) (out []state.Span) {
	sorted := slices.SortedFunc(slices.Values(segments), func(a, b Segment) int { return a.From.Compare(b.From) })
	end := from
	for _, s := range sorted {
		if s.From.Sub(end) >= gapFrom && end.Before(to) {
			out = append(out, state.Span{From: end.UTC(), To: earlier(s.From, to).UTC()})
		}
		end = later(end, s.To)
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
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
