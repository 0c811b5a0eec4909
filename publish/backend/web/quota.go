package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// What does not happen while the storage is nearly full.
const (
	noRecording = "no new recording can start"
	noClip      = "it makes no clips now"
)

// checkSpace refuses to begin what would fill the storage; so is what does not happen.
func (s *Server) checkSpace(so string) error {
	missing, _, err := s.o.Space.Lacking()
	if err != nil {
		return err
	}
	if missing > 0 {
		return &failure{http.StatusInsufficientStorage, api.ProblemSpace, "the server's storage is nearly full, so " + so +
			"; delete clips or recordings, or ask the server's operator"}
	}
	return nil
}

// checkClip refuses an owner who has as many clips as allowed, and all clips where the storage is nearly full.
func (s *Server) checkClip(ctx context.Context, owner string) error {
	if err := s.checkQuota(ctx, owner); err != nil {
		return err
	}
	return s.checkSpace(noClip)
}

// checkQuota refuses a user who has as much as allowed. Clips that wait count as none: MaxWaiting bounds them.
func (s *Server) checkQuota(ctx context.Context, identity string) error {
	if s.o.MaxClips <= 0 && s.o.MaxClipBytes <= 0 {
		return nil
	}
	clips, bytes, err := s.o.State.Used(ctx, identity)
	if err != nil {
		return err
	}
	if s.o.MaxClips > 0 && clips >= s.o.MaxClips {
		return &failure{http.StatusForbidden, api.ProblemQuota,
			fmt.Sprintf("%s has %d clips on the server, the maximum; delete some first",
				state.OwnerName(identity), clips)}
	}
	if s.o.MaxClipBytes > 0 && bytes >= s.o.MaxClipBytes {
		return &failure{http.StatusForbidden, api.ProblemQuota, fmt.Sprintf(
			"the clips of %s on the server take %d MB, the maximum; delete some first",
			state.OwnerName(identity), bytes/1e6)}
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
	bytes, err := s.jobBytes(ctx, jobs)
	if err != nil {
		return err
	}
	if bytes >= s.o.MaxRecordingBytes {
		return &failure{http.StatusForbidden, api.ProblemQuota, fmt.Sprintf(
			"the recordings of %s on the server take %d MB, the maximum; delete some first", identity,
			bytes/1e6)}
	}
	return nil
}

// jobBytes is how large recordings are together.
func (s *Server) jobBytes(ctx context.Context, jobs []state.Job) (bytes int64, err error) {
	for _, t := range jobs {
		files, err := s.o.JobFiles.Files(ctx, t.ID)
		if err != nil {
			return 0, err
		}
		for _, f := range files {
			bytes += f.Bytes
		}
	}
	return bytes, nil
}
