package keeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/publish/backend/buffers"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/cut"
	"github.com/hindsight-app/hindsight/publish/backend/leases"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// clips starts the cuts that can be made.
func (k *Keeper) clips(ctx context.Context) {
	waiting, err := k.o.State.WaitingClips(ctx)
	if err != nil {
		k.complain(ctx, "cannot list waiting clips", err)
		return
	}
	k.metrics.waiting.Set(float64(len(waiting)))
	look := k.newLook()
	for _, c := range inTurn(waiting, k.cutting) {
		if len(k.cutting) >= maxCuts {
			return
		}
		if time.Now().Before(k.again[c.ID]) {
			continue
		}
		segments, landed, err := look.lookFor(ctx, c)
		if err != nil {
			k.complain(ctx, "cannot find a clip's segments", err)
			continue
		}
		late := time.Since(later(c.Created, c.Pressed)) > k.o.Landing
		if !landed && !late {
			continue
		}
		ok, err := k.o.State.Lease(ctx, cutLease(c), cutTerm)
		if err != nil {
			k.complain(ctx, "cannot get the lease for cutting a clip", err)
			return
		}
		if !ok {
			continue // another backend cuts it
		}
		k.cutting[c.ID] = true
		k.tasks.Add(1)
		go func() {
			defer k.tasks.Done()
			ctx, done := k.o.Leases.Hold(ctx, cutLease(c), cutTerm)
			var again time.Time
			// Another backend may have been quicker, between the list and the lease.
			if now, err := k.o.State.Clip(ctx, c.ID); err == nil && now.State == api.ClipWaiting {
				k.guarded(ctx, "cutting a clip", func() { again = k.cut(ctx, c, segments) })
			}
			done()
			k.finished <- finished{c.ID, again}
		}()
	}
}

// inTurn puts the waiting clips, oldest first, into the order in which they are cut, without those that are being cut:
// every user's first, then every user's second. A user's clips that are being cut count. What owners have saved
// themselves comes before all that viewers ask for.
func inTurn(waiting []state.Clip, cutting map[string]bool) []state.Clip {
	turn, turns := map[string]int{}, map[string]int{}
	for _, c := range waiting {
		if cutting[c.ID] {
			turns[c.Identity]++
		}
	}
	waiting = slices.DeleteFunc(slices.Clone(waiting), func(c state.Clip) bool { return cutting[c.ID] })
	slices.SortStableFunc(waiting, func(a, b state.Clip) int { return cmp.Compare(asked(a), asked(b)) })
	for _, c := range waiting {
		turn[c.ID] = turns[c.Identity]
		turns[c.Identity]++
	}
	slices.SortStableFunc(waiting, func(a, b state.Clip) int {
		return cmp.Or(cmp.Compare(asked(a), asked(b)), turn[a.ID]-turn[b.ID])
	})
	return waiting
}

// asked is 1 for a clip that somebody else than its owner asked for, else 0.
func asked(c state.Clip) int {
	if c.Asker != "" {
		return 1
	}
	return 0
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
	*Keeper
	replays map[string][]stored
	pauses  map[string][]state.Span
}

// stored is a recording with what is stored of it.
type stored struct {
	state.Recording
	segments []buffers.Segment
	ended    bool
}

func (k *Keeper) newLook() look { return look{k, map[string][]stored{}, map[string][]state.Span{}} }

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
		segments, ended, err := l.o.Buffers.Segments(ctx, r)
		if err != nil {
			return nil, err
		}
		out = append(out, stored{r, segments, ended})
	}
	l.replays[replay] = out
	return out, nil
}

// lookFor returns the segments a clip needs, and whether nothing more is to come for it.
func (l look) lookFor(ctx context.Context, c state.Clip) (found []buffers.Segment, landed bool, err error) {
	recordings, err := l.recordings(ctx, c.ReplayID)
	if err != nil {
		return nil, false, err
	}
	var pauses []state.Span
	if c.Asker != "" { // viewers get nothing of what was paused
		if pauses, err = l.paused(ctx, c.ReplayID); err != nil {
			return nil, false, err
		}
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
			if s.To.After(c.Start()) && s.From.Before(c.Pressed) && !s.Hidden(pauses) {
				found = append(found, s)
			}
			landed = landed || !s.To.Before(c.Pressed)
		}
	}
	return found, landed || over, nil
}

// paused lists when nothing of a replay is for viewers.
func (l look) paused(ctx context.Context, replay string) ([]state.Span, error) {
	if known, ok := l.pauses[replay]; ok {
		return known, nil
	}
	pauses, err := l.o.State.Pauses(ctx, replay)
	if err == nil {
		l.pauses[replay] = pauses
	}
	return pauses, err
}

const (
	// maxAttempts is how often a clip is tried that kills the process, or that is older than cutPatience. Of a younger
	// one an attempt does not count where the storage is to blame.
	maxAttempts = 3
	cutPatience = 10 * time.Minute
	// retryAfter is how long after the first failure it is tried again, retryLongest after later ones.
	retryAfter   = 5 * time.Second
	retryLongest = time.Minute
)

// errAttempts means that a clip was tried as often as may be, and none of the attempts came to an end.
var errAttempts = errors.New("the server stopped each time it made this clip")

// passes reports whether a cut that failed may work later: what is stored cannot be reached now. A clip without a frame
// stays without.
func passes(err error) bool {
	return !errors.Is(err, cut.ErrNothing) && !errors.Is(err, cut.ErrLost) && !errors.Is(err, errAttempts)
}

// cut makes one clip and keeps how it went. again is when it is to be tried again; zero if it is done.
func (k *Keeper) cut(ctx context.Context, c state.Clip, segments []buffers.Segment) (again time.Time) {
	begun := time.Now()
	attempts, err := k.o.State.TryClip(ctx, c.ID, 1)
	if errors.Is(err, state.ErrNotFound) {
		return again // deleted in the meantime
	}
	if err != nil {
		k.complain(ctx, "cannot count the attempt to make a clip", err)
		return begun.Add(retryAfter)
	}
	var result buffers.Cut
	if attempts > maxAttempts {
		err = errAttempts
	} else {
		result, err = k.o.Cutter.Cut(ctx, c, segments)
	}
	if ctx.Err() != nil {
		// It stays waiting for the next start, and a service that is stopped in order has not tried it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leases.ReleaseLimit)
		defer cancel()
		_, err := k.o.State.TryClip(ctx, c.ID, -1)
		if errors.Is(err, state.ErrNotFound) {
			// Another backend has made it in the meantime, or it was deleted: then the file of this one belongs to
			// nobody.
			k.dropUnowned(ctx, c, nil)
		} else if err != nil {
			k.o.Log.WarnContext(ctx, "cannot take back an interrupted attempt", "clip", c.ID, "err", err)
		}
		return again
	}
	age := time.Since(c.Created)
	if err != nil && passes(err) && (age < cutPatience || attempts < maxAttempts) {
		if age < cutPatience {
			_, err2 := k.o.State.TryClip(ctx, c.ID, -1)
			err = errors.Join(err, err2)
		}
		k.o.Log.WarnContext(ctx, "cannot make a clip now; will retry", "clip", c.ID, "attempt", attempts, "err",
			err)
		return time.Now().Add(min(max(age, retryAfter), retryLongest))
	}
	k.finish(ctx, c, segments, result, begun, err)
	return again
}

// moved are chapters that begin later by a time, as far as they are within the length. A cut begins at a keyframe.
func moved(chapters []api.Chapter, by, length time.Duration) (out []api.Chapter) {
	for _, c := range chapters {
		if c.Seconds += by.Seconds(); c.Seconds >= 0 && c.Seconds <= length.Seconds() {
			out = append(out, c)
		}
	}
	return out
}

// finish keeps a clip that is ready or has failed for good.
func (k *Keeper) finish(ctx context.Context, c state.Clip, segments []buffers.Segment, result buffers.Cut,
	begun time.Time, err error) {
	c.State, c.From, c.To, c.Bytes = api.ClipReady, result.From, result.To, result.Bytes
	c.Gaps = gaps(without(segments, result.Lost), c.From, c.To)
	c.Chapters = moved(c.Chapters, c.Start().Sub(c.From), c.To.Sub(c.From))
	if err != nil {
		c.State, c.Reason = api.ClipFailed, k.reason(ctx, c, err)
	}
	k.metrics.clips.WithLabelValues(c.State.String()).Inc()
	k.metrics.saved.Observe(time.Since(c.Created).Seconds())
	k.o.Log.InfoContext(ctx, "clip cut", "clip", c.ID, "replay", c.ReplayID, "state", c.State, "bytes", c.Bytes,
		"segments", len(segments), "lost", len(result.Lost), "took", time.Since(begun), "err", err)
	if err := k.o.State.FinishClip(ctx, c); err != nil {
		k.dropUnowned(ctx, c, err)
	} else if c.State == api.ClipReady {
		k.o.Archive.NoteClip(ctx, c)
	}
}

// without are the segments that are not lost.
func without(segments, lost []buffers.Segment) []buffers.Segment {
	return slices.DeleteFunc(slices.Clone(segments), func(s buffers.Segment) bool { return slices.Contains(lost, s) })
}

// dropUnowned deletes the file of a clip that was deleted while it was cut. Where the database failed it stays: the
// clip is cut again.
func (k *Keeper) dropUnowned(ctx context.Context, c state.Clip, err error) {
	if _, missing := k.o.State.Clip(ctx, c.ID); errors.Is(missing, state.ErrNotFound) {
		err = k.o.Clips.RemoveClip(ctx, c.ID)
	}
	if err != nil {
		k.complain(ctx, "cannot save a clip that was cut", err)
	}
}

// gapFrom is how much between two segments is a gap; less is the grain of their times.
const gapFrom = time.Second

// gaps are the stretches between from and to that no segment covers. The segments may overlap, and be in any order.
func gaps(segments []buffers.Segment, from, to time.Time) (out []state.Span) {
	sorted := slices.SortedFunc(slices.Values(segments), func(a, b buffers.Segment) int { return a.From.Compare(b.From) })
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

// reason says for the user why a cut failed.
func (k *Keeper) reason(ctx context.Context, c state.Clip, err error) string {
	switch {
	case errors.Is(err, errAttempts):
		return fmt.Sprintf("the server stopped %d times while it made this clip; save a shorter one, or ask the "+
			"server's operator",
			maxAttempts)
	case errors.Is(err, cut.ErrLost):
		return "what the server had recorded of that time is missing or damaged"
	case !errors.Is(err, cut.ErrNothing):
		return "the server tried several times and could not make the clip; its log says why"
	}
	recordings, _ := k.o.State.Recordings(ctx, c.ReplayID)
	if n := len(recordings); n > 0 && recordings[n-1].Error != "" {
		return "the recorder failed: " + recordings[n-1].Error
	}
	return "the server has not recorded anything in that time; was the screen shared then?"
}
