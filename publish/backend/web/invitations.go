package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// postAccept exchanges the code of an invitation, which comes where a token would, for a token. The code is used up.
func (s *Server) postAccept(w http.ResponseWriter, r *http.Request) {
	scheme, code, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if code = strings.TrimSpace(code); !strings.EqualFold(scheme, "Bearer") || code == "" {
		s.fail(w, r, &failure{http.StatusUnauthorized, api.ProblemToken,
			"the code of an invitation is required (Authorization: Bearer)"})
		return
	}
	token, secret, err := s.o.State.Accept(r.Context(), code)
	if errors.Is(err, state.ErrNotFound) {
		err = &failure{http.StatusUnauthorized, api.ProblemToken,
			"the invitation is not known here, was accepted already, or has expired; ask for a new one"}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	trailOf(r.Context()).user = token
	out := api.AcceptedInvitation{Token: secret, TokenID: token.ID, Identity: token.Identity, RoomPattern: token.Rooms}
	for _, scope := range token.Scopes {
		out.Scopes = append(out.Scopes, scope.String())
	}
	_ = writeJSON(w, http.StatusOK, out) // the caller is gone
}
