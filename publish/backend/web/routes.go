package web

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/rs/cors"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Time limits of calls. Videos, recordings and uploads may take long on slow lines.
const (
	// CallTimeout is for all other calls.
	CallTimeout  = 60 * time.Second
	videoTimeout = 2 * time.Hour
)

// userCall is a call that needs a user token.
type userCall func(w http.ResponseWriter, r *http.Request, user state.Token) error

// routes are the calls as patterns of http.ServeMux, for the check against the OpenAPI document.
func (s *Server) routes() map[string]http.Handler {
	user := func(f userCall) http.Handler { return s.authenticated(f) }
	all := map[string]http.Handler{
		"POST " + api.Prefix + "/token":                                   user(s.postToken),
		"POST " + api.Prefix + "/start":                                   user(s.postStart),
		"POST " + api.Prefix + "/stop":                                    user(s.postStop),
		"GET " + api.Prefix + "/replays/{id}":                             user(s.getReplay),
		"POST " + api.Prefix + "/replays/{id}/links":                      user(s.postWatchLink),
		"GET " + api.Prefix + "/replays/{id}/links":                       user(s.getWatchLinks),
		"DELETE " + api.Prefix + "/replays/{id}/links/{link}":             user(s.deleteWatchLink),
		"POST " + api.Prefix + "/replays/{id}/pause":                      user(s.postPause),
		"GET " + api.Prefix + "/replays/{id}/watch":                       http.HandlerFunc(s.getRewind),
		"GET " + api.Prefix + "/replays/{id}/index.m3u8":                  s.viewing(s.getPlaylist),
		"GET " + api.Prefix + "/replays/{id}/segments/{recording}/{name}": s.viewing(s.getSegment),
		"GET " + api.Prefix + "/replays/{id}/timeline":                    s.viewing(s.getTimeline),
		"POST " + api.Prefix + "/replays/{id}/clips":                      s.viewing(s.postViewerClip),
		"GET " + api.Prefix + "/replays/{id}/clips/{clip}":                s.viewing(s.getViewerClip),
		"POST " + api.Prefix + "/replays/{id}/clips/{clip}/allow":         user(s.allowClip),
		"POST " + api.Prefix + "/replays/{id}/clips/{clip}/deny":          user(s.denyClip),
		"GET " + api.Prefix + "/replays/{id}/asked":                       user(s.getAsked),
		"POST " + api.Prefix + "/save":                                    user(s.postSave),
		"GET " + api.Prefix + "/clips":                                    user(s.getClips),
		"GET " + api.Prefix + "/clips/{id}":                               user(s.getClip),
		"PATCH " + api.Prefix + "/clips/{id}":                             user(s.patchClip),
		"DELETE " + api.Prefix + "/clips/{id}":                            user(s.deleteClip),
		"GET " + api.Prefix + "/clips/{id}/video":                         user(s.getVideo),
		"POST " + api.Prefix + "/clips/{id}/links":                        user(s.postLink),
		"GET " + api.Prefix + "/clips/{id}/links":                         user(s.getLinks),
		"DELETE " + api.Prefix + "/clips/{id}/links/{link}":               user(s.deleteLink),
		"PUT " + api.Prefix + "/clips/{id}/poster":                        user(s.putPoster),
		"GET " + api.Prefix + "/links":                                    user(s.getAllLinks),
		"GET " + api.Prefix + "/watch-links":                              user(s.getAllWatchLinks),
		"POST " + api.Prefix + "/uploads":                                 user(s.serveUpload),
		"OPTIONS " + api.Prefix + "/uploads":                              s.limited(s.uploadOptions),
		"GET " + api.Prefix + "/uploads/{id}":                             user(s.getUpload),
		"HEAD " + api.Prefix + "/uploads/{id}":                            user(s.serveUpload),
		"PATCH " + api.Prefix + "/uploads/{id}":                           user(s.serveUpload),
		"DELETE " + api.Prefix + "/uploads/{id}":                          user(s.serveUpload),
		"GET " + api.Prefix + "/watch/{link}":                             s.limited(s.getWatch),
		"GET " + api.Prefix + "/watch/{link}/embed":                       s.limited(s.getEmbed),
		"GET " + api.Prefix + "/watch/{link}/oembed":                      s.limited(s.getOEmbed),
		"GET " + api.Prefix + "/watch/{link}/video":                       s.limited(s.getWatchVideo),
		"GET " + api.Prefix + "/watch/{link}/poster.jpg":                  s.limited(s.getWatchPoster),
		"POST " + api.Prefix + "/invitations/accept":                      s.limited(s.postAccept),
		"POST " + api.Prefix + "/webhook":                                 http.HandlerFunc(s.postWebhook),
		"GET " + api.Prefix + "/openapi.json":                             s.limited(getJSON(api.OpenAPI)),
		"GET " + api.Prefix + "/room.json":                                s.limited(getJSON(api.RoomSchemas)),
		"GET " + api.Prefix + "/healthz":                                  http.HandlerFunc(getHealth),
	}
	maps.Copy(all, s.jobRoutes())
	maps.Copy(all, s.teamRoutes())
	all["GET "+api.Prefix+"/assets/{version}/{name}"] = s.limited(s.getAsset)
	return all
}

// Handler serves all calls below api.Prefix, and /healthz at the root as well.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range s.routes() {
		mux.Handle(pattern, h)
	}
	mux.Handle("GET /healthz", http.HandlerFunc(getHealth))
	mux.Handle("GET /{$}", s.limited(s.getTeam)) // the same page as below the prefix, where people look for it
	mux.Handle("/", s.limited(func(w http.ResponseWriter, _ *http.Request) { writeProblem(w, notFound("call")) }))
	if len(s.o.CORSOrigins) == 0 {
		return s.outer(mux)
	}
	return s.outer(cors.New(cors.Options{AllowedOrigins: s.o.CORSOrigins, MaxAge: 600,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
			http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "Range", "Tus-Resumable", "Upload-Length",
			"Upload-Metadata", "Upload-Offset"},
		ExposedHeaders: []string{api.TimeHeader, "Content-Range", "Retry-After", "Location", "Tus-Resumable",
			"Upload-Expires", "Upload-Length", "Upload-Offset"}}).Handler(mux))
}

// outer sets what every answer has, bounds the time, counts, and writes the audit log.
func (s *Server) outer(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		s.hintProxy(r)
		w.Header().Set(api.TimeHeader, begun.UTC().Format(time.RFC3339Nano))
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		limit := CallTimeout
		if strings.HasSuffix(r.URL.Path, "/video") || strings.Contains(r.URL.Path, "/files/") ||
			r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/uploads/") {
			limit = videoTimeout
		}
		_ = http.NewResponseController(w).SetWriteDeadline(begun.Add(limit))
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		t := &trail{}
		ctx = context.WithValue(ctx, trailKey{}, t)
		rec := &recorded{ResponseWriter: w, status: http.StatusOK}
		r = r.WithContext(ctx)
		broken := s.panics(rec, r, inner)
		s.audit(r, t, rec.status)
		s.requests.WithLabelValues(r.Pattern, strconv.Itoa(rec.status)).Inc()
		level := slog.LevelDebug
		if rec.status >= 500 {
			level = slog.LevelWarn
		}
		s.o.Log.Log(ctx, level, "call", "call", r.Pattern, "status", rec.status, "took", time.Since(begun))
		if broken {
			panic(http.ErrAbortHandler) // for net/http to break the connection: part of an answer may be on its way
		}
	})
}

// panics has a call answered and returns whether that ended in a panic. net/http would log it for debugging only.
func (s *Server) panics(rec *recorded, r *http.Request, inner http.Handler) (broken bool) {
	defer func() {
		v := recover()
		if broken = v != nil; !broken {
			return
		}
		rec.status = http.StatusInternalServerError
		if v != http.ErrAbortHandler {
			s.o.Log.ErrorContext(r.Context(), "a call panicked; its connection is closed", "call", r.Pattern, "panic", v,
				"stack", string(debug.Stack()))
		}
	}()
	inner.ServeHTTP(rec, r)
	return false
}

// recorded remembers the status.
type recorded struct {
	http.ResponseWriter
	status int
}

func (r *recorded) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (r *recorded) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// authenticated finds the user and turns errors into problems.
func (s *Server) authenticated(f userCall) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.limitAddress(w, r); err != nil {
			s.fail(w, r, err)
			return
		}
		user, err := s.user(r)
		key := "user " + user.Owner()
		if err != nil {
			key = "from " + s.caller(r).bucket() // who guesses tokens is slowed down
		}
		if slow := s.limit(w, key); slow != nil {
			err = slow
		}
		if err == nil {
			err = f(w, r, user)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// fail responds with a problem, and logs what is not the caller's fault.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	fail := asFailure(err)
	if fail.status >= 500 {
		s.o.Log.ErrorContext(r.Context(), "call failed", "call", r.Pattern, "user", trailOf(r.Context()).user.Owner(),
			"err", err)
	}
	writeProblem(w, fail)
}

// user finds out whose token comes with a call.
func (s *Server) user(r *http.Request) (state.Token, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if secret = strings.TrimSpace(secret); !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return state.Token{}, &failure{http.StatusUnauthorized, api.ProblemToken,
			"a user token is required (Authorization: Bearer)"}
	}
	user, err := s.authenticate(r.Context(), secret)
	if err != nil {
		return state.Token{}, err
	}
	trailOf(r.Context()).user = user
	return user, nil
}

func (s *Server) authenticate(ctx context.Context, secret string) (state.Token, error) {
	if s.o.JWT != nil && !strings.HasPrefix(secret, state.SecretPrefix) {
		user, err := s.o.JWT.Verify(ctx, secret)
		if err != nil {
			err = &failure{http.StatusUnauthorized, api.ProblemToken, "the token is not accepted: " + err.Error()}
		}
		return user, err
	}
	user, err := s.o.State.Authenticate(ctx, secret)
	if errors.Is(err, state.ErrNotFound) {
		err = &failure{http.StatusUnauthorized, api.ProblemToken,
			"the user token is not known here or was revoked; ask the server's operator for a new one"}
	}
	return user, err
}

// getJSON serves a document.
func getJSON(document []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document)
	}
}

func getHealth(w http.ResponseWriter, _ *http.Request) {
	_ = writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// postWebhook takes LiveKit's notifications; only signed ones.
func (s *Server) postWebhook(w http.ResponseWriter, r *http.Request) {
	if err := s.limitAddress(w, r); err != nil {
		s.fail(w, r, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	status, ok, err := s.o.Recorder.Webhook(r)
	if err != nil {
		err = &failure{http.StatusUnauthorized, api.ProblemToken, "the webhook is not signed by our LiveKit"}
		s.fail(w, r, cmp.Or(s.limit(w, "from "+s.caller(r).bucket()), err))
		return
	}
	if ok {
		s.o.Keeper.Notify(r.Context(), status)
	}
	w.WriteHeader(http.StatusNoContent)
}
