package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// jobRoutes are the calls about takes.
func (s *Server) jobRoutes() map[string]http.Handler {
	const path = api.Prefix + "/recordings"
	return map[string]http.Handler{
		"POST " + path:                       s.authenticated(s.postJob),
		"GET " + path:                        s.authenticated(s.getJobs),
		"GET " + path + "/{id}":              s.authenticated(s.getJob),
		"POST " + path + "/{id}/stop":        s.authenticated(s.postJobStop),
		"DELETE " + path + "/{id}":           s.authenticated(s.deleteJob),
		"GET " + path + "/{id}/files/{name}": s.authenticated(s.getJobFile),
	}
}

func (s *Server) postJob(w http.ResponseWriter, r *http.Request, user state.Token) error {
	req, err := readFor(w, r, user, mayRecord, func(q api.RecordingRequest) string { return q.RoomName })
	if err != nil {
		return err
	}
	if err := checkJob(&req, user, s.o.StreamTo); err != nil {
		return err
	}
	ctx, done, err := s.o.Leases.Alone(r.Context(), "takes of "+user.Owner())
	if err != nil {
		return err
	}
	defer done()
	job, err := s.startJob(ctx, user, req)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, viewJob(job))
}

// startJob returns the running recording of an equal request, or starts one.
func (s *Server) startJob(ctx context.Context, user state.Token, req api.RecordingRequest) (state.Job, error) {
	job := state.Job{ID: state.NewID(), Identity: user.Owner(), Request: redacted(req), Fingerprint: fingerprint(req),
		Created: time.Now().UTC()}
	running, err := s.sameJob(ctx, job)
	if err != nil || running.ID != "" {
		return running, err
	}
	if err := errors.Join(s.checkSpace(noRecording), s.checkJobQuota(ctx, user.Owner())); err != nil {
		return job, err
	}
	folder, err := s.o.JobFiles.NewRecording(ctx, job.ID)
	if err != nil {
		return job, err
	}
	if err := s.o.State.AddIntent(ctx, job.ID); err != nil {
		return job, errors.Join(err, s.o.JobFiles.Remove(context.WithoutCancel(ctx), job.ID, ""))
	}
	status, err := s.o.JobRecorder.Job(ctx, recorder.JobRequest{RecordingRequest: req, Folder: folder,
		Own: []string{user.AppIdentity()}, Everybody: user.Has(state.Record)})
	if err != nil {
		return job, errors.Join(err, s.notStarted(context.WithoutCancel(ctx), job.ID, err))
	}
	job.EgressID, job.State, job.Error, job.Streams = status.EgressID, status.State, status.Error, status.Streams
	// An egress runs: what follows must be kept even if the caller goes away.
	ctx = context.WithoutCancel(ctx)
	if err := s.o.State.AddJob(ctx, job); err != nil {
		return job, errors.Join(err, s.stopJob(ctx, job), s.o.JobFiles.Remove(ctx, job.ID, ""))
	}
	s.forgetIntent(ctx, job.ID)
	s.o.Archive.NoteJob(ctx, job)
	s.o.Log.InfoContext(ctx, "recording started", "recording", job.ID, "egress", job.EgressID, "type", req.Type,
		"room", req.RoomName, "user", user.Owner())
	return job, nil
}

// sameJob finds a running recording of an equal request; none has no ID. It refuses what runs already in another way:
// the type and the outputs of an egress are fixed at its start.
func (s *Server) sameJob(ctx context.Context, wanted state.Job) (state.Job, error) {
	running, err := s.o.State.RunningJobs(ctx)
	if err != nil {
		return wanted, err
	}
	running = slices.DeleteFunc(running, func(t state.Job) bool {
		return t.Identity != wanted.Identity || !t.Stopped.IsZero()
	})
	for _, t := range running {
		what := ""
		switch {
		case t.Fingerprint == wanted.Fingerprint:
			return t, nil
		case t.Request.RoomName != wanted.Request.RoomName:
		case t.Request.Type != wanted.Request.Type:
			what = "type"
		case subjectOf(t.Request) == subjectOf(wanted.Request):
			what = "outputs"
		}
		if what != "" {
			return t, &failure{http.StatusConflict, api.ProblemConflict,
				fmt.Sprintf("a running recording cannot change its %s; "+
					"this room's recording %s is of type %s: stop it with POST %s/recordings/%s/stop, then ask again", what, t.ID,
					t.Request.Type, api.Prefix, t.ID)}
		}
	}
	if len(running) >= s.o.MaxRunning {
		return wanted, &failure{http.StatusTooManyRequests, api.ProblemTooMany,
			fmt.Sprintf("%d recordings of yours run already; stop one first", s.o.MaxRunning)}
	}
	return state.Job{}, nil
}

// stopJob does not wait for a LiveKit that hangs.
func (s *Server) stopJob(ctx context.Context, t state.Job) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	return s.o.JobRecorder.Stop(ctx, t.EgressID)
}

// findJob returns a recording that the user may see.
func (s *Server) findJob(r *http.Request, user state.Token) (state.Job, error) {
	job, err := s.o.State.Job(r.Context(), r.PathValue("id"))
	if errors.Is(err, state.ErrNotFound) || err == nil && !sees(user, job.Identity, job.Request.RoomName) {
		return state.Job{}, notFound("recording")
	}
	return job, err
}

// ownJob returns a recording that the user may stop and delete.
func (s *Server) ownJob(r *http.Request, user state.Token) (state.Job, error) {
	job, err := s.findJob(r, user)
	if err == nil && !ownsJob(user, job.Identity, job.Request.RoomName) {
		err = notTheirs("recording")
	}
	return job, err
}

// viewJob is a recording as the caller sees it.
func viewJob(t state.Job) api.Recording {
	out := api.Recording{RecordingID: t.ID, EgressID: t.EgressID, State: t.State, LastError: t.Error,
		RecordingRequest: t.Request, Streams: t.Streams, CreatedAt: t.Created}
	if !t.Over() && !t.Stopped.IsZero() {
		out.State = api.StateStopping
	}
	if !t.Began.IsZero() {
		out.StartedAt = &t.Began
	}
	if !t.Ended.IsZero() {
		out.EndedAt = &t.Ended
	}
	return out
}

func (s *Server) getJobs(w http.ResponseWriter, r *http.Request, user state.Token) error {
	var jobs []state.Job
	var err error
	switch whose := r.URL.Query().Get("whose"); whose {
	case "", "mine":
		jobs, err = s.o.State.JobsOf(r.Context(), user.Owner(), maxListed)
	case "all":
		jobs, err = s.listJobs(r.Context(), user)
	default:
		return invalid("whose must be mine or all")
	}
	if err != nil {
		return err
	}
	out := api.RecordingList{Recordings: []api.Recording{}}
	for _, t := range jobs {
		if sees(user, t.Identity, t.Request.RoomName) {
			out.Recordings = append(out.Recordings, viewJob(t))
		}
	}
	return writeJSON(w, http.StatusOK, out)
}

func (s *Server) getJob(w http.ResponseWriter, r *http.Request, user state.Token) error {
	job, err := s.findJob(r, user)
	if err != nil {
		return err
	}
	return s.writeJob(w, r, job)
}

// writeJob returns a recording with its files.
func (s *Server) writeJob(w http.ResponseWriter, r *http.Request, job state.Job) error {
	out := viewJob(job)
	files, err := s.o.JobFiles.Files(r.Context(), job.ID)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !jobFileName.MatchString(f.Name) {
			continue
		}
		out.Bytes += f.Bytes
		if !isSegment(f.Name) {
			out.Files = append(out.Files, api.RecordingFile{Name: f.Name, Bytes: f.Bytes,
				URL: api.Prefix + "/recordings/" + job.ID + "/files/" + f.Name})
		}
	}
	return writeJSON(w, http.StatusOK, out)
}

func (s *Server) postJobStop(w http.ResponseWriter, r *http.Request, user state.Token) error {
	job, err := s.ownJob(r, user)
	if err != nil {
		return err
	}
	if !job.Over() && job.Stopped.IsZero() {
		job.Stopped = time.Now().UTC()
		if err := s.o.State.StopJob(r.Context(), job.ID, job.Stopped); err != nil {
			return err
		}
	}
	if !job.Over() {
		if err := s.stopJob(r.Context(), job); err != nil { // the keeper tries again
			s.o.Log.WarnContext(r.Context(), "a recording could not be stopped", "recording", job.ID, "err", err)
		}
	}
	return s.writeJob(w, r, job)
}

func (s *Server) deleteJob(w http.ResponseWriter, r *http.Request, user state.Token) error {
	job, err := s.ownJob(r, user)
	if err != nil {
		return err
	}
	if !job.Over() {
		return &failure{http.StatusConflict, api.ProblemConflict, fmt.Sprintf(
			"the recording is not over; stop it with POST %s/recordings/%s/stop and delete it when its state is ended",
			api.Prefix,
			job.ID)}
	}
	if err := s.o.Archive.DropJob(r.Context(), job.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// listJobs lists all recordings that a user sees.
func (s *Server) listJobs(ctx context.Context, user state.Token) ([]state.Job, error) {
	switch {
	case !user.Has(state.View):
		return s.o.State.JobsOf(ctx, user.Owner(), maxListed)
	case user.Rooms == "*":
		return s.o.State.AllJobs(ctx, maxListed)
	}
	return s.o.State.JobsIn(ctx, user.Allows, user.Owner(), maxListed)
}

// jobFileName is the form of everything that a recorder writes into a take's folder.
var jobFileName = regexp.MustCompile(`^(` + recorder.JobFile + `\.(mp4|ogg|webm)|` + regexp.QuoteMeta(
	recorder.Playlist) +
	`|` + recorder.SegmentPrefix + `_[0-9]{5,10}\.ts)$`)

// mediaTypes are those of the names above (RFC 8216, 4 and 10; RFC 4337; RFC 5334).
var mediaTypes = map[string]string{".mp4": "video/mp4", ".ogg": "audio/ogg", ".webm": "video/webm", ".ts": "video/mp2t",
	".m3u8": "application/vnd.apple.mpegurl"}

func isSegment(name string) bool { return path.Ext(name) == ".ts" }

// modified is when a take's file was last changed; the zero time, which no cache relies on, while it may grow.
func modified(t state.Job) time.Time { return t.Ended }

// getJobFile sends a file of a recording, whole or a range of it. What a player of the playlist asks for is complete
// while the recording runs; the file is not.
func (s *Server) getJobFile(w http.ResponseWriter, r *http.Request, user state.Token) error {
	job, err := s.findJob(r, user)
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	if !jobFileName.MatchString(name) {
		return notFound("file")
	}
	ext := path.Ext(name)
	hls := isSegment(name) || name == recorder.Playlist
	if !hls && !job.Over() {
		return &failure{http.StatusConflict, api.ProblemConflict, "the file is complete when the recording's state is ended"}
	}
	f, err := s.o.JobFiles.OpenFile(r.Context(), job.ID, name)
	if errors.Is(err, fs.ErrNotExist) {
		return notFound("file")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	w.Header().Set("Content-Type", mediaTypes[ext])
	if !hls {
		w.Header().Set("Content-Disposition",
			`attachment; filename="hindsight-`+job.Created.Format("20060102-150405")+ext+`"`)
	}
	return s.serveContent(w, r, modified(job), f)
}
