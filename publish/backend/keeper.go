package backend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/cut"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// How often the keeper looks.
const (
	clipPeriod   = 300 * time.Millisecond // while clips wait
	statusPeriod = 2 * time.Second        // LiveKit's view of the recordings
	prunePeriod  = 5 * time.Second
	maxCuts      = 2
)

// margin is kept beyond what may be asked for: segments do not begin where clips do.
const margin = 15 * time.Second

// keep runs until the context ends. It is the only one that deletes segments and starts cuts.
func (s *Server) keep(ctx context.Context) {
	k := &keeper{Server: s, cutting: map[string]bool{}, finished: make(chan string)}
	status, prune, clips := time.NewTicker(statusPeriod), time.NewTicker(prunePeriod), time.NewTicker(clipPeriod)
	defer status.Stop()
	defer prune.Stop()
	defer clips.Stop()
	k.refresh(ctx)
	for {
		select {
		case <-ctx.Done():
			for range k.cutting { // their contexts end with ours
				<-k.finished
			}
			return
		case id := <-k.finished:
			delete(k.cutting, id)
		case <-status.C:
			k.refresh(ctx)
		case <-prune.C:
			k.prune(ctx)
		case <-clips.C:
			k.clips(ctx)
		case <-s.wake:
			k.clips(ctx)
		}
	}
}

// keeper is the state of keep; only its goroutine touches it.
type keeper struct {
	*Server
	cutting  map[string]bool // clip ids
	round    int             // of refresh
	finished chan string
}

// refresh asks LiveKit for all recordings that are not over.
func (k *keeper) refresh(ctx context.Context) {
	running, err := k.o.State.Running(ctx)
	if err != nil {
		k.complain(ctx, "the recordings cannot be listed", err)
		return
	}
	k.metrics.recordings.Set(float64(len(running)))
	k.round++
	for _, r := range running {
		if r.State == api.StateActive && !r.Began.IsZero() && k.round%5 != 0 {
			continue // nothing new is expected, and a webhook would tell sooner
		}
		ask, cancel := context.WithTimeout(ctx, 5*time.Second)
		status, err := k.o.Recorder.Status(ask, r.EgressID)
		cancel()
		switch {
		case errors.Is(err, recorder.ErrUnknown):
			status = recorder.Status{EgressID: r.EgressID, State: api.StateEnded}
		case err != nil:
			k.complain(ctx, "LiveKit does not tell about a recording", err)
			return
		}
		if err := k.update(ctx, r, status); err != nil {
			k.complain(ctx, "a recording cannot be updated", err)
		}
	}
}

// update keeps what LiveKit says about a recording. A state never goes back.
func (s *Server) update(ctx context.Context, r state.Recording, now recorder.Status) error {
	before := r
	if !r.Over() && (r.State == api.StateStarting || now.State != api.StateStarting) {
		r.State = now.State
	}
	if now.Error != "" {
		r.Error = now.Error
	}
	if !now.Began.IsZero() {
		r.Began = now.Began
	}
	if r.Over() && r.Ended.IsZero() {
		r.Ended = time.Now()
		s.o.Log.InfoContext(ctx, "recording over", "replay", r.ReplayID, "egress", r.EgressID, "state", r.State,
			"error", r.Error)
		if r.State == api.StateFailed {
			s.metrics.failures.Inc()
		}
	}
	if r == before {
		return nil
	}
	return s.o.State.UpdateRecording(ctx, r)
}

// prune deletes segments that nobody can ask for any more, and expired replays.
func (k *keeper) prune(ctx context.Context) {
	replays, err := k.o.State.Replays(ctx)
	waiting, err2 := k.o.State.WaitingClips(ctx)
	if err := errors.Join(err, err2); err != nil {
		k.complain(ctx, "the replays cannot be listed", err)
		return
	}
	needed := map[string]time.Time{} // replay id → earliest moment that a clip still needs
	for _, c := range waiting {
		if t, ok := needed[c.ReplayID]; !ok || c.Start().Before(t) {
			needed[c.ReplayID] = c.Start()
		}
	}
	for _, r := range replays {
		from, waits := needed[r.ID]
		if err := k.pruneReplay(ctx, r, from, waits); err != nil {
			k.complain(ctx, "a replay cannot be pruned", err)
		}
	}
}

func (k *keeper) pruneReplay(ctx context.Context, r state.Replay, needed time.Time, waits bool) error {
	recordings, err := k.o.State.Recordings(ctx, r.ID)
	if err != nil {
		return err
	}
	end := lastMoment(r, recordings)
	if !end.IsZero() && time.Since(end) > k.o.Expire && !waits {
		for _, rec := range recordings {
			if err := k.remove(rec); err != nil {
				return err
			}
		}
		k.o.Log.InfoContext(ctx, "replay expired", "replay", r.ID)
		return k.o.State.DeleteReplay(ctx, r.ID)
	}
	if end.IsZero() {
		end = time.Now()
	}
	keepFrom := end.Add(-k.o.Replay - margin)
	if waits && needed.Add(-margin).Before(keepFrom) {
		keepFrom = needed.Add(-margin)
	}
	for i, rec := range recordings {
		left, err := k.buffers.prune(rec, keepFrom)
		if err != nil {
			return err
		}
		if left == 0 && i < len(recordings)-1 && rec.Over() && rec.Ended.Before(keepFrom) {
			if err := errors.Join(k.remove(rec), k.o.State.DeleteRecording(ctx, rec.ID)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *keeper) remove(r state.Recording) error {
	k.buffers.forget(r.ID)
	return k.o.Storage.Remove(r.ID, "")
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
		segments, ended, err := k.buffers.segments(r)
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
		if err := k.o.Clips.RemoveClip(c.ID); err != nil {
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

// complain logs an error unless the service is closing.
func (k *keeper) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		k.o.Log.ErrorContext(ctx, what, "err", err)
	}
}
