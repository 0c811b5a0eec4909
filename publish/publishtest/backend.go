package publishtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Values that a Backend knows.
const (
	// UserToken is the one token that it accepts.
	UserToken = "publishtest-user"
	// ForbiddenRoom is a room that it refuses.
	ForbiddenRoom = "forbidden"
)

// Backend serves the HTTP contract for one user: it makes real LiveKit tokens and keeps replays and clips as states in
// memory, following the same rules as the service, but records nothing.
type Backend struct {
	liveKitURL, key, secret string
	server                  *httptest.Server
	once                    sync.Once

	mu      sync.Mutex
	replays map[string]*replay
	clips   map[string]*api.Clip
	starts  []api.StartRequest
	stops   []string
	tokens  int
	refusal string
	serial  int
	pauses  []api.PauseRequest
	deaf    int // how many of them are refused
}

type replay struct {
	api.Replay
	tracks string // of the running recording
	since  time.Time
}

// NewBackend listens on the loopback interface and makes tokens for a LiveKit server.
func NewBackend(liveKitURL, key, secret string) *Backend {
	b := &Backend{liveKitURL: liveKitURL, key: key, secret: secret,
		replays: map[string]*replay{}, clips: map[string]*api.Clip{}}
	mux := http.NewServeMux()
	handle(b, mux, "POST /token", b.token)
	handle(b, mux, "POST /start", b.start)
	handle(b, mux, "POST /stop", b.stop)
	handle(b, mux, "GET /replays/{id}", b.replay)
	handle(b, mux, "POST /replays/{id}/pause", b.pause)
	handle(b, mux, "POST /save", b.save)
	handle(b, mux, "GET /clips/{id}", b.clip)
	handle(b, mux, "POST /clips/{id}/links", b.link)
	b.server = httptest.NewServer(http.StripPrefix(api.Prefix, mux))
	return b
}

// URL is what to configure as the backend's.
func (b *Backend) URL() string { return b.server.URL }

// Close stops listening.
func (b *Backend) Close() error {
	b.once.Do(b.server.Close)
	return nil
}

// refused is an error with its place in RFC 9457.
type refused struct {
	status       int
	kind, detail string
}

func (r refused) Error() string { return r.detail }

// handle serves one call: it checks the user token, decodes the body and encodes the response.
func handle[In, Out any](b *Backend, mux *http.ServeMux, pattern string, f func(*http.Request, In) (int, Out, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(api.TimeHeader, time.Now().Format(time.RFC3339Nano))
		var in In
		var out Out
		var status int
		var err error
		if r.Header.Get("Authorization") != "Bearer "+UserToken {
			err = refused{http.StatusUnauthorized, api.ProblemToken, "the user token is not known"}
		} else if r.Method == http.MethodPost {
			if json.NewDecoder(r.Body).Decode(&in) != nil {
				err = refused{http.StatusBadRequest, api.ProblemInvalid, "the body is not JSON"}
			}
		}
		if err == nil {
			b.mu.Lock()
			status, out, err = f(r, in)
			b.mu.Unlock()
		}
		var no refused
		if errors.As(err, &no) {
			w.Header().Set("Content-Type", api.ProblemMediaType)
			w.WriteHeader(no.status)
			_ = json.NewEncoder(w).Encode(api.Problem{Type: no.kind, Title: http.StatusText(no.status), Status: no.status,
				Detail: no.detail})
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(out)
	})
}

func (b *Backend) pause(r *http.Request, in api.PauseRequest) (int, struct{}, error) {
	known := b.replays[r.PathValue("id")]
	if known == nil {
		return 0, struct{}{}, refused{http.StatusNotFound, api.ProblemNotFound, "there is no such replay"}
	}
	if b.deaf > 0 {
		b.deaf--
		return 0, struct{}{}, refused{http.StatusBadGateway, api.ProblemRecorder, "not now"}
	}
	known.Paused = in.Paused
	b.pauses = append(b.pauses, in)
	return http.StatusOK, struct{}{}, nil
}

// RefusePauses refuses the next requests to pause and to go on.
func (b *Backend) RefusePauses(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deaf = n
}

// Pauses are the requests to pause and to go on, in their order.
func (b *Backend) Pauses() []api.PauseRequest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.pauses)
}

func (b *Backend) token(_ *http.Request, in api.TokenRequest) (int, api.TokenResponse, error) {
	if in.RoomName == ForbiddenRoom {
		return 0, api.TokenResponse{}, refused{http.StatusForbidden, api.ProblemRoom, "you may not share in the room " +
			in.RoomName}
	}
	b.tokens++
	grant := &auth.VideoGrant{RoomJoin: true, Room: in.RoomName}
	grant.SetCanPublishSources([]livekit.TrackSource{livekit.TrackSource_SCREEN_SHARE,
		livekit.TrackSource_SCREEN_SHARE_AUDIO})
	grant.SetCanSubscribe(false)
	grant.SetCanPublishData(true)
	grant.SetCanUpdateOwnMetadata(true)
	const identity = "tester-hindsight"
	jwt, err := auth.NewAccessToken(b.key, b.secret).SetIdentity(identity).SetVideoGrant(grant).SetValidFor(
		10 * time.Minute).ToJWT()
	if err != nil {
		return 0, api.TokenResponse{}, refused{http.StatusInternalServerError, api.ProblemInternal, err.Error()}
	}
	return http.StatusOK, api.TokenResponse{ServerURL: b.liveKitURL, Token: jwt, Identity: identity,
		ExpiresAt: time.Now().Add(10 * time.Minute)}, nil
}

func (b *Backend) start(_ *http.Request, in api.StartRequest) (int, api.StartResponse, error) {
	b.starts = append(b.starts, in)
	if b.refusal != "" {
		return 0, api.StartResponse{}, refused{http.StatusBadGateway, api.ProblemRecorder, b.refusal}
	}
	r := b.replays[in.ReplayID]
	switch {
	case in.ReplayID == "":
		r = &replay{Replay: api.Replay{ReplayID: b.newID("replay"), RoomName: in.RoomName}}
		b.replays[r.ReplayID] = r
	case r == nil:
		return 0, api.StartResponse{}, refused{http.StatusNotFound, api.ProblemNotFound, "there is no such replay"}
	}
	if tracks := in.VideoTrackID + " " + in.AudioTrackID; r.tracks != tracks || r.State != api.StateActive {
		r.EgressID, r.State, r.LastError = b.newID("egress"), api.StateActive, ""
		r.tracks, r.since = tracks, time.Now()
	}
	return http.StatusCreated, api.StartResponse{ReplayID: r.ReplayID, EgressID: r.EgressID, State: r.State}, nil
}

func (b *Backend) stop(_ *http.Request, in api.StopRequest) (int, api.Replay, error) {
	r, err := b.known(in.ReplayID)
	if err != nil {
		return 0, api.Replay{}, err
	}
	b.stops = append(b.stops, in.ReplayID)
	r.State = api.StateEnded
	return http.StatusOK, r.Replay, nil
}

func (b *Backend) known(id string) (*replay, error) {
	r := b.replays[id]
	if r == nil {
		return nil, refused{http.StatusNotFound, api.ProblemNotFound, "there is no such replay"}
	}
	if r.State == api.StateActive {
		r.BufferedSeconds = time.Since(r.since).Seconds()
	}
	return r, nil
}

func (b *Backend) replay(r *http.Request, _ struct{}) (int, api.Replay, error) {
	known, err := b.known(r.PathValue("id"))
	if err != nil {
		return 0, api.Replay{}, err
	}
	return http.StatusOK, known.Replay, nil
}

// save makes a clip that is waiting until it has been asked for twice.
func (b *Backend) save(_ *http.Request, in api.SaveRequest) (int, api.SaveResponse, error) {
	r, err := b.known(in.ReplayID)
	if err != nil {
		return 0, api.SaveResponse{}, err
	}
	to := time.Now()
	if in.PressedAt != nil {
		to = *in.PressedAt
	}
	from := to.Add(-time.Duration(in.Seconds * float64(time.Second)))
	c := &api.Clip{ClipID: b.newID("clip"), ReplayID: r.ReplayID, RoomName: r.RoomName, State: api.ClipWaiting,
		Title: in.Title, RequestedBy: in.RequestedBy, From: &from, To: &to, Seconds: in.Seconds, CreatedAt: time.Now()}
	b.clips[c.ClipID] = c
	return http.StatusAccepted, api.SaveResponse{ClipID: c.ClipID}, nil
}

func (b *Backend) clip(r *http.Request, _ struct{}) (int, api.Clip, error) {
	c := b.clips[r.PathValue("id")]
	if c == nil {
		return 0, api.Clip{}, refused{http.StatusNotFound, api.ProblemNotFound, "there is no such clip"}
	}
	answer := *c
	if c.State = api.ClipReady; b.refusal != "" {
		c.State, c.Reason = api.ClipFailed, b.refusal
	}
	return http.StatusOK, answer, nil
}

func (b *Backend) link(r *http.Request, in api.LinkRequest) (int, api.Link, error) {
	if b.clips[r.PathValue("id")] == nil {
		return 0, api.Link{}, refused{http.StatusNotFound, api.ProblemNotFound, "there is no such clip"}
	}
	id, now := b.newID("link"), time.Now().UTC()
	life := time.Duration(in.ExpiresIn) * time.Second
	if life == 0 {
		life = 7 * 24 * time.Hour
	}
	return http.StatusCreated, api.Link{LinkID: id, URL: b.URL() + api.Prefix + "/watch/" + id, CreatedAt: now,
		ExpiresAt: now.Add(life)}, nil
}

// Clip is a clip, zero where there is none of this id.
func (b *Backend) Clip(id string) api.Clip {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.clips[id]; c != nil {
		return *c
	}
	return api.Clip{}
}

func (b *Backend) newID(kind string) string {
	b.serial++
	return fmt.Sprintf("%s-%d", kind, b.serial)
}

// Refuse makes /start and new clips fail with a reason; an empty reason ends that.
func (b *Backend) Refuse(reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refusal = reason
}

// EndRecordings ends what is being recorded, as a recorder that dies does.
func (b *Backend) EndRecordings(reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.replays {
		r.State, r.LastError = api.StateFailed, reason
	}
}

// Forget loses all replays, as a backend whose state was deleted does.
func (b *Backend) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.replays)
}

// Starts lists the bodies of all calls of /start.
func (b *Backend) Starts() []api.StartRequest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.starts)
}

// Stops lists the replays that were stopped.
func (b *Backend) Stops() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.stops)
}

// Tokens is the number of tokens made.
func (b *Backend) Tokens() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tokens
}
