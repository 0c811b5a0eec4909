// Package backend is the service that keeps a rolling replay of what users share in LiveKit rooms. It owns the
// contract of package api: tokens to join a room, start and stop of the recorder, the buffer on disk, server clips.
//
// New starts two goroutines. One removes from rooms whose token was revoked. The other is the keeper: it asks LiveKit
// how the recordings fare, deletes what is too old and cuts the clips whose last segment has landed, each in a
// goroutine of its own and never more than two at once. Handlers work on the database and wake the keeper. Close ends
// the keeper and waits for it and for the cuts; a clip that is not cut by then is still waiting in the database and
// is cut after the next start. The http.Server that uses Handler is to be shut down first.
package backend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Tokens lets users join rooms.
type Tokens interface {
	// Join signs a token with which identity can publish screen and sound, and nothing else, in a room.
	Join(room, identity, name string, ttl time.Duration) (string, error)
}

// Recorder records two tracks of a room as segments in a folder.
type Recorder interface {
	Start(ctx context.Context, r recorder.Request) (recorder.Status, error)
	Stop(ctx context.Context, egressID string) error
	Status(ctx context.Context, egressID string) (recorder.Status, error)
	// Webhook verifies and reads a notification; ok is false if it is not about a recording.
	Webhook(r *http.Request) (s recorder.Status, ok bool, err error)
}

// Storage holds the segments of recordings.
type Storage interface {
	NewRecording(ctx context.Context, id string) (folder string, err error)
	ReadPlaylist(ctx context.Context, id string, offset int64) ([]byte, error)
	ReadLive(ctx context.Context, id string) ([]byte, error)
	OpenSegment(ctx context.Context, id, segment string) (io.ReadCloser, error)
	Remove(ctx context.Context, id, segment string) error
	NoteRecording(ctx context.Context, id string, note []byte) error
}

// ClipFiles holds the clips.
type ClipFiles interface {
	WriteClip(ctx context.Context, id string, m mp4.Movie) (int64, error)
	OpenClip(ctx context.Context, id string) (io.ReadSeekCloser, error)
	RemoveClip(ctx context.Context, id string) error
	NoteClip(ctx context.Context, id string, note []byte) error
	NotePoster(ctx context.Context, id string, jpeg []byte) error
}

// ClipCutter makes a file of a stretch of a replay.
type ClipCutter interface {
	// Cut writes the clip's file and returns what it holds.
	Cut(ctx context.Context, c state.Clip, segments []Segment) (CutResult, error)
}

// CutResult is what a clip's file holds.
type CutResult struct {
	From, To time.Time
	Bytes    int64
	// Lost are the segments that are missing or damaged; the clip has gaps for them.
	Lost []Segment
}

// Verifier reads tokens that somebody else has signed.
type Verifier interface {
	// Verify returns whose token it is. An error says what is wrong with it, for the caller to read.
	Verify(ctx context.Context, token string) (state.Token, error)
}

// Options are the parts and limits of a Server. The parts must be set; zero limits get the defaults.
type Options struct {
	State    *state.Store
	Tokens   Tokens
	Recorder Recorder
	Storage  Storage
	Clips    ClipFiles
	Cutter   ClipCutter
	// JobRecorder and JobFiles are for recordings beside the replays.
	JobRecorder JobRecorder
	JobFiles    JobFiles
	// Evictor removes from rooms whose token was revoked; nil leaves them there.
	Evictor Evictor
	// Ready is asked by /readyz: does LiveKit answer? nil is taken for a LiveKit that does.
	Ready func(ctx context.Context) error
	// LiveKitURL is the address that users join, ws:// or wss://.
	LiveKitURL string

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
	// UnknownDelay is how much later than the video the program time of a segment is, where LiveKit does not say
	// when the recording began: 700 ms, as measured with LiveKit Egress 1.8.
	UnknownDelay time.Duration
	// JWT accepts the tokens of somebody else beside our own; nil accepts only our own.
	JWT Verifier
	// Audit gets a record of who did what; nil is Log.
	Audit *slog.Logger
	// Rate is how many calls a second are taken from one user, and from one address without a user, in the long run;
	// ten times as many at once. 0 bounds nothing.
	Rate float64
	// TrustedProxies may say whom they call for, by X-Forwarded-For, -Proto and -Host.
	TrustedProxies []netip.Prefix
	// CORSOrigins are the web pages that may call from a browser, like https://app.example.com; none by default.
	CORSOrigins []string
	// KeepClips is how long clips are kept; 0 is for ever.
	KeepClips time.Duration
	// MaxClips and MaxClipBytes are how much one user may have; 0 is without bound.
	MaxClips     int
	MaxClipBytes int64
	// BaseURL is where users reach this service, http(s)://host without a slash at the end; empty takes it from the
	// request for whoever makes a link, and keeps it off the pages behind links.
	BaseURL string
	// MaxLink is how long a share link may work at most: 90 days.
	MaxLink time.Duration
	// MaxWaiting is how many clips of one user may wait at once: 20.
	MaxWaiting int
	// MaxRunning is how many recordings of one user may run at once beside the replays: 8.
	MaxRunning int
	// MaxReplays is how many replays one user may have at once, ended ones until they expire: 32.
	MaxReplays int
	// MaxRecording is how long a recording beside the replays may get; it is stopped then: 12 h.
	MaxRecording time.Duration
	// KeepRecordings is how long recordings are kept after their ends; 0 is for ever.
	KeepRecordings time.Duration
	// MaxRecordings and MaxRecordingBytes are how many recordings one user may have, and how large together, when
	// another begins; 0 is without bound.
	MaxRecordings     int
	MaxRecordingBytes int64
	// Reserve is how many bytes of a folder's file system stay free: below it the oldest segments of replays go, and
	// nothing new is recorded. 0 is 1 GiB or a twentieth of the file system, whichever is less; a negative one turns
	// it off.
	Reserve int64
	// StreamTo are prefixes of the RTMP servers that recordings may be sent to; without any, no streams are sent.
	StreamTo []string
	Log      *slog.Logger
}

func (o *Options) setDefaults() error {
	if o.State == nil || o.Tokens == nil || o.Recorder == nil || o.Storage == nil || o.Clips == nil || o.Cutter == nil ||
		o.JobRecorder == nil || o.JobFiles == nil {
		return errors.New("a part of the backend is missing")
	}
	o.Replay = cmp.Or(o.Replay, 20*time.Minute)
	o.Expire = cmp.Or(o.Expire, 10*time.Minute)
	o.Stall = cmp.Or(o.Stall, 45*time.Second)
	o.Landing = cmp.Or(o.Landing, 40*time.Second)
	o.TokenTTL = cmp.Or(o.TokenTTL, 10*time.Minute)
	o.UnknownDelay = cmp.Or(o.UnknownDelay, 700*time.Millisecond)
	o.MaxLink = cmp.Or(o.MaxLink, 90*24*time.Hour)
	o.MaxWaiting = cmp.Or(o.MaxWaiting, 20)
	o.MaxRunning = cmp.Or(o.MaxRunning, 8)
	o.MaxReplays = cmp.Or(o.MaxReplays, 32)
	o.MaxRecording = cmp.Or(o.MaxRecording, 12*time.Hour)
	o.Log = cmp.Or(o.Log, slog.Default())
	o.Audit = cmp.Or(o.Audit, o.Log)
	o.BaseURL = strings.TrimSuffix(o.BaseURL, "/")
	if o.Replay < 5*time.Second || o.Replay > 24*time.Hour {
		return fmt.Errorf("the replay length %v is not between 5 s and 24 h", o.Replay)
	}
	return checkStreamPrefixes(o.StreamTo)
}

// Server is the running service.
type Server struct {
	o       Options
	buffers *buffers
	metrics *metrics
	limiter *limiter
	starts  keyedMutex // one start at a time for each user and room
	// draining has /readyz say so, for a load balancer to look elsewhere.
	draining atomic.Bool
	ready    cached[readiness]
	// downloads are the files that are being sent; patience is how long a reader may take for a piece of one.
	downloads downloads
	patience  time.Duration

	wake   chan struct{}
	jobs   chan struct{} // LiveKit has news of a take
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// New starts the service.
func New(o Options) (*Server, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{o: o, buffers: newBuffers(o.Storage, o.UnknownDelay), metrics: newMetrics(),
		limiter: newLimiter(o.Rate), patience: sendPatience,
		wake: make(chan struct{}, 1), jobs: make(chan struct{}, 1), cancel: cancel}
	s.tasks.Add(1)
	go func() {
		defer s.tasks.Done()
		s.keep(ctx)
	}()
	if o.Evictor != nil {
		s.tasks.Go(func() { s.watchRevoked(ctx) })
	}
	return s, nil
}

// Drain has /readyz tell that the service is about to stop; everything else goes on.
func (s *Server) Drain() { s.draining.Store(true) }

// Close ends the keeper and waits for it. It may be called twice.
func (s *Server) Close() error {
	s.cancel()
	s.tasks.Wait()
	return nil
}

// nudge has the keeper look at once.
func (s *Server) nudge() { media.Poke(s.wake) }

// askJobs has the keeper ask LiveKit about the takes.
func (s *Server) askJobs() { media.Poke(s.jobs) }

// keyedMutex is one lock for each key in use.
type keyedMutex struct {
	mu    sync.Mutex
	locks map[string]*countedMutex
}

type countedMutex struct {
	sync.Mutex
	users int
}

// lock waits for the key's lock; the answer gives it back.
func (k *keyedMutex) lock(key string) (unlock func()) {
	k.mu.Lock()
	m := k.join(key)
	k.mu.Unlock()
	m.Lock()
	return k.unlock(key, m)
}

// tryLock is lock where nobody has it.
func (k *keyedMutex) tryLock(key string) (unlock func(), ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.locks[key] != nil {
		return nil, false
	}
	m := k.join(key)
	m.Lock()
	return k.unlock(key, m), true
}

// join counts a user of the key's lock; k.mu is held.
func (k *keyedMutex) join(key string) *countedMutex {
	if k.locks == nil {
		k.locks = map[string]*countedMutex{}
	}
	m := k.locks[key]
	if m == nil {
		m = &countedMutex{}
		k.locks[key] = m
	}
	m.users++
	return m
}

func (k *keyedMutex) unlock(key string, m *countedMutex) func() {
	return func() {
		m.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if m.users--; m.users == 0 {
			delete(k.locks, key)
		}
	}
}
