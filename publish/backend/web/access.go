package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Who may do what is the table in the OpenAPI document, which TestAccessTable holds against every call. What belongs to
// others is reached only in the rooms that the token is for.

// mayShare refuses tokens that only look.
func mayShare(user state.Token) error {
	if !user.Has(state.Publish) {
		return &failure{http.StatusForbidden, api.ProblemScope,
			"this user token can only view; ask for one with the scope publish"}
	}
	return nil
}

// mayRecord refuses tokens that can record nothing at all, not even their own tracks.
func mayRecord(user state.Token) error {
	if !user.Has(state.Publish) && !user.Has(state.Record) {
		return &failure{http.StatusForbidden, api.ProblemScope,
			"this user token can only view; ask for one with the scope publish, or record for what others publish"}
	}
	return nil
}

// mayRecordOthers refuses tokens that record nothing but their own tracks.
func mayRecordOthers(user state.Token, what string) error {
	if !user.Has(state.Record) {
		return &failure{http.StatusForbidden, api.ProblemScope,
			"recording " + what + " needs a user token with the scope record; ask the server's operator for one"}
	}
	return nil
}

// sees reports whether the user may see what belongs to owner in room.
func sees(user state.Token, owner, room string) bool {
	return user.Owner() == owner || user.Has(state.View) && user.Allows(room)
}

// owns reports whether the user may change what belongs to owner in room.
func owns(user state.Token, owner, room string) bool {
	return user.Owner() == owner && user.Has(state.Publish) || user.Has(state.Manage) && user.Allows(room)
}

// ownsJob is owns for recordings, which Record makes as well.
func ownsJob(user state.Token, owner, room string) bool {
	return owns(user, owner, room) || user.Owner() == owner && user.Has(state.Record)
}

// notTheirs is the answer to a change of what the user may only see.
func notTheirs(what string) error {
	return &failure{http.StatusForbidden, api.ProblemScope, "this " + what + " is not yours; ask its owner, " +
		"or someone with the scope manage"}
}

// findReplay returns a replay that the user may see.
func (s *Server) findReplay(ctx context.Context, user state.Token, id string) (state.Replay, error) {
	if id == "" {
		return state.Replay{}, invalid("replayId is missing")
	}
	replay, err := s.o.State.Replay(ctx, id)
	if errors.Is(err, state.ErrNotFound) || err == nil && !sees(user, replay.Identity, replay.Room) {
		return state.Replay{}, notFound("replay")
	}
	return replay, err
}

// ownReplay returns a replay that the user may save from and stop.
func (s *Server) ownReplay(ctx context.Context, user state.Token, id string) (state.Replay, error) {
	replay, err := s.findReplay(ctx, user, id)
	if err == nil && !owns(user, replay.Identity, replay.Room) {
		err = notTheirs("replay")
	}
	return replay, err
}

// findClip returns a clip that the user may see.
func (s *Server) findClip(r *http.Request, user state.Token) (state.Clip, error) {
	clip, err := s.o.State.Clip(r.Context(), r.PathValue("id"))
	if errors.Is(err, state.ErrNotFound) || err == nil && !sees(user, clip.Identity, clip.Room) {
		return state.Clip{}, notFound("clip")
	}
	return clip, err
}

// ownClip returns a clip that the user may delete and hand out.
func (s *Server) ownClip(r *http.Request, user state.Token) (state.Clip, error) {
	clip, err := s.findClip(r, user)
	if err == nil && !owns(user, clip.Identity, clip.Room) {
		err = notTheirs("clip")
	}
	return clip, err
}
