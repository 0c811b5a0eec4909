package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/hindsight-app/hindsight/publish/backend/leases"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// maxBody is the longest request body in bytes.
const maxBody = 64 << 10

// failure is an error that the caller may read.
type failure struct {
	status int
	kind   string
	detail string
}

func (f *failure) Error() string { return f.detail }

// problem is an error of another package that the caller may read.
type problem interface {
	error
	Problem() (status int, kind, detail string)
}

func invalid(format string, args ...any) error {
	return &failure{http.StatusBadRequest, api.ProblemInvalid, fmt.Sprintf(format, args...)}
}

func notFound(what string) *failure {
	return &failure{http.StatusNotFound, api.ProblemNotFound, "there is no such " + what + ", or it is not yours"}
}

// asFailure chooses what the caller reads. The text of an unexpected error stays in the log.
func asFailure(err error) *failure {
	var f *failure
	var p problem
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &p):
		status, kind, detail := p.Problem()
		return &failure{status, kind, detail}
	case errors.Is(err, leases.ErrBusy):
		return &failure{http.StatusServiceUnavailable, api.ProblemRecorder, leases.ErrBusy.Error()}
	case errors.Is(err, recorder.ErrForeign):
		return &failure{http.StatusForbidden, api.ProblemRoom, err.Error()}
	case errors.Is(err, recorder.ErrEncrypted):
		return &failure{http.StatusUnprocessableEntity, api.ProblemEncrypted, err.Error()}
	case errors.Is(err, recorder.ErrTrack):
		return &failure{http.StatusUnprocessableEntity, api.ProblemTrack, err.Error()}
	case errors.Is(err, recorder.ErrFile):
		return &failure{http.StatusUnprocessableEntity, api.ProblemInvalid, err.Error()}
	case errors.Is(err, recorder.ErrUnavailable):
		return &failure{http.StatusServiceUnavailable, api.ProblemRecorder, err.Error()}
	case errors.Is(err, state.ErrNotFound):
		return notFound("thing")
	case errors.Is(err, context.Canceled):
		return &failure{499, api.ProblemInternal, "the client disconnected"}
	}
	return &failure{http.StatusInternalServerError, api.ProblemInternal,
		"the backend failed; its log says why"}
}

func writeProblem(w http.ResponseWriter, f *failure) {
	w.Header().Set("Content-Type", api.ProblemMediaType)
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="hindsight"`)
	}
	w.WriteHeader(f.status)
	title := http.StatusText(f.status)
	_ = json.NewEncoder(w).Encode(api.Problem{Type: f.kind, Title: title, Status: f.status, Detail: f.detail})
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(v)
}

// readJSON reads a request body. Fields it does not know are ignored, for other front ends send more than we need.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return &failure{http.StatusUnsupportedMediaType, api.ProblemInvalid, "the body must be of type application/json"}
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	err = d.Decode(v)
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		return &failure{http.StatusRequestEntityTooLarge, api.ProblemInvalid,
			fmt.Sprintf("the body is longer than %d bytes", maxBody)}
	case err != nil:
		return invalid("the body is not the JSON object that is expected here: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return invalid("there is data after the JSON object in the body")
	}
	return nil
}
