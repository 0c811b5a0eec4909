package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// TakeRecorder records what users ask for beside their replays. In code such a recording is a take, for Recording is
// what a replay consists of.
type TakeRecorder interface {
	Take(ctx context.Context, r recorder.TakeRequest) (recorder.TakeStatus, error)
	TakeStatus(ctx context.Context, egressID string) (recorder.TakeStatus, error)
	Stop(ctx context.Context, egressID string) error
}

// TakeFiles holds the files of takes.
type TakeFiles interface {
	NewRecording(ctx context.Context, id string) (folder string, err error)
	Files(ctx context.Context, id string) ([]storage.Entry, error)
	OpenFile(ctx context.Context, id, name string) (io.ReadSeekCloser, error)
	Remove(ctx context.Context, id, segment string) error
	NoteRecording(ctx context.Context, id string, note []byte) error
}

// takeRoutes are the calls about takes.
func (s *Server) takeRoutes() map[string]http.Handler {
	const path = api.Prefix + "/recordings"
	return map[string]http.Handler{
		"POST " + path:                       s.authenticated(s.postTake),
		"GET " + path:                        s.authenticated(s.getTakes),
		"GET " + path + "/{id}":              s.authenticated(s.getTake),
		"POST " + path + "/{id}/stop":        s.authenticated(s.postTakeStop),
		"DELETE " + path + "/{id}":           s.authenticated(s.deleteTake),
		"GET " + path + "/{id}/files/{name}": s.authenticated(s.getTakeFile),
	}
}

func (s *Server) postTake(w http.ResponseWriter, r *http.Request, user state.Token) error {
	var req api.RecordingRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if err := mayRecord(user); err != nil {
		return err
	}
	if err := checkRoom(user, req.RoomName); err != nil {
		return err
	}
	if err := checkTake(&req, user, s.o.StreamTo); err != nil {
		return err
	}
	ctx, done, err := s.alone(r.Context(), "takes of "+user.Owner())
	if err != nil {
		return err
	}
	defer done()
	take, err := s.take(ctx, user, req)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, viewTake(take))
}

// take answers the running recording of an equal request, or starts one.
func (s *Server) take(ctx context.Context, user state.Token, req api.RecordingRequest) (state.Take, error) {
	take := state.Take{ID: state.NewID(), Identity: user.Owner(), Request: redacted(req), Fingerprint: fingerprint(req),
		Created: time.Now().UTC()}
	running, err := s.sameTake(ctx, take)
	if err != nil || running.ID != "" {
		return running, err
	}
	if err := errors.Join(s.checkSpace(), s.checkTakeQuota(ctx, user.Owner())); err != nil {
		return take, err
	}
	folder, err := s.o.TakeFiles.NewRecording(ctx, take.ID)
	if err != nil {
		return take, err
	}
	if err := s.o.State.AddIntent(ctx, take.ID); err != nil {
		return take, errors.Join(err, s.o.TakeFiles.Remove(context.WithoutCancel(ctx), take.ID, ""))
	}
	status, err := s.o.TakeRecorder.Take(ctx, recorder.TakeRequest{RecordingRequest: req, Folder: folder,
		Own: []string{user.AppIdentity()}, Everybody: user.Has(state.Record)})
	if err != nil {
		return take, errors.Join(err, s.notStarted(context.WithoutCancel(ctx), take.ID, err))
	}
	take.EgressID, take.State, take.Error, take.Streams = status.EgressID, status.State, status.Error, status.Streams
	// An egress runs: what follows must be kept even if the caller goes away.
	ctx = context.WithoutCancel(ctx)
	if err := s.o.State.AddTake(ctx, take); err != nil {
		return take, errors.Join(err, s.stopTake(ctx, take), s.o.TakeFiles.Remove(ctx, take.ID, ""))
	}
	s.forgetIntent(ctx, take.ID)
	s.noteTake(ctx, take)
	s.o.Log.InfoContext(ctx, "recording started", "recording", take.ID, "egress", take.EgressID, "type", req.Type,
		"room", req.RoomName, "user", user.Owner())
	return take, nil
}

// sameTake finds a running recording of an equal request; none has no ID. It refuses what runs already in another way:
// the type and the outputs of an egress are fixed at its start.
func (s *Server) sameTake(ctx context.Context, wanted state.Take) (state.Take, error) {
	running, err := s.o.State.RunningTakes(ctx)
	if err != nil {
		return wanted, err
	}
	running = slices.DeleteFunc(running, func(t state.Take) bool {
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
			return t, &failure{http.StatusConflict, api.ProblemConflict, fmt.Sprintf("a running recording cannot change its %s; "+
				"this room's recording %s is of type %s: stop it with POST %s/recordings/%s/stop, then ask again", what, t.ID,
				t.Request.Type, api.Prefix, t.ID)}
		}
	}
	if len(running) >= s.o.MaxTakes {
		return wanted, &failure{http.StatusTooManyRequests, api.ProblemTooMany,
			fmt.Sprintf("%d recordings of yours run already; stop one first", s.o.MaxTakes)}
	}
	return state.Take{}, nil
}

// stopTake does not wait for a LiveKit that hangs.
func (s *Server) stopTake(ctx context.Context, t state.Take) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	return s.o.TakeRecorder.Stop(ctx, t.EgressID)
}

// findTake answers a recording that the user may see.
func (s *Server) findTake(r *http.Request, user state.Token) (state.Take, error) {
	take, err := s.o.State.Take(r.Context(), r.PathValue("id"))
	if errors.Is(err, state.ErrNotFound) || err == nil && !sees(user, take.Identity, take.Request.RoomName) {
		return state.Take{}, notFound("recording")
	}
	return take, err
}

// ownTake answers a recording that the user may stop and delete.
func (s *Server) ownTake(r *http.Request, user state.Token) (state.Take, error) {
	take, err := s.findTake(r, user)
	if err == nil && !ownsTake(user, take.Identity, take.Request.RoomName) {
		err = notTheirs("recording")
	}
	return take, err
}

// viewTake is a recording as the caller sees it.
func viewTake(t state.Take) api.Recording {
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

func (s *Server) getTakes(w http.ResponseWriter, r *http.Request, user state.Token) error {
	var takes []state.Take
	var err error
	switch whose := r.URL.Query().Get("whose"); whose {
	case "", "mine":
		takes, err = s.o.State.TakesOf(r.Context(), user.Owner(), maxListed)
	case "all":
		takes, err = s.listTakes(r.Context(), user)
	default:
		return invalid("whose must be mine or all")
	}
	if err != nil {
		return err
	}
	out := api.RecordingList{Recordings: []api.Recording{}}
	for _, t := range takes {
		if sees(user, t.Identity, t.Request.RoomName) {
			out.Recordings = append(out.Recordings, viewTake(t))
		}
	}
	return writeJSON(w, http.StatusOK, out)
}

func (s *Server) getTake(w http.ResponseWriter, r *http.Request, user state.Token) error {
	take, err := s.findTake(r, user)
	if err != nil {
		return err
	}
	return s.writeTake(w, r, take)
}

// writeTake answers a recording with its files.
func (s *Server) writeTake(w http.ResponseWriter, r *http.Request, take state.Take) error {
	out := viewTake(take)
	files, err := s.o.TakeFiles.Files(r.Context(), take.ID)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !takeFileName.MatchString(f.Name) {
			continue
		}
		out.Bytes += f.Bytes
		if !isSegment(f.Name) {
			out.Files = append(out.Files, api.RecordingFile{Name: f.Name, Bytes: f.Bytes,
				URL: api.Prefix + "/recordings/" + take.ID + "/files/" + f.Name})
		}
	}
	return writeJSON(w, http.StatusOK, out)
}

func (s *Server) postTakeStop(w http.ResponseWriter, r *http.Request, user state.Token) error {
	take, err := s.ownTake(r, user)
	if err != nil {
		return err
	}
	if !take.Over() && take.Stopped.IsZero() {
		take.Stopped = time.Now().UTC()
		if err := s.o.State.StopTake(r.Context(), take.ID, take.Stopped); err != nil {
			return err
		}
	}
	if !take.Over() {
		if err := s.stopTake(r.Context(), take); err != nil { // the keeper tries again
			s.o.Log.WarnContext(r.Context(), "a recording could not be stopped", "recording", take.ID, "err", err)
		}
	}
	return s.writeTake(w, r, take)
}

func (s *Server) deleteTake(w http.ResponseWriter, r *http.Request, user state.Token) error {
	take, err := s.ownTake(r, user)
	if err != nil {
		return err
	}
	if !take.Over() {
		return &failure{http.StatusConflict, api.ProblemConflict, fmt.Sprintf(
			"the recording is not over; stop it with POST %s/recordings/%s/stop and delete it when its state is ended", api.Prefix,
			take.ID)}
	}
	if err := s.dropTake(r.Context(), take.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// listTakes lists all recordings that a user sees.
func (s *Server) listTakes(ctx context.Context, user state.Token) ([]state.Take, error) {
	switch {
	case !user.Has(state.View):
		return s.o.State.TakesOf(ctx, user.Owner(), maxListed)
	case user.Rooms == "*":
		return s.o.State.AllTakes(ctx, maxListed)
	}
	return s.o.State.TakesIn(ctx, user.Allows, user.Owner(), maxListed)
}
