// Package web is the backend's HTTP interface, the contract of package api: who may call, how often, and what a call
// does to the database, the recorder and the files. It owns what it knows of its callers: how many calls and downloads
// each has made.
//
// It has no goroutine of its own and nothing to close: net/http gives each call one. The keeper does what is left to do
// after a call. Calls stand in routes, a function for each part of the contract; a new part adds its own there.
package web

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// Tokens lets users join rooms.
type Tokens interface {
	// Join signs a token with which identity can publish screen and sound, send data messages, and update its own
	// metadata in a room; nothing else.
	Join(room, identity, name string, ttl time.Duration) (string, error)
}

// Recorder records two tracks of a room as segments in a folder.
type Recorder interface {
	Start(ctx context.Context, r recorder.Request) (recorder.Status, error)
	Stop(ctx context.Context, egressID string) error
	// Webhook verifies and reads a notification; ok is false if it is not about a recording.
	Webhook(r *http.Request) (s recorder.Status, ok bool, err error)
}

// JobRecorder records what users ask for beside their replays. In code such a recording is a job, for Recording is what
// a replay consists of.
type JobRecorder interface {
	Job(ctx context.Context, r recorder.JobRequest) (recorder.JobStatus, error)
	Stop(ctx context.Context, egressID string) error
}

// Storage holds the segments of recordings.
type Storage interface {
	NewRecording(ctx context.Context, id string) (folder string, err error)
	Remove(ctx context.Context, id, segment string) error
	OpenFile(ctx context.Context, id, name string) (io.ReadSeekCloser, error)
}

// ClipFiles holds the clips.
type ClipFiles interface {
	OpenClip(ctx context.Context, id string) (io.ReadSeekCloser, error)
}

// JobFiles holds the files of recordings beside the replays.
type JobFiles interface {
	NewRecording(ctx context.Context, id string) (folder string, err error)
	Files(ctx context.Context, id string) ([]storage.Entry, error)
	OpenFile(ctx context.Context, id, name string) (io.ReadSeekCloser, error)
	Remove(ctx context.Context, id, segment string) error
}

// Buffers knows what is stored of each recording.
type Buffers interface {
	Segments(ctx context.Context, r state.Recording) (out []buffers.Segment, ended bool, err error)
	View(ctx context.Context, replay state.Replay, recordings []state.Recording, pauses []state.Span,
		shut func(ctx context.Context, id string, segments int) (int, error)) (buffers.View, error)
}

// Space tells how much of the storage is missing to what is to stay free.
type Space interface {
	Lacking() (missing, reserve int64, err error)
}

// Leases has only one call, of one backend, do a piece of work.
type Leases interface {
	Alone(ctx context.Context, key string) (held context.Context, done func(), err error)
}

// Archive keeps files in step with the database.
type Archive interface {
	DropClip(ctx context.Context, c state.Clip) error
	DropJob(ctx context.Context, id string) error
	NoteRecording(ctx context.Context, r state.Recording)
	NoteJob(ctx context.Context, t state.Job)
	NoteClip(ctx context.Context, c state.Clip)
	NotePoster(ctx context.Context, id string, jpeg []byte)
}

// Uploads takes clips that users send.
type Uploads interface {
	// Serve takes a request of the tus protocol, about the upload with this id unless it is empty. Where it returns an
	// error nothing is sent yet.
	Serve(w http.ResponseWriter, r *http.Request, user state.Token, id string) error
	Status(ctx context.Context, user state.Token, id string) (api.Upload, error)
}

// Keeper does what is left to do after a call.
type Keeper interface {
	// Nudge has it look for clips at once.
	Nudge()
	// Notify takes what LiveKit says by itself about a recording.
	Notify(ctx context.Context, s recorder.Status)
}

// Verifier reads tokens that somebody else has signed.
type Verifier interface {
	// Verify returns whose token it is. An error says what is wrong with it, for the caller to read.
	Verify(ctx context.Context, token string) (state.Token, error)
}

// Options are what callers may do and how much of it; zero limits get the defaults.
type Options struct {
	// LiveKitURL is the address that users join, ws:// or wss://.
	LiveKitURL string
	// BaseURL is where users reach this service, http(s)://host without a slash at the end; empty takes it from the
	// request for whoever makes a link, and keeps it off the pages behind links.
	BaseURL string
	// Replay is how much is kept while recording: 20 min.
	Replay time.Duration
	// TokenTTL is how long a token to join a room is good for: 10 min.
	TokenTTL time.Duration
	// StreamTo are prefixes of the RTMP servers that recordings may be sent to; without any, no streams are sent.
	StreamTo []string
	Callers
	Quotas
}

// Callers say who may call, from where, and how often.
type Callers struct {
	// Rate is how many calls a second are taken from one user, and from one address without a user, in the long run;
	// ten times as many at once. 0 bounds nothing.
	Rate float64
	// TrustedProxies may say whom they call for, by X-Forwarded-For, -Proto and -Host.
	TrustedProxies []netip.Prefix
	// CORSOrigins are the web pages that may call from a browser, like https://app.example.com; none by default.
	CORSOrigins []string
}

// Quotas are how much one user may have.
type Quotas struct {
	// MaxClips and MaxClipBytes are how many clips, and how large together; 0 is without bound.
	MaxClips     int
	MaxClipBytes int64
	// MaxLink is how long a share link may work at most: 90 days.
	MaxLink time.Duration
	// MaxWaiting is how many clips of one user may wait at once: 20.
	MaxWaiting int
	// MaxRunning is how many recordings of one user may run at once beside the replays: 8.
	MaxRunning int
	// MaxReplays is how many replays one user may have at once, ended ones until they expire: 32.
	MaxReplays int
	// MaxRecordings and MaxRecordingBytes are how many recordings one user may have, and how large together, when
	// another begins; 0 is without bound.
	MaxRecordings     int
	MaxRecordingBytes int64
}

// Check says what is wrong with the options.
func (o *Options) Check() error { return checkStreamPrefixes(o.StreamTo) }

func (o *Options) setDefaults() {
	o.Replay = cmp.Or(o.Replay, 20*time.Minute)
	o.TokenTTL = cmp.Or(o.TokenTTL, 10*time.Minute)
	o.MaxLink = cmp.Or(o.MaxLink, 90*24*time.Hour)
	o.MaxWaiting = cmp.Or(o.MaxWaiting, 20)
	o.MaxRunning = cmp.Or(o.MaxRunning, 8)
	o.MaxReplays = cmp.Or(o.MaxReplays, 32)
	o.BaseURL = strings.TrimSuffix(o.BaseURL, "/")
}

// Parts are what the calls work with; all but JWT and Ready must be set.
type Parts struct {
	State       State
	Tokens      Tokens
	Recorder    Recorder
	JobRecorder JobRecorder
	Storage     Storage
	Clips       ClipFiles
	JobFiles    JobFiles
	Buffers     Buffers
	Space       Space
	Leases      Leases
	Archive     Archive
	Uploads     Uploads
	Keeper      Keeper
	// JWT accepts the tokens of somebody else beside our own; nil accepts only our own.
	JWT Verifier
	// Ready is asked by /readyz: does LiveKit answer? nil is taken for a LiveKit that does.
	Ready func(ctx context.Context) error
	Log   *slog.Logger
	// Audit gets a record of who did what.
	Audit   *slog.Logger
	Metrics *prometheus.Registry
}

// settings are all that New was given.
type settings struct {
	Options
	Parts
}

// Server makes the calls' handlers.
type Server struct {
	o       settings
	limiter *limiter
	// guesses are codes that somebody tries; sameOrigin refuses what pages of other servers have a browser do.
	guesses    *limiter
	sameOrigin *http.CrossOriginProtection
	// requests are counted by call and status; metrics shows them with everybody else's.
	requests *prometheus.CounterVec
	metrics  http.Handler
	// draining has /readyz say so, for a load balancer to look elsewhere.
	draining atomic.Bool
	ready    cached[readiness]
	// downloads are the files that are being sent; patience is how long a reader may take for a piece of one.
	downloads downloads
	patience  time.Duration
	proxyHint sync.Once
	// views are what viewers see; clipLimiter bounds how often they clip, and asked tells of new wishes.
	views       views
	clipLimiter *limiter
	asked       bell
}

// New makes a server of calls.
func New(o Options, p Parts) *Server {
	o.setDefaults()
	s := &Server{o: settings{o, p}, limiter: newLimiter(o.Rate), clipLimiter: newClipLimiter(), patience: sendPatience,
		guesses: newLimiter(guessesPerSecond), sameOrigin: sameOrigin(o.BaseURL),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hindsight_requests_total",
			Help: "HTTP requests by call and status."}, []string{"call", "status"}),
		metrics: promhttp.HandlerFor(cachedGatherer(p.Metrics), promhttp.HandlerOpts{})}
	p.Metrics.MustRegister(s.requests)
	return s
}

// Drain has /readyz tell that the service is about to stop; everything else goes on.
func (s *Server) Drain() { s.draining.Store(true) }
