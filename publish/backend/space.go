package backend

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// measured is a storage that knows how much room it has; a bucket does not.
type measured interface {
	// Space is how many bytes are free, and how many there are.
	Space() (free, total int64, err error)
}

// defaultReserve and its part of the file system are what stays free where Options.Reserve is not set.
const (
	defaultReserve     = 1 << 30
	defaultReservePart = 20
)

// oldestAtOnce is how many segments go before the free space is asked for again.
const oldestAtOnce = 4

// lacking is how many bytes are missing to the reserve; 0 or less is enough room.
func (s *Server) lacking() (missing, reserve int64, err error) {
	storage, ok := s.o.Storage.(measured)
	if !ok || s.o.Reserve < 0 {
		return 0, 0, nil
	}
	free, total, err := storage.Space()
	if err != nil || total == 0 {
		return 0, 0, err
	}
	if reserve = s.o.Reserve; reserve == 0 {
		reserve = min(defaultReserve, total/defaultReservePart)
	}
	return reserve - free, reserve, nil
}

// checkSpace refuses to begin what would fill the storage.
func (s *Server) checkSpace() error {
	missing, _, err := s.lacking()
	if err != nil {
		return err
	}
	if missing > 0 {
		return &failure{http.StatusInsufficientStorage, api.ProblemSpace,
			"the server's storage is nearly full, so no new recording can start; delete clips or recordings, or ask the " +
				"server's operator"}
	}
	return nil
}

// makeRoom deletes the oldest segments of all replays until the reserve is free again. Clips, recordings and what a
// waiting clip needs stay. Where that is not enough, running recordings are stopped, before the database has no room.
func (k *keeper) makeRoom(ctx context.Context) {
	missing, reserve, err := k.lacking()
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
	if missing, _, err := k.lacking(); err != nil || missing <= reserve/2 {
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
func (k *keeper) dropOldest(ctx context.Context) error {
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
	limit := func(r state.Recording, t time.Time) time.Time {
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
			segments, _, err := k.buffers.segments(ctx, r)
			if err != nil {
				return err
			}
			recordings = append(recordings, r)
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
			if _, err := k.buffers.prune(ctx, r, limit(r, until), k.o.State.SetPruned); err != nil {
				return err
			}
		}
		if missing, _, err := k.lacking(); err != nil || missing <= 0 {
			return err
		}
	}
	return nil
}

// checkReplays refuses a user who has as many replays as allowed.
func (s *Server) checkReplays(ctx context.Context, identity string) error {
	n, err := s.o.State.CountReplays(ctx, identity)
	if err != nil {
		return err
	}
	if n >= s.o.MaxReplays {
		return &failure{http.StatusTooManyRequests, api.ProblemTooMany, fmt.Sprintf(
			"%d of your replays are on the server, the maximum; continue one, or wait until they expire", n)}
	}
	return nil
}

// checkJobQuota refuses a user whose recordings are as many, or as large, as allowed.
func (s *Server) checkJobQuota(ctx context.Context, identity string) error {
	if s.o.MaxRecordings <= 0 && s.o.MaxRecordingBytes <= 0 {
		return nil
	}
	jobs, err := s.o.State.JobsOf(ctx, identity, maxListed)
	if err != nil {
		return err
	}
	if s.o.MaxRecordings > 0 && len(jobs) >= s.o.MaxRecordings {
		return &failure{http.StatusForbidden, api.ProblemQuota, fmt.Sprintf(
			"%s has %d recordings on the server, the maximum; delete some first", identity, len(jobs))}
	}
	if s.o.MaxRecordingBytes <= 0 {
		return nil
	}
	var bytes int64
	for _, t := range jobs {
		files, err := s.o.JobFiles.Files(ctx, t.ID)
		if err != nil {
			return err
		}
		for _, f := range files {
			bytes += f.Bytes
		}
	}
	if bytes >= s.o.MaxRecordingBytes {
		return &failure{http.StatusForbidden, api.ProblemQuota, fmt.Sprintf(
			"the recordings of %s on the server take %d MB, the maximum; delete some first", identity,
			bytes/1e6)}
	}
	return nil
}

// tidyJobs deletes recordings that are older than recordings are kept.
func (k *keeper) tidyJobs(ctx context.Context) {
	if k.o.KeepRecordings <= 0 {
		return
	}
	old, err := k.o.State.OldJobs(ctx, time.Now().Add(-k.o.KeepRecordings), oldAtOnce)
	if err != nil {
		k.complain(ctx, "cannot list old recordings", err)
		return
	}
	for _, t := range old {
		if err := k.dropJob(ctx, t.ID); err != nil {
			k.complain(ctx, "cannot delete an old recording", err)
			return
		}
		k.o.Audit.InfoContext(ctx, "audit", "call", "recording expired", "id", t.ID, "user", t.Identity)
	}
}
