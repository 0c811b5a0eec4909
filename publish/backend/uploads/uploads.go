// Package uploads takes clips that users send, by the tus protocol (tus.io, 1.0.0), whose handler is tusd's. It owns
// what a sent file must be, and its way from the first byte to a clip.
//
// What arrives is written to the storage in parts, which any backend of the same database can take and read. When all
// has arrived, one of them copies it to its own disk, looks whether it is what was sent and an MP4 file of H.264 and
// AAC, writes it anew, and only then makes it a clip: a link is possible from then on. What is not taken leaves
// nothing but the reason, for a while.
//
// New starts one goroutine, which checks one upload at a time; Close ends it and waits. An upload that is not checked
// by then is checked after the next start. The keeper has Tidy called, which ends what nobody adds to anymore.
package uploads

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// State is the database, as uploads use it. *state.Store describes each method.
type State interface {
	AddUpload(ctx context.Context, u state.Upload, limits state.UploadLimits) (state.Upload, error)
	Upload(ctx context.Context, id string) (state.Upload, error)
	AddPart(ctx context.Context, id string, from, n int64, expires time.Time) error
	CheckingUploads(ctx context.Context) ([]state.Upload, error)
	TryUpload(ctx context.Context, id string, more int) (attempts int, err error)
	FinishUpload(ctx context.Context, c state.Clip, poster []byte, expires time.Time) error
	FailUpload(ctx context.Context, id, reason string, expires time.Time) error
	EndUpload(ctx context.Context, id string) error
	EndExpiredUploads(ctx context.Context) error
	LeftoverUploads(ctx context.Context) ([]state.Leftover, error)
	Clip(ctx context.Context, id string) (state.Clip, error)
	ErasedUpload(ctx context.Context, id string) error
	// Alone reports whether no other backend works on this database.
	Alone() bool
}

// Files holds what has arrived, and the clips.
type Files interface {
	WritePart(ctx context.Context, id string, from int64, r io.Reader) (n int64, err error)
	CopyUpload(ctx context.Context, id string, size int64, w io.Writer) error
	RemoveUpload(ctx context.Context, id string) error
	WriteClip(ctx context.Context, id string, m mp4.Movie) (int64, error)
	RemoveClip(ctx context.Context, id string) error
}

// Space tells how much of the storage is missing to what is to stay free.
type Space interface {
	Lacking() (missing, reserve int64, err error)
}

// Leases has only one backend do a piece of work.
type Leases interface {
	Alone(ctx context.Context, key string) (held context.Context, done func(), err error)
	AloneNow(ctx context.Context, key string) (held context.Context, done func(), ok bool, err error)
}

// Archive keeps files in step with the database.
type Archive interface {
	NoteClip(ctx context.Context, c state.Clip)
	NotePoster(ctx context.Context, id string, jpeg []byte)
}

// Options bound what users may send; zero ones get the defaults.
type Options struct {
	// MaxBytes is the largest file: 2 GB. MaxLength is the longest clip: 1 h.
	MaxBytes  int64
	MaxLength time.Duration
	// MaxOpen is how many uploads of one user may be on their way at once, MaxParallel how many of these may send at the
	// same moment to one backend: 20 and 4.
	MaxOpen, MaxParallel int
	// MaxSending is how many uploads of all users may send at the same moment to one backend: 64.
	MaxSending int
	// Expire is how long an upload stays that nobody adds to or that cannot be stored, and the reason of one that is not
	// taken: 24 h.
	Expire time.Duration
	// MaxClips and MaxClipBytes are the user's quota, of which an upload takes its length when it begins; 0 is without
	// bound.
	MaxClips     int
	MaxClipBytes int64
	// Work is a folder for one file at a time, as large as an upload; empty is the system's for temporary files.
	Work string
}

func (o *Options) setDefaults() {
	o.MaxBytes = cmp.Or(o.MaxBytes, 2e9)
	o.MaxLength = cmp.Or(o.MaxLength, time.Hour)
	o.MaxOpen = cmp.Or(o.MaxOpen, 20)
	o.MaxParallel = cmp.Or(o.MaxParallel, 4)
	o.MaxSending = cmp.Or(o.MaxSending, 64)
	o.Expire = cmp.Or(o.Expire, 24*time.Hour)
	o.Work = cmp.Or(o.Work, os.TempDir())
}

// Parts are what uploads work with; all must be set.
type Parts struct {
	State   State
	Files   Files
	Space   Space
	Leases  Leases
	Archive Archive
	Log     *slog.Logger
	// Audit gets a record of what became of each upload.
	Audit   *slog.Logger
	Metrics prometheus.Registerer
}

// settings are all that New was given.
type settings struct {
	Options
	Parts
}

// Uploads are those on their way.
type Uploads struct {
	o       settings
	tus     http.Handler
	checked *prometheus.CounterVec

	wake   chan struct{}
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	// again is when an upload that could not be checked is tried next, last the user whose was checked last; only the
	// worker touches them.
	again map[string]time.Time
	last  string

	mu      sync.Mutex
	sending map[string]int // by user
	total   int            // of them
}

// New starts to check what has arrived.
func New(o Options, p Parts) (*Uploads, error) {
	o.setDefaults()
	u := &Uploads{o: settings{o, p}, wake: make(chan struct{}, 1), again: map[string]time.Time{},
		sending: map[string]int{}, checked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hindsight_uploads_total", Help: "Uploads that arrived, by what became of them."}, []string{"state"})}
	var err error
	if u.tus, err = u.protocol(); err != nil {
		return nil, err
	}
	p.Metrics.MustRegister(u.checked)
	u.removeOldWork()
	ctx, cancel := context.WithCancel(context.Background())
	u.cancel = cancel
	u.tasks.Go(func() { u.work(ctx) })
	return u, nil
}

// Close ends the check that runs, and waits for it. It may be called twice.
func (u *Uploads) Close() {
	u.cancel()
	u.tasks.Wait()
}

// nudge has what has arrived checked at once.
func (u *Uploads) nudge() { media.Poke(u.wake) }

// Status reports on an upload of the user's.
func (u *Uploads) Status(ctx context.Context, user state.Token, id string) (api.Upload, error) {
	up, err := u.find(ctx, user, id)
	if err != nil {
		return api.Upload{}, err
	}
	return api.Upload{UploadID: up.ID, State: up.State, Offset: up.Received, Bytes: up.Bytes, SHA256: up.SHA256,
		Title: up.Title, RoomName: up.Room, Reason: up.Reason, CreatedAt: up.Created, ExpiresAt: up.Expires}, nil
}

// find returns an upload of the user's: nobody else sees it, whatever their scopes.
func (u *Uploads) find(ctx context.Context, user state.Token, id string) (state.Upload, error) {
	up, err := u.o.State.Upload(ctx, id)
	if errors.Is(err, state.ErrNotFound) || err == nil && up.Identity != user.Owner() {
		return state.Upload{}, missing
	}
	return up, err
}

// Tidy ends the uploads that nobody has added to for long, and deletes what is left of those that have ended.
func (u *Uploads) Tidy(ctx context.Context) error {
	err := u.o.State.EndExpiredUploads(ctx)
	left, err2 := u.o.State.LeftoverUploads(ctx)
	err = errors.Join(err, err2)
	for _, l := range left {
		err = errors.Join(err, u.erase(ctx, l))
	}
	return err
}

// erase deletes the files of an upload that has ended. The clip's is among them where a backend ended while it wrote
// that.
func (u *Uploads) erase(ctx context.Context, l state.Leftover) error {
	if !l.Clip {
		if err := u.removeUnowned(ctx, l.ID); err != nil {
			return err
		}
	}
	if err := u.o.Files.RemoveUpload(ctx, l.ID); err != nil {
		return err
	}
	return u.o.State.ErasedUpload(ctx, l.ID)
}

// removeUnowned deletes the file of a clip, unless there is such a clip: another backend may have made it in the
// meantime.
func (u *Uploads) removeUnowned(ctx context.Context, id string) error {
	_, err := u.o.State.Clip(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		return u.o.Files.RemoveClip(ctx, id)
	}
	return err
}

// workName is what the files in the folder for work are called, with a star.
const (
	workName = "hindsight-upload-*.mp4"
	// oldWork is when a file there was left by a process that was killed; another backend may have a young one.
	oldWork = time.Hour
)

func (u *Uploads) removeOldWork() {
	names, _ := filepath.Glob(filepath.Join(strings.NewReplacer("[", "\\[", "*", "\\*", "?", "\\?").Replace(u.o.Work),
		workName))
	for _, n := range names {
		if st, err := os.Stat(n); err == nil && time.Since(st.ModTime()) > oldWork {
			_ = os.Remove(n)
		}
	}
}

// Problem is an error that the caller may read.
type Problem struct {
	Status       int
	Kind, Detail string
	// Again is when to try again; 0 says nothing of it.
	Again time.Duration
}

func (p *Problem) Error() string { return p.Detail }

// Problem returns what the caller reads.
func (p *Problem) Problem() (status int, kind, detail string) { return p.Status, p.Kind, p.Detail }

var missing = &Problem{Status: http.StatusNotFound, Kind: api.ProblemNotFound,
	Detail: "there is no such upload, or it is not yours; it may have expired"}

func invalid(format string, args ...any) *Problem {
	return &Problem{Status: http.StatusBadRequest, Kind: api.ProblemInvalid, Detail: fmt.Sprintf(format, args...)}
}
