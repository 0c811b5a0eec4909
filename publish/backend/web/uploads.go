package web

import (
	"net/http"

	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// serveUpload is the tus protocol. An upload belongs to its user alone: no scope reaches another's.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request, user state.Token) error {
	if err := mayShare(user); err != nil {
		return err
	}
	return s.o.Uploads.Serve(w, r, user, r.PathValue("id"))
}

// uploadOptions says what is understood of the protocol.
func (s *Server) uploadOptions(w http.ResponseWriter, r *http.Request) {
	if err := s.o.Uploads.Serve(w, r, state.Token{}, ""); err != nil {
		s.fail(w, r, err)
	}
}

func (s *Server) getUpload(w http.ResponseWriter, r *http.Request, user state.Token) error {
	if err := mayShare(user); err != nil {
		return err
	}
	out, err := s.o.Uploads.Status(r.Context(), user, r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, out)
}
