// Package transfers owns what goes between this computer and the team's server: uploads of clips that are to have a
// link, and downloads of clips that only the server has. Both queues are kept in one file of the settings' folder, so
// that they continue after a lost network, a restart of the app and a suspend.
//
// A Queue has one goroutine for each kind, which works on one transfer at a time. What fails because of the network or
// the server is tried again, after growing pauses and without end; what only the user can change stops with a message
// and stays in the queue until it is tried again or removed. Close ends the goroutines and waits; what was under way is
// in the file and continues at the next start.
package transfers

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hindsight-app/hindsight/app/atomicfile"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/client"
)

// Kind is the direction.
type Kind string

// The kinds.
const (
	Upload   Kind = "upload"
	Download Kind = "download"
)

var kinds = []Kind{Upload, Download}

// String is the text that JSON holds.
func (k Kind) String() string { return string(k) }

// ParseKind reads what String returns.
func ParseKind(text string) (Kind, error) { return media.ParseName("kind of transfer", text, kinds) }

// State is what a transfer does.
type State string

// The states.
const (
	Waiting  State = "waiting"  // for its turn
	Running  State = "running"  // is being transferred
	Retrying State = "retrying" // failed for now, see Error, and is tried again at RetryAt
	Stopped  State = "stopped"  // needs the user, see Error; kept until it is tried again or removed
)

var states = []State{Waiting, Running, Retrying, Stopped}

// String is the text that JSON holds.
func (s State) String() string { return string(s) }

// ParseState reads what String returns.
func ParseState(text string) (State, error) {
	return media.ParseName("state of a transfer", text, states)
}

// Item is a transfer as others see it.
type Item struct {
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Backend is the URL of the server.
	Backend string `json:"backend"`
	// Path is the file of an upload.
	Path string `json:"path,omitempty"`
	// ClipID is the clip of a download, and that of an upload once the server has all of it.
	ClipID string `json:"clip_id,omitempty"`
	// Title is what the server calls the clip of a download; it may be empty.
	Title string `json:"title,omitempty"`
	// Folder is where a download goes.
	Folder string `json:"folder,omitempty"`
	// Link makes a link at the end, Copy says that it goes to the clipboard.
	Link bool `json:"link,omitempty"`
	Copy bool `json:"copy,omitempty"`
	// Play opens a download when it is complete. It goes to a temporary folder then.
	Play bool `json:"play,omitempty"`
	// Bytes is the whole length, 0 while it is not known, and Sent what is transferred of it.
	Bytes int64 `json:"bytes"`
	Sent  int64 `json:"sent"`
	// Rate is in bytes a second, 0 while it is not known.
	Rate  float64   `json:"rate,omitempty"`
	Added time.Time `json:"added"`

	State State `json:"state"`
	// Error is why it is retried or has stopped.
	Error string `json:"error,omitempty"`
	// Final is that trying it again cannot succeed: what it was to transfer is gone.
	Final   bool      `json:"final,omitempty"`
	RetryAt time.Time `json:"retry_at,omitzero"`
}

// Name is what people call it by: the name of its file, or of the clip on the server.
func (i Item) Name() string {
	if i.Path != "" {
		return filepath.Base(i.Path)
	}
	return cmp.Or(i.Title, i.ClipID)
}

// Left is how long the rest takes at the rate so far; 0 is not known.
func (i Item) Left() time.Duration {
	if i.State != Running || i.Rate <= 0 || i.Bytes <= i.Sent {
		return 0
	}
	return time.Duration(float64(i.Bytes-i.Sent) / i.Rate * float64(time.Second))
}

// Outcome is the end of a transfer.
type Outcome struct {
	Item
	// URL is the link of an upload that was to have one.
	URL string
	// Err is why it has stopped; what is merely tried again has no outcome.
	Err error
}

// Options are what a Queue works with.
type Options struct {
	// File keeps the queue.
	File string
	// Dial returns a client for a server. Its token goes to that server alone.
	Dial func(backend string) (*client.Client, error)
	// Link makes a link to a copy of a clip.
	Link func(ctx context.Context, at links.Copy, path string) (url string, err error)
	// Book knows which clips have a copy on the server.
	Book *links.Book
	// Limit is what uploads may take now, in kb/s; 0 is everything.
	Limit func() int
	// Template is the template of files' names; see clip.CheckName.
	Template func() string
	// Finished is called, by the queue's goroutine, when a transfer is done or has stopped. It may be nil.
	Finished func(Outcome)
	// FirstPause is the pause before the second try; 0 is 2 s. LongPause is the longest; 0 is 2 min.
	FirstPause, LongPause time.Duration
	Log                   *slog.Logger
}

const (
	firstPause = 2 * time.Second
	longPause  = 2 * time.Minute
)

// FileName is the file of a Queue in the settings' folder.
const FileName = "transfers.json"

// job is a transfer with what only the queue needs.
type job struct {
	Item
	// Resume is how the server knows what it has of an upload.
	Resume string `json:"resume,omitempty"`
	// Modified is when the file of an upload was changed last; with Bytes it says whether it is still the same.
	Modified time.Time `json:"modified,omitzero"`
	tries    int
	cancel   context.CancelCauseFunc // while it runs
	removed  bool
	done     chan struct{} // closed at its outcome
	outcome  Outcome
	began    time.Time // of this try
	from     int64     // what was there at its begin
}

// Queue runs transfers. All methods may be called from any goroutine.
type Queue struct {
	o       Options
	limiter *rate.Limiter
	wake    map[Kind]chan struct{}
	ctx     context.Context
	end     context.CancelFunc
	wg      sync.WaitGroup

	mu       sync.Mutex
	jobs     []*job
	asleep   bool
	watchers map[chan []Item]struct{}
	shown    time.Time // when progress was published last
	ending   bool
}

// Open reads the queue; Start continues with what is in it. A file that cannot be read is an empty queue. What was only
// to be played is not waited for anymore.
func Open(o Options) *Queue {
	o.FirstPause, o.LongPause = cmp.Or(o.FirstPause, firstPause), cmp.Or(o.LongPause, longPause)
	q := &Queue{o: o, limiter: rate.NewLimiter(rate.Inf, client.UploadPiece), watchers: map[chan []Item]struct{}{},
		wake: map[Kind]chan struct{}{Upload: make(chan struct{}, 1), Download: make(chan struct{}, 1)}}
	q.ctx, q.end = context.WithCancel(context.Background())
	raw, err := os.ReadFile(o.File)
	if err == nil {
		err = json.Unmarshal(raw, &q.jobs)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		o.Log.Warn("the queue of uploads could not be read", "error", err)
	}
	q.jobs = slices.DeleteFunc(q.jobs, func(j *job) bool {
		return j == nil || j.ID == "" || j.Play || j.Kind != Upload && j.Kind != Download
	})
	for _, j := range q.jobs {
		j.done = make(chan struct{})
		if j.State != Stopped {
			j.State, j.Error = Waiting, ""
		} else {
			close(j.done)
			j.outcome = Outcome{Item: j.Item, Err: errors.New(j.Error)}
		}
	}
	return q
}

// Start begins to work. It is called once.
func (q *Queue) Start() {
	for _, k := range []Kind{Upload, Download} {
		q.wg.Go(func() { q.work(k) })
	}
}

// Close stops everything and waits. It may be called twice.
func (q *Queue) Close() {
	q.mu.Lock()
	q.ending = true
	q.mu.Unlock()
	q.end()
	q.wg.Wait()
	q.mu.Lock()
	defer q.mu.Unlock()
	for c := range q.watchers {
		close(c)
		delete(q.watchers, c)
	}
}

// Upload adds the upload of a file, which is there, and returns its ID. Link makes a link at the end, clipboard one for
// the clipboard. Nothing begins before after has passed. One that is in the queue already is not added twice: it also
// does what this one was to do, and is tried at once.
func (q *Queue) Upload(backend, path string, link, clipboard bool, after time.Duration) (id string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", errGone(path)
	}
	j := &job{Item: Item{Kind: Upload, Backend: backend, Path: path, Link: link || clipboard, Copy: clipboard,
		Bytes: info.Size()}, Modified: info.ModTime()}
	if after > 0 {
		j.RetryAt = time.Now().Add(after)
	}
	return q.add(j), nil
}

// Download adds the download of a clip to a folder. With play it is opened at the end.
func (q *Queue) Download(backend, clipID, folder string, play bool) (id string) {
	return q.add(&job{Item: Item{Kind: Download, Backend: backend, ClipID: clipID, Folder: folder, Play: play}})
}

func (q *Queue) add(j *job) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	same := slices.IndexFunc(q.jobs, func(other *job) bool {
		return other.Kind == j.Kind && other.Backend == j.Backend && other.Path == j.Path && other.Folder == j.Folder &&
			(j.Kind == Upload || other.ClipID == j.ClipID)
	})
	if same >= 0 {
		old := q.jobs[same]
		old.Link, old.Copy, old.Play = old.Link || j.Link, old.Copy || j.Copy, old.Play || j.Play
		q.again(old)
		return old.ID
	}
	j.ID, j.State, j.Added = strings.ToLower(rand.Text()[:12]), Waiting, time.Now().UTC()
	j.done = make(chan struct{})
	q.jobs = append(q.jobs, j)
	q.changed(j.Kind)
	return j.ID
}

// Retry tries one again at once.
func (q *Queue) Retry(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j := q.find(id); j != nil {
		q.again(j)
	}
}

// Wake tries everything again at once that waits or has stopped, unless another try is no use: a setting has changed.
func (q *Queue) Wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range q.jobs {
		if !j.Final {
			q.again(j)
		}
	}
}

// again runs under the lock.
func (q *Queue) again(j *job) {
	if j.State != Retrying && j.State != Stopped {
		return
	}
	if j.State == Stopped {
		j.done = make(chan struct{})
	}
	j.State, j.Error, j.Final, j.tries, j.RetryAt = Waiting, "", false, 0, time.Time{}
	q.changed(j.Kind)
}

// Remove cancels a transfer, or forgets one that has stopped.
func (q *Queue) Remove(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.find(id)
	if j == nil {
		return
	}
	j.removed = true
	q.drop(j, Outcome{Item: j.Item, Err: errRemoved})
	if j.cancel != nil {
		j.cancel(errRemoved) // and what is running forgets it
	} else {
		q.forget(j)
	}
	q.changed(j.Kind)
}

// Sleep says that the machine is about to sleep, or awake again: connections do not survive that.
func (q *Queue) Sleep(asleep bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.asleep == asleep {
		return
	}
	q.asleep = asleep
	for _, j := range q.jobs {
		switch {
		case asleep && j.cancel != nil:
			j.cancel(errAsleep)
		case !asleep && j.State == Retrying:
			q.again(j)
		}
	}
	q.changed(Upload)
	q.changed(Download)
}

// Moved says that a file, or a folder with all below it, has another path now.
func (q *Queue) Moved(from, to string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range q.jobs {
		for _, path := range []*string{&j.Path, &j.Folder} {
			if rest, below := strings.CutPrefix(*path, from+string(filepath.Separator)); below {
				*path = filepath.Join(to, rest)
			} else if *path == from {
				*path = to
			}
		}
	}
	q.changed(Upload)
}

// SetFolder has downloads that are not on their way go to another folder: clips are there now.
func (q *Queue) SetFolder(folder string) {
	var left []string
	q.mu.Lock()
	for _, j := range q.jobs {
		if j.Kind == Download && !j.Play && j.cancel == nil && j.Folder != folder {
			left = append(left, part(j.Item))
			j.Folder = folder
		}
	}
	if len(left) > 0 {
		q.changed(Download)
	}
	q.mu.Unlock()
	go func() { // nobody waits for it: the folder may be on a drive that hangs
		for _, path := range left {
			_ = os.Remove(path) // it is downloaded from its start
		}
	}()
}

// Wait waits for the outcome of a transfer; one that is only tried again has none yet.
func (q *Queue) Wait(ctx context.Context, id string) (Outcome, error) {
	q.mu.Lock()
	j := q.find(id)
	q.mu.Unlock()
	if j == nil {
		return Outcome{}, errRemoved
	}
	q.mu.Lock()
	done := j.done
	q.mu.Unlock()
	select {
	case <-done:
		q.mu.Lock()
		defer q.mu.Unlock()
		return j.outcome, j.outcome.Err
	case <-ctx.Done():
		select {
		case <-done: // an outcome that is there counts
			q.mu.Lock()
			defer q.mu.Unlock()
			return j.outcome, j.outcome.Err
		default:
		}
		return Outcome{}, ctx.Err()
	case <-q.ctx.Done():
		return Outcome{}, errClosing
	}
}

// Items is the queue now.
func (q *Queue) Items() []Item {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.items()
}

func (q *Queue) items() []Item {
	out := make([]Item, len(q.jobs))
	for i, j := range q.jobs {
		out[i] = j.Item
	}
	return out
}

// Watch returns a channel that holds the newest queue whenever it changed; older ones are overwritten. It is closed
// when the queue ends or stop is called.
func (q *Queue) Watch() (items <-chan []Item, stop func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := make(chan []Item, 1)
	if q.ending {
		close(c)
		return c, func() {}
	}
	c <- q.items()
	q.watchers[c] = struct{}{}
	return c, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if _, there := q.watchers[c]; there {
			delete(q.watchers, c)
			close(c)
		}
	}
}

// publish runs under the lock, and only it sends.
func (q *Queue) publish() {
	q.shown = time.Now()
	for c := range q.watchers {
		select {
		case <-c:
		default:
		}
		c <- q.items()
	}
}

// find runs under the lock.
func (q *Queue) find(id string) *job {
	if i := slices.IndexFunc(q.jobs, func(j *job) bool { return j.ID == id }); i >= 0 {
		return q.jobs[i]
	}
	return nil
}

// changed writes the queue down, publishes it and has its worker look at it. It runs under the lock.
func (q *Queue) changed(kind Kind) {
	q.write()
	q.publish()
	select {
	case q.wake[kind] <- struct{}{}:
	default:
	}
}

// write runs under the lock.
func (q *Queue) write() {
	raw, err := json.MarshalIndent(q.jobs, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(q.o.File), 0o700)
	}
	if err == nil {
		err = atomicfile.Write(q.o.File, raw, 0o600)
	}
	if err != nil {
		q.o.Log.Warn("the queue of uploads is not kept, so a restart would forget it", "error", err)
	}
}

// drop takes a job out of the queue with its outcome. It runs under the lock.
func (q *Queue) drop(j *job, o Outcome) {
	q.jobs = slices.DeleteFunc(q.jobs, func(other *job) bool { return other == j })
	q.finish(j, o)
}

// finish gives those who wait the outcome. It runs under the lock.
func (q *Queue) finish(j *job, o Outcome) {
	j.outcome = o
	select {
	case <-j.done:
	default:
		close(j.done)
	}
}
