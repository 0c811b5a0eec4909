package web

import (
	"cmp"
	"context"
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
		return invalid("pressedAt is %v in the future; check the clock of the computer", pressed.Sub(now))
	}
	if now.Sub(pressed) > s.o.Replay {
		return invalid("pressedAt is more than %v ago, the length of the replay", s.o.Replay)
	}
	if len(req.Marks) > api.MaxMarks {
		return invalid("there are %d marks; a clip may have %d", len(req.Marks), api.MaxMarks)
	}
	for i := range req.Marks {
		req.Marks[i].Title = api.FitTitle(req.Marks[i].Title)
	}
	req.Title = api.FitTitle(req.Title)
	replay, err := s.ownReplay(r.Context(), user, req.ReplayID)
	if err != nil {
		return err
	}
	if err := s.checkClip(r.Context(), replay.Identity); err != nil {
		return err
	}
	clip := state.Clip{ID: state.NewID(), ReplayID: replay.ID, Identity: replay.Identity, Room: replay.Room,
		State: api.ClipWaiting, Asked: time.Duration(req.Seconds * float64(time.Second)), Pressed: pressed, Created: now,
		Title: req.Title}
	switch { // nobody but the owner gets what the owner paused
	case user.Owner() != replay.Identity:
		clip.Asker = state.OwnerName(user.Owner())
	case req.RequestedBy != "":
		clip.Asker = cmp.Or(api.FitTitle(req.RequestedBy), "a viewer")
	}
	for _, m := range req.Marks {
		if at := m.At.Sub(clip.Start()); at >= 0 && at <= clip.Asked {
			clip.Chapters = append(clip.Chapters, api.Chapter{Seconds: at.Seconds(), Title: m.Title})
		}
	}
	ok, err := s.o.State.AddClip(r.Context(), clip, s.o.MaxWaiting)
	if err != nil {
		return err
	}
	if !ok {
		return &failure{http.StatusTooManyRequests, api.ProblemTooMany,
			fmt.Sprintf("%d clips are already being made; try again when they are done", s.o.MaxWaiting)}
	}
	about(r.Context(), "replay", replay.ID, "clip", clip.ID)
	s.o.Keeper.Nudge()
	return writeJSON(w, http.StatusAccepted, api.SaveResponse{ClipID: clip.ID})
}

// view is a clip as the caller sees it.
func view(c state.Clip) api.Clip {
	out := api.Clip{ClipID: c.ID, ReplayID: c.ReplayID, RoomName: c.Room, Owner: state.OwnerName(c.Identity),
		State: c.State, Reason: c.Reason,
		Seconds: c.Asked.Seconds(), CreatedAt: c.Created, Origin: cmp.Or(c.Origin, api.OriginReplay), Title: c.Title,
		Width: c.Width, Height: c.Height, Chapters: c.Chapters,
		RequestedBy: c.Asker}
	if c.State == api.ClipReady {
		out.From, out.To = &c.From, &c.To
		out.Seconds, out.Bytes = c.To.Sub(c.From).Seconds(), c.Bytes
		for _, g := range c.Gaps {
			out.Gaps = append(out.Gaps, api.Span(g))
		}
		out.URL = api.Prefix + "/clips/" + c.ID + "/video"
	}
	return out
}

// getClips lists the user's clips, or with whose=all those of everybody that the user may see.
func (s *Server) getClips(w http.ResponseWriter, r *http.Request, user state.Token) error {
	q := r.URL.Query()
	before, whose := time.Now().Add(time.Hour), q.Get("whose")
	if text := q.Get("before"); text != "" {
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || t.Year() < 1970 || t.Year() > 2200 {
			return invalid("before must be a moment like 2026-01-31T12:00:00Z")
		}
		before = t
	}
	if whose != "" && whose != "mine" && whose != "all" {
		return invalid("whose must be mine or all")
	}
	clips, err := s.listClips(r.Context(), user, whose == "all", before)
	if err != nil {
		return err
	}
	out := api.ClipList{Clips: []api.Clip{}}
	for _, c := range clips {
		out.Clips = append(out.Clips, view(c))
	}
	return writeJSON(w, http.StatusOK, out)
}

func (s *Server) listClips(ctx context.Context, user state.Token, everybodys bool, before time.Time) (out []state.Clip,
	err error) {
	if !everybodys {
		return s.o.State.ClipsOf(ctx, user.Owner(), before, maxListed)
	}
	switch {
	case !user.Has(state.View):
		return s.o.State.ClipsOf(ctx, user.Owner(), before, maxListed)
	case user.Rooms == "*":
		return s.o.State.AllClips(ctx, before, maxListed)
	}
	return s.o.State.ClipsIn(ctx, user.Allows, user.Owner(), before, maxListed)
}

func (s *Server) getClip(w http.ResponseWriter, r *http.Request, user state.Token) error {
	clip, err := s.findClip(r, user)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, view(clip))
}

// patchClip changes what a clip is called.
func (s *Server) patchClip(w http.ResponseWriter, r *http.Request, user state.Token) error {
	var req api.ClipChange
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if req.Title == nil {
		return invalid("title is missing; an empty one takes the title away")
	}
	clip, err := s.rename(r, user, *req.Title)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, view(clip))
}

// rename gives a clip that the user owns another title, as much as fits; an empty one takes it away.
func (s *Server) rename(r *http.Request, user state.Token, title string) (state.Clip, error) {
	clip, err := s.ownClip(r, user)
	if err != nil {
		return clip, err
	}
	if clip.State != api.ClipReady {
		return clip, &failure{http.StatusConflict, api.ProblemConflict, "the clip is " + clip.State.String() +
			"; only finished clips can be renamed"}
	}
	clip.Title = api.FitTitle(title)
	err = s.o.State.SetTitle(r.Context(), clip.ID, clip.Title)
	if errors.Is(err, state.ErrNotFound) {
		err = notFound("clip")
	}
	if err == nil {
		s.o.Archive.NoteClip(r.Context(), clip)
	}
	return clip, err
}

func (s *Server) deleteClip(w http.ResponseWriter, r *http.Request, user state.Token) error {
	clip, err := s.ownClip(r, user)
	if err != nil {
		return err
	}
	if err := s.o.Archive.DropClip(r.Context(), clip); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// getVideo sends the file, whole or a range of it (RFC 9110, 14).
func (s *Server) getVideo(w http.ResponseWriter, r *http.Request, user state.Token) error {
	clip, err := s.findClip(r, user)
	if err != nil {
		return err
	}
	return s.sendVideo(w, r, clip, "attachment")
}

// sendVideo serves a clip's file; disposition is inline or attachment (RFC 6266).
func (s *Server) sendVideo(w http.ResponseWriter, r *http.Request, clip state.Clip, disposition string) error {
	if clip.State != api.ClipReady {
		return &failure{http.StatusConflict, api.ProblemConflict, "the clip is " + clip.State.String() +
			", so there is no video"}
	}
	f, err := s.o.Clips.OpenClip(r.Context(), clip.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return notFound("clip file")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	w.Header().Set("Content-Type", "video/mp4")
	w.Header().Set("Content-Disposition",
		disposition+`; filename="hindsight-`+clip.To.Format("20060102-150405")+`.mp4"`)
	w.Header().Set("ETag", `"`+clip.ID+`"`)
	return s.serveContent(w, r, clip.Created, f)
}
