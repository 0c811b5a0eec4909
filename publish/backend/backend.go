// Package backend is the service that keeps a rolling replay of what users share in LiveKit rooms. It puts the parts
// together: package web has the calls, keeper does what is to be done between them, buffers knows what is stored,
// uploads takes what users send, leases share the work among several backends, and archive deletes files with their
// rows.
//
// New starts the keeper and package uploads, whose goroutines are all there are. Handlers work on the database and wake
// both. Close ends them and waits, for cuts and checks as well. The http.Server that uses Handler is to be shut down
// first.
package backend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/hindsight-app/hindsight/publish/backend/archive"
	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/keeper"
	"github.com/hindsight-app/hindsight/publish/backend/leases"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/uploads"
	"github.com/hindsight-app/hindsight/publish/backend/web"
)

// Recorder records two tracks of a room as segments in a folder.
type Recorder interface {
	web.Recorder
	keeper.Recorder
}

// JobRecorder records what users ask for beside their replays.
type JobRecorder interface {
	web.JobRecorder
	keeper.JobRecorder
}

// Storage holds the segments of recordings.
type Storage interface {
	web.Storage
	buffers.Storage
	archive.Folders
}

// ClipFiles holds the clips, and what is sent to become some.
type ClipFiles interface {
	web.ClipFiles
	archive.Clips
	uploads.Files
}

// JobFiles holds the files of recordings beside the replays.
type JobFiles interface {
	web.JobFiles
	archive.Folders
}

// Options are the parts and limits of a Server. The parts must be set, except where they say what nil is.
type Options struct {
	State       *state.Store
	Tokens      web.Tokens
	Recorder    Recorder
	JobRecorder JobRecorder
	Storage     Storage
	Clips       ClipFiles
	JobFiles    JobFiles
	Cutter      keeper.Cutter
	// Evictor removes from rooms whose token was revoked; nil leaves them there.
	Evictor keeper.Evictor
	// JWT accepts the tokens of somebody else beside our own; nil accepts only our own.
	JWT web.Verifier
	// Ready is asked by /readyz: does LiveKit answer? nil is taken for a LiveKit that does.
	Ready func(ctx context.Context) error
	// Log is slog's default where it is nil.
	Log *slog.Logger
	// Audit gets a record of who did what; nil is Log.
	Audit *slog.Logger

	// Replay is how much is kept while recording: 20 min. TokenTTL is how long a token to join a room is good for: 10
	// min. New sets both for the owners below.
	Replay, TokenTTL time.Duration
	Buffers          Buffers
	Web              web.Options
	Keeper           keeper.Options
	// Uploads has the quotas of Web.
	Uploads uploads.Options
}

// Buffers are the options of what is stored.
type Buffers struct {
	// UnknownDelay is how much later than the video the program time of a segment is, where LiveKit does not say when
	// the recording began: buffers.DefaultDelay.
	UnknownDelay time.Duration
	// Reserve is how many bytes of a folder's file system stay free, as in buffers.Space.
	Reserve int64
}

func (o *Options) setDefaults() error {
	if o.State == nil || o.Tokens == nil || o.Recorder == nil || o.Storage == nil || o.Clips == nil || o.Cutter == nil ||
		o.JobRecorder == nil || o.JobFiles == nil {
		return errors.New("a part of the backend is missing")
	}
	o.Replay = cmp.Or(o.Replay, 20*time.Minute)
	o.TokenTTL = cmp.Or(o.TokenTTL, 10*time.Minute)
	o.Log = cmp.Or(o.Log, slog.Default())
	o.Audit = cmp.Or(o.Audit, o.Log)
	if o.Replay < 5*time.Second || o.Replay > 24*time.Hour {
		return fmt.Errorf("the replay length %v is not between 5 s and 24 h", o.Replay)
	}
	o.Web.Replay, o.Keeper.Replay = o.Replay, o.Replay
	o.Web.TokenTTL, o.Keeper.TokenTTL = o.TokenTTL, o.TokenTTL
	o.Keeper.MaxCall = web.CallTimeout
	o.Uploads.MaxClips, o.Uploads.MaxClipBytes = o.Web.MaxClips, o.Web.MaxClipBytes
	return nil
}

// Server is the running service.
type Server struct {
	web     *web.Server
	keeper  *keeper.Keeper
	uploads *uploads.Uploads
}

// New starts the service.
func New(o Options) (*Server, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	held := leases.New(o.State, o.Log)
	stored := buffers.New(o.Storage, o.Buffers.UnknownDelay)
	stored.Kept = o.State
	space := buffers.Space{Storage: o.Storage, Reserve: o.Buffers.Reserve}
	files := &archive.Archive{State: o.State, Clips: o.Clips, Replays: o.Storage, Jobs: o.JobFiles, Log: o.Log}
	if err := o.Web.Check(); err != nil {
		return nil, err
	}
	sent, err := uploads.New(o.Uploads, uploads.Parts{State: o.State, Files: o.Clips, Space: space, Leases: held,
		Archive: files, Log: o.Log, Audit: o.Audit, Metrics: metrics})
	if err != nil {
		return nil, err
	}
	k := keeper.New(o.Keeper, keeper.Parts{State: o.State, Recorder: o.Recorder, JobRecorder: o.JobRecorder,
		Storage: o.Storage, Clips: o.Clips, Cutter: o.Cutter, Buffers: stored, Space: space, Leases: held,
		Archive: files, Evictor: o.Evictor, Uploads: sent, Log: o.Log, Audit: o.Audit, Metrics: metrics})
	calls := web.New(o.Web, web.Parts{State: o.State, Tokens: o.Tokens, Recorder: o.Recorder,
		JobRecorder: o.JobRecorder, Storage: o.Storage, Clips: o.Clips, JobFiles: o.JobFiles, Buffers: stored,
		Space: space, Leases: held, Archive: files, Uploads: sent, Keeper: k, JWT: o.JWT, Ready: o.Ready,
		Log: o.Log, Audit: o.Audit, Metrics: metrics})
	return &Server{web: calls, keeper: k, uploads: sent}, nil
}

// Handler serves all calls below api.Prefix, and /healthz at the root as well.
func (s *Server) Handler() http.Handler { return s.web.Handler() }

// OperatorHandler returns the calls for operators: /healthz, /readyz and /metrics. It is not for users: what it says is
// about everybody.
func (s *Server) OperatorHandler() http.Handler { return s.web.OperatorHandler() }

// Drain has /readyz tell that the service is about to stop; everything else goes on.
func (s *Server) Drain() { s.web.Drain() }

// Close ends the keeper and the check of an upload, and waits for them. It may be called twice.
func (s *Server) Close() error {
	s.keeper.Close()
	s.uploads.Close()
	return nil
}
