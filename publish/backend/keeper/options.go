package keeper

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Recorder records replays.
type Recorder interface {
	Stop(ctx context.Context, egressID string) error
	Status(ctx context.Context, egressID string) (recorder.Status, error)
}

// JobRecorder records what users ask for beside their replays.
type JobRecorder interface {
	Stop(ctx context.Context, egressID string) error
	JobStatus(ctx context.Context, egressID string) (recorder.JobStatus, error)
}

// Storage holds the segments of recordings.
type Storage interface {
	Remove(ctx context.Context, id, segment string) error
}

// ClipFiles holds the clips.
type ClipFiles interface {
	RemoveClip(ctx context.Context, id string) error
}

// Cutter makes a file of a stretch of a replay.
type Cutter interface {
	// Cut writes the clip's file and returns what it holds.
	Cut(ctx context.Context, c state.Clip, segments []buffers.Segment) (buffers.Cut, error)
}

// Buffers knows what is stored of each recording.
type Buffers interface {
	Segments(ctx context.Context, r state.Recording) (out []buffers.Segment, ended bool, err error)
	Had(ctx context.Context, r state.Recording, pauses []state.Span) (state.Shown, error)
	Liveness(ctx context.Context, r state.Recording) (news time.Time, skew time.Duration, closed bool, err error)
	Prune(ctx context.Context, r state.Recording, t time.Time,
		keep func(ctx context.Context, id string, pruned int) error) (left int, err error)
	Forget(id string)
	KeepOnly(ids []string)
}

// Space tells how much of the storage is missing to what is to stay free.
type Space interface {
	Lacking() (missing, reserve int64, err error)
}

// Leases has only one backend, and one goroutine of it, do a piece of work.
type Leases interface {
	Hold(ctx context.Context, name string, term time.Duration) (held context.Context, done func())
	AloneNow(ctx context.Context, key string) (held context.Context, done func(), ok bool, err error)
	Release(ctx context.Context, name string)
}

// Archive keeps files in step with the database.
type Archive interface {
	DropClip(ctx context.Context, c state.Clip) error
	DropJob(ctx context.Context, id string) error
	EraseClip(ctx context.Context, id string) error
	EraseJob(ctx context.Context, id string) error
	NoteClip(ctx context.Context, c state.Clip)
	NoteRecording(ctx context.Context, r state.Recording)
	NoteJob(ctx context.Context, t state.Job)
}

// Uploads are clips on their way from users.
type Uploads interface {
	// Tidy ends what nobody adds to anymore, and deletes what is left of uploads.
	Tidy(ctx context.Context) error
}

// Options are how long the keeper waits and keeps; zero ones get the defaults.
type Options struct {
	// Replay is how much is kept while recording: 20 min.
	Replay time.Duration
	// Expire is how long the buffer stays after a recording has ended: 10 min.
	Expire time.Duration
	// Stall is how long a running recorder may store nothing before it is given up: 45 s.
	Stall time.Duration
	// Landing is how long a clip waits for its last segment: 40 s.
	Landing time.Duration
	// TokenTTL is how long a token to join a room is good for: 10 min.
	TokenTTL time.Duration
	// MaxCall is how long a call may take: 60 s.
	MaxCall time.Duration
	// MaxRecording is how long a recording beside the replays may get; it is stopped then: 12 h.
	MaxRecording time.Duration
	// KeepClips is how long clips are kept; 0 is for ever.
	KeepClips time.Duration
	// KeepRecordings is how long recordings are kept after their ends; 0 is for ever.
	KeepRecordings time.Duration
}

func (o *Options) setDefaults() {
	o.Replay = cmp.Or(o.Replay, 20*time.Minute)
	o.Expire = cmp.Or(o.Expire, 10*time.Minute)
	o.Stall = cmp.Or(o.Stall, 45*time.Second)
	o.Landing = cmp.Or(o.Landing, 40*time.Second)
	o.TokenTTL = cmp.Or(o.TokenTTL, 10*time.Minute)
	o.MaxCall = cmp.Or(o.MaxCall, time.Minute)
	o.MaxRecording = cmp.Or(o.MaxRecording, 12*time.Hour)
}

// Parts are what the keeper works with; all but Evictor and Uploads must be set.
type Parts struct {
	State       State
	Recorder    Recorder
	JobRecorder JobRecorder
	Storage     Storage
	Clips       ClipFiles
	Cutter      Cutter
	Buffers     Buffers
	Space       Space
	Leases      Leases
	Archive     Archive
	// Evictor removes from rooms whose token was revoked; nil leaves them there.
	Evictor Evictor
	// Uploads are tidied up; nil has none.
	Uploads Uploads
	Log     *slog.Logger
	// Audit gets a record of what is deleted and who is removed.
	Audit   *slog.Logger
	Metrics prometheus.Registerer
}

// settings are all that New was given.
type settings struct {
	Options
	Parts
}

// metrics are what operators see of the keeper.
type metrics struct {
	recordings prometheus.Gauge
	buffered   prometheus.Gauge
	lag        prometheus.Gauge
	waiting    prometheus.Gauge
	failures   prometheus.Counter
	clips      *prometheus.CounterVec
	saved      prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		recordings: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hindsight_recordings",
			Help: "Recordings that are starting or active."}),
		buffered: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hindsight_buffer_seconds",
			Help: "Seconds stored of all recordings that are starting or active."}),
		lag: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hindsight_segment_lag_seconds",
			Help: "How far the newest stored segment is behind now, of the active recording where that is the most."}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hindsight_clips_waiting",
			Help: "Clips whose last segment has not landed."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "hindsight_recording_failures_total",
			Help: "Recordings that LiveKit gave up."}),
		clips: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hindsight_clips_total",
			Help: "Clips by how they ended."}, []string{"state"}),
		saved: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hindsight_clip_seconds",
			Help:    "Time from the request to the finished clip, in seconds.",
			Buckets: []float64{0.5, 1, 2, 4, 6, 8, 12, 20, 40, 60}}),
	}
	r.MustRegister(m.recordings, m.buffered, m.lag, m.waiting, m.failures, m.clips, m.saved)
	return m
}
