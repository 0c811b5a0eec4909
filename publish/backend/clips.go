package backend

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

const (
	minClip   = time.Second
	clockSlop = 5 * time.Second // how far a caller's clock may be ahead of ours
	maxListed = 1000
)

func (s *Server) postSave(w http.ResponseWriter, r *http.Request, user state.Token) error {
	var req api.SaveRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	now := time.Now().UTC()
	pressed := now
	if req.PressedAt != nil {
		pressed = req.PressedAt.UTC()
	}
	if !(req.Seconds >= minClip.Seconds() && req.Seconds <= s.o.Replay.Seconds()) {
		return invalid("seconds must be between %g and %g", minClip.Seconds(), s.o.Replay.Seconds())
	}
	if pressed.After(now.Add(clockSlop)) {
		return invalid("pressedAt is %v in the future; is the clock of this computer right?", pressed.Sub(now))
	}
	if now.Sub(pressed) > s.o.Replay {
		return invalid("pressedAt is longer ago than the %v that are kept", s.o.Replay)
	}
	replay, err := s.findReplay(r.Context(), user, req.ReplayID)
	if err != nil {
		return err
	}
	clip := state.Clip{ID: state.NewID(), ReplayID: replay.ID, Identity: user.Identity, Room: replay.Room,
		State: api.ClipWaiting, Asked: time.Duration(req.Seconds * float64(time.Second)), Pressed: pressed, Created: now}
	ok, err := s.o.State.AddClip(r.Context(), clip, s.o.MaxWaiting)
	if err != nil {
		return err
	}
	if !ok {
		return &failure{http.StatusTooManyRequests, api.ProblemTooMany,
			fmt.Sprintf("%d clips are waiting already; try again when they are done", s.o.MaxWaiting)}
	}
	s.nudge()
	return writeJSON(w, http.StatusAccepted, api.SaveResponse{ClipID: clip.ID})
}

// view is a clip as the caller sees it.
func view(c state.Clip) api.Clip {
	out := api.Clip{ClipID: c.ID, ReplayID: c.ReplayID, RoomName: c.Room, State: c.State, Reason: c.Reason,
		Seconds: c.Asked.Seconds(), CreatedAt: c.Created}
	if c.State == api.ClipReady {
		out.From, out.To = &c.From, &c.To
		out.Seconds, out.Bytes = c.To.Sub(c.From).Seconds(), c.Bytes
		out.URL = api.Prefix + "/clips/" + c.ID + "/video"
	}
	return out
}

func (s *Server) getClips(w http.ResponseWriter, r *http.Request, user state.Token) error {
	clips, err := s.o.State.Clips(r.Context(), user.Identity, maxListed)
	if err != nil {
		return err
	}
	out := api.ClipList{Clips: []api.Clip{}}
	for _, c := range clips {
		out.Clips = append(out.Clips, view(c))
	}
	return writeJSON(w, http.StatusOK, out)
}

func (s *Server) findClip(r *http.Request, user state.Token) (state.Clip, error) {
	clip, err := s.o.State.Clip(r.Context(), user.Identity, r.PathValue("id"))
	if errors.Is(err, state.ErrNotFound) {
		err = notFound("clip")
	}
	return clip, err
}

func (s *Server) getClip(w http.ResponseWriter, r *http.Request, user state.Token) error {
	clip, err := s.findClip(r, user)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, view(clip))
}

func (s *Server) deleteClip(w http.ResponseWriter, r *http.Request, user state.Token) error {
	clip, err := s.findClip(r, user)
	if err != nil {
		return err
	}
	if err := s.o.State.DeleteClip(r.Context(), user.Identity, clip.ID); err != nil {
		return err
	}
	if err := s.o.Clips.RemoveClip(clip.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// getVideo sends the file, whole or in ranges (RFC 9110, 14).
func (s *Server) getVideo(w http.ResponseWriter, r *http.Request, user state.Token) error {
	clip, err := s.findClip(r, user)
	if err != nil {
		return err
	}
	if clip.State != api.ClipReady {
		return &failure{http.StatusConflict, api.ProblemConflict, "the clip is " + clip.State + ", there is no video to send"}
	}
	f, err := s.o.Clips.OpenClip(clip.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return notFound("clip file")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	w.Header().Set("Content-Type", "video/mp4")
	w.Header().Set("Content-Disposition",
		`attachment; filename="hindsight-`+clip.To.Format("20060102-150405")+`.mp4"`)
	w.Header().Set("ETag", `"`+clip.ID+`"`)
	http.ServeContent(w, r, "", clip.Created, f)
	return nil
}
