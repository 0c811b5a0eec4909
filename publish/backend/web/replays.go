package web

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hindsight-app/hindsight/publish/backend/leases"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// stopTimeout bounds what a call waits for LiveKit to stop one recording; it is less than what the client waits for the
// call.
const stopTimeout = 10 * time.Second

// trackID is the form of LiveKit's track SIDs.
var trackID = regexp.MustCompile(`^TR_[A-Za-z0-9_-]{1,64}$`)

// checkRoom refuses names that are no room names and rooms that the token is not for.
func checkRoom(user state.Token, room string) error {
	switch {
	case room == "" || len(room) > 128 || !utf8.ValidString(room) || strings.ContainsFunc(room, unicode.IsControl):
		return invalid("roomName must have 1 to 128 bytes of printable text")
	case !user.Allows(room):
		return &failure{http.StatusForbidden, api.ProblemRoom, "this user token is not for room " + room}
	}
	return nil
}

// readFor reads the body of a call about a room, and refuses it where the user may not make it or not in that room.
func readFor[T any](w http.ResponseWriter, r *http.Request, user state.Token, may func(state.Token) error,
	room func(T) string) (req T, err error) {
	if err = readJSON(w, r, &req); err == nil {
		err = may(user)
	}
	if err == nil {
		err = checkRoom(user, room(req))
	}
	return req, err
}

func (s *Server) postToken(w http.ResponseWriter, r *http.Request, user state.Token) error {
	req, err := readFor(w, r, user, mayShare, func(q api.TokenRequest) string { return q.RoomName })
	if err != nil {
		return err
	}
	about(r.Context(), "room", req.RoomName)
	expires := time.Now().Add(s.o.TokenTTL)
	token, err := s.o.Tokens.Join(req.RoomName, user.AppIdentity(), user.Identity, s.o.TokenTTL)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, api.TokenResponse{ServerURL: s.o.LiveKitURL, Token: token,
		Identity: user.AppIdentity(), ExpiresAt: expires.UTC().Truncate(time.Second)})
}

func (s *Server) postStart(w http.ResponseWriter, r *http.Request, user state.Token) error {
	req, err := readFor(w, r, user, mayShare, func(q api.StartRequest) string { return q.RoomName })
	if err != nil {
		return err
	}
	if !trackID.MatchString(req.VideoTrackID) {
		return invalid("videoTrackId must be the id of a published track, TR_…")
	}
	if req.AudioTrackID != "" && !trackID.MatchString(req.AudioTrackID) || req.AudioTrackID == req.VideoTrackID {
		return invalid("audioTrackId must be empty or the id of another published track, TR_…")
	}
	ctx, done, err := s.o.Leases.Alone(r.Context(), leases.StartKey(user.Owner(), req.RoomName))
	if err != nil {
		return err
	}
	defer done()
	rec, err := s.start(ctx, user, req)
	if err != nil {
		return err
	}
	about(r.Context(), "room", req.RoomName, "replay", rec.ReplayID, "egress", rec.EgressID)
	return writeJSON(w, http.StatusCreated, api.StartResponse{ReplayID: rec.ReplayID, EgressID: rec.EgressID,
		State: rec.State})
}

// start returns the recording of these tracks, a running one where there is one.
func (s *Server) start(ctx context.Context, user state.Token, req api.StartRequest) (state.Recording, error) {
	running, err := s.o.State.RecordingWith(ctx, user.Owner(), req.RoomName, req.VideoTrackID, req.AudioTrackID)
	if err == nil && (req.ReplayID == "" || req.ReplayID == running.ReplayID) {
		return running, nil
	}
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return running, err
	}
	replay := state.Replay{ID: state.NewID(), Identity: user.Owner(), Room: req.RoomName, Created: time.Now().UTC()}
	known := req.ReplayID != ""
	if known {
		replay, err = s.findReplay(ctx, user, req.ReplayID)
		if err != nil {
			return running, err
		}
		if replay.Identity != user.Owner() {
			return running, notTheirs("replay")
		}
		if replay.Room != req.RoomName {
			return running, &failure{http.StatusConflict, api.ProblemConflict, "this replay is of another room"}
		}
	}
	if !known {
		if err := s.checkReplays(ctx, user.Owner()); err != nil {
			return running, err
		}
	}
	if err := s.checkSpace(noRecording); err != nil {
		return running, err
	}
	rec := state.Recording{ID: state.NewID(), ReplayID: replay.ID, VideoTrack: req.VideoTrackID,
		AudioTrack: req.AudioTrackID, Created: time.Now().UTC()}
	if err := s.record(ctx, user, replay.Room, &rec); err != nil {
		return rec, err
	}
	// From here on an egress runs: what follows must be kept even if the caller goes away.
	ctx = context.WithoutCancel(ctx)
	if known {
		err = s.o.State.SetStopped(ctx, replay.ID, time.Time{})
	} else {
		err = s.o.State.AddReplay(ctx, replay)
	}
	if err = errors.Join(err, s.o.State.AddRecording(ctx, rec)); err != nil {
		return rec, errors.Join(err, s.stopEgress(ctx, rec), s.o.Storage.Remove(ctx, rec.ID, ""))
	}
	s.forgetIntent(ctx, rec.ID)
	s.o.Archive.NoteRecording(ctx, rec)
	if known {
		s.stopRecordings(ctx, replay.ID, rec.ID)
	}
	s.o.Log.InfoContext(ctx, "recording started", "replay", replay.ID, "egress", rec.EgressID, "room", replay.Room,
		"user", user.Owner(), "continued", known)
	return rec, nil
}

// record makes the folder and has LiveKit start; on failure nothing stays.
func (s *Server) record(ctx context.Context, user state.Token, room string, rec *state.Recording) error {
	folder, err := s.o.Storage.NewRecording(ctx, rec.ID)
	if err != nil {
		return err
	}
	if err := s.o.State.AddIntent(ctx, rec.ID); err != nil {
		return errors.Join(err, s.o.Storage.Remove(context.WithoutCancel(ctx), rec.ID, ""))
	}
	status, err := s.o.Recorder.Start(ctx, recorder.Request{ID: rec.ID, Room: room, VideoTrack: rec.VideoTrack,
		AudioTrack: rec.AudioTrack, Folder: folder, Identities: ownIdentities(user)})
	if err != nil {
		return errors.Join(err, s.notStarted(context.WithoutCancel(ctx), rec.ID, err))
	}
	rec.EgressID, rec.State, rec.Error, rec.Began = status.EgressID, status.State, status.Error, status.Began
	return nil
}

// notStarted cleans up after a start that failed. Where LiveKit may have begun all the same, for its answer was lost,
// the intent stays, and the keeper looks for what runs.
func (s *Server) notStarted(ctx context.Context, id string, why error) error {
	if err := s.o.Storage.Remove(ctx, id, ""); err != nil {
		return err // the intent stays, so that the keeper tries again
	}
	if errors.Is(why, recorder.ErrTrack) || errors.Is(why, recorder.ErrEncrypted) ||
		errors.Is(why, recorder.ErrForeign) || errors.Is(why, recorder.ErrFile) {
		s.forgetIntent(ctx, id)
	}
	return nil
}

// forgetIntent is for a start that is over. Where it fails, the keeper forgets it later.
func (s *Server) forgetIntent(ctx context.Context, id string) {
	if err := s.o.State.DeleteIntent(ctx, id); err != nil {
		s.o.Log.WarnContext(ctx, "the start of a recording cannot be forgotten", "recording", id, "err", err)
	}
}

// ownIdentities are the participants whose tracks a replay may take: the one that joined with the token from POST
// /token. With the scope record that is also the user in person, who joined by other means: there a name proves
// nothing.
func ownIdentities(user state.Token) []string {
	if user.Has(state.Record) {
		return []string{user.AppIdentity(), user.Identity}
	}
	return []string{user.AppIdentity()}
}

// stopRecordings ends the recordings of a replay but one; most have ended by themselves. The keeper sees the end,
// and stops those that LiveKit does not stop now.
func (s *Server) stopRecordings(ctx context.Context, replayID, except string) {
	recordings, err := s.o.State.Recordings(ctx, replayID)
	for _, r := range recordings {
		if !r.Over() && r.ID != except {
			err = errors.Join(err, s.stopEgress(ctx, r))
		}
	}
	if err != nil {
		s.o.Log.WarnContext(ctx, "a recording could not be stopped", "replay", replayID, "err", err)
	}
}

// stopEgress does not wait for a LiveKit that hangs.
func (s *Server) stopEgress(ctx context.Context, r state.Recording) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	return s.o.Recorder.Stop(ctx, r.EgressID)
}

func (s *Server) postStop(w http.ResponseWriter, r *http.Request, user state.Token) error {
	var req api.StopRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	replay, err := s.ownReplay(r.Context(), user, req.ReplayID)
	if err != nil {
		return err
	}
	ctx, done, err := s.o.Leases.Alone(r.Context(), leases.StartKey(replay.Identity, replay.Room))
	if err != nil {
		return err
	}
	defer done()
	about(r.Context(), "room", replay.Room, "replay", replay.ID)
	if replay.Stopped.IsZero() {
		replay.Stopped = time.Now().UTC()
		if err := s.o.State.SetStopped(ctx, replay.ID, replay.Stopped); err != nil {
			return err
		}
	}
	s.stopRecordings(ctx, replay.ID, "") // where LiveKit does not answer, the keeper tries again
	return s.writeReplay(w, r, replay, user)
}

func (s *Server) getReplay(w http.ResponseWriter, r *http.Request, user state.Token) error {
	replay, err := s.findReplay(r.Context(), user, r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.writeReplay(w, r, replay, user)
}

// writeReplay returns what is stored of a replay now.
func (s *Server) writeReplay(w http.ResponseWriter, r *http.Request, replay state.Replay, user state.Token) error {
	recordings, err := s.o.State.Recordings(r.Context(), replay.ID)
	if err != nil {
		return err
	}
	out := api.Replay{ReplayID: replay.ID, RoomName: replay.Room, State: api.StateEnded}
	for _, rec := range recordings {
		out.EgressID, out.State = rec.EgressID, rec.State
		if rec.Error != "" {
			out.LastError = rec.Error
		}
		segments, _, err := s.o.Buffers.Segments(r.Context(), rec)
		if err != nil {
			return err
		}
		for _, seg := range segments {
			if from := seg.From.UTC(); out.From == nil {
				out.From = &from
			}
			to := seg.To.UTC()
			out.To = &to
			out.BufferedSeconds += seg.To.Sub(seg.From).Seconds()
		}
	}
	if !replay.Stopped.IsZero() {
		out.State = api.StateEnded
	}
	if out.Paused, err = s.paused(r.Context(), replay.ID); err != nil {
		return err
	}
	if owns(user, replay.Identity, replay.Room) {
		if out.Asked, err = s.askedClips(r.Context(), replay.ID); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, out)
}
