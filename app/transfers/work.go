package transfers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/app/token"
	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

var (
	errRemoved = errors.New("it was canceled")
	errAsleep  = errors.New("the computer sleeps")
	errClosing = session.ErrClosed
	errChanged = &lost{errors.New("the file was changed while it was uploaded; try again to upload it as it is now")}
)

// lost is an error that the user has to know of before it can be tried again.
type lost struct{ error }

func (l *lost) Unwrap() error { return l.error }

// ForTheUser marks an error that trying again does not end: only the user can.
func ForTheUser(err error) error { return &lost{err} }

// gone is an error that no other try ends.
type gone struct{ error }

func (g *gone) Unwrap() error { return g.error }

func errGone(path string) error {
	return &gone{fmt.Errorf("%s no longer exists, so it can't be uploaded", filepath.Base(path))}
}

// lasting says whether trying again without the user is no use.
func lasting(err error) bool {
	var l *lost
	var other *token.OtherServerError
	for _, kind := range []error{client.ErrToken, client.ErrRoom, client.ErrInvalid, client.ErrNotFound, client.ErrURL,
		client.ErrQuota, links.ErrDeleted} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return errors.As(err, &l) || errors.As(err, &other) || final(err)
}

// final says whether trying again is no use at all.
func final(err error) bool {
	var g *gone
	return errors.As(err, &g)
}

// work is the goroutine of a kind.
func (q *Queue) work(kind Kind) {
	for q.ctx.Err() == nil {
		j, wait := q.next(kind)
		if j != nil {
			q.run(j)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-q.ctx.Done():
		case <-q.wake[kind]:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// next takes the first that may run now, or says how long there is none.
func (q *Queue) next(kind Kind) (*job, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	wait := time.Hour
	for _, j := range q.jobs {
		if j.Kind != kind || q.asleep || j.State != Waiting && j.State != Retrying {
			continue
		}
		if left := time.Until(j.RetryAt); left > 0 {
			wait = min(wait, left)
			continue
		}
		return j, 0
	}
	return nil, wait
}

// run makes one try.
func (q *Queue) run(j *job) {
	ctx, cancel := context.WithCancelCause(q.ctx)
	defer cancel(nil)
	q.mu.Lock()
	if j.removed || q.asleep {
		q.mu.Unlock()
		return
	}
	j.cancel, j.State, j.Rate, j.began, j.from, j.RetryAt = cancel, Running, 0, time.Now(), -1, time.Time{}
	q.publish()
	q.mu.Unlock()

	var o Outcome
	var err error
	switch j.Kind {
	case Upload:
		o.URL, err = q.upload(ctx, j)
	default:
		err = q.download(ctx, j)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}

	q.mu.Lock()
	j.cancel = nil
	o.Item = j.Item
	told := false
	switch {
	case j.removed:
		q.forget(j)
	case err == nil:
		q.drop(j, o)
		q.outdo(j)
		told = true
	case q.ctx.Err() != nil, errors.Is(err, errAsleep):
		j.State = Waiting
	default:
		told = q.failed(j, err)
		o.Item, o.Err = j.Item, err
	}
	q.changed(j.Kind)
	q.mu.Unlock()
	if told && q.o.Finished != nil {
		q.o.Finished(o)
	}
}

// outdo forgets what stopped with the same clip before, on its way to or from another place. It runs under the lock.
func (q *Queue) outdo(j *job) {
	for _, old := range slices.Clone(q.jobs) {
		same := old.Kind == j.Kind && (j.Kind == Upload && old.Path == j.Path ||
			j.Kind == Download && old.Backend == j.Backend && old.ClipID == j.ClipID)
		if same && old.State == Stopped {
			q.drop(old, Outcome{Item: old.Item, Err: errRemoved})
			q.forget(old)
		}
	}
}

// failed decides what comes after an error, and returns whether that is an outcome. It runs under the lock.
func (q *Queue) failed(j *job, err error) (outcome bool) {
	if errors.Is(err, errChanged) {
		q.abandon(j.Backend, j.Resume)
		j.Resume, j.Sent = "", 0
	}
	j.Error, j.Final = session.Plain(err), final(err)
	if lasting(err) {
		q.o.Log.Warn("a transfer has stopped", "kind", string(j.Kind), "name", j.Name(), "error", err)
		j.State = Stopped
		q.finish(j, Outcome{Item: j.Item, Err: err})
		return true
	}
	pause := q.o.LongPause
	if j.tries < 20 {
		pause = min(pause, q.o.FirstPause<<j.tries)
	}
	j.tries++
	j.State, j.RetryAt = Retrying, time.Now().Add(pause)
	q.o.Log.Info("a transfer is tried again", "kind", string(j.Kind), "name", j.Name(), "pause", pause, "error", err)
	return false
}

// showEvery bounds how often progress is published, and how often a file is looked at.
const showEvery = 200 * time.Millisecond

// progress notes what is transferred, and publishes it now and then. It returns whether it did.
func (q *Queue) progress(j *job, sent, size int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j.from < 0 || sent < j.from {
		j.from, j.began = sent, time.Now()
	}
	if sent > j.Sent {
		j.tries = 0 // it works, so that the next failure is a first one
	}
	j.Sent, j.Bytes = sent, size
	if time.Since(q.shown) < showEvery && sent < size {
		return false
	}
	if passed := time.Since(j.began).Seconds(); passed > 0.5 {
		j.Rate = float64(sent-j.from) / passed
	}
	q.publish()
	return true
}

// waiting shows that the server is not reached for now, or is again.
func (q *Queue) waiting(j *job, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.State, j.Error = Running, ""
	if err != nil {
		j.State, j.Error = Retrying, session.Plain(err)
	}
	j.from = -1
	q.publish()
}

// resume keeps how an upload continues.
func (q *Queue) resume(j *job, resume string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j.Resume != resume {
		j.Resume = resume
		q.write()
	}
}

// upload brings a file to the server and makes its link.
func (q *Queue) upload(ctx context.Context, j *job) (url string, err error) {
	c, err := q.o.Dial(j.Backend)
	if err != nil {
		return "", err
	}
	q.mu.Lock()
	path, done, wanted := j.Path, j.ClipID, j.Link
	q.mu.Unlock()
	at := links.Copy{Backend: j.Backend, ClipID: done}
	if done == "" {
		if at.ClipID, err = q.send(ctx, j, c); err != nil {
			return "", err
		}
		q.mu.Lock()
		j.ClipID, path, wanted = at.ClipID, j.Path, j.Link
		q.write()
		q.mu.Unlock()
		if err := q.o.Book.Add(path, at); err != nil {
			q.o.Log.Warn("where the copy of a clip is cannot be kept", "path", path, "error", err)
		}
	}
	if !wanted {
		return "", nil
	}
	url, err = q.o.Link(ctx, at, path)
	if errors.Is(err, links.ErrDeleted) { // in the meantime
		q.mu.Lock()
		j.ClipID, j.Resume, j.Sent = "", "", 0
		q.mu.Unlock()
		return "", fmt.Errorf("%w: it is uploaded again", client.ErrUnreachable)
	}
	return url, err
}

// send uploads the file from where the last try ended.
func (q *Queue) send(ctx context.Context, j *job, c *client.Client) (clipID string, err error) {
	f, err := q.open(j)
	if err != nil {
		return "", err
	}
	defer f.Close()
	q.mu.Lock()
	size, made, resume, file := j.Bytes, j.Modified, j.Resume, j.Name()
	q.mu.Unlock()
	title := strings.TrimSuffix(file, filepath.Ext(file))
	if i, err := mp4.Inspect(f.Name()); err == nil && i.Hindsight {
		title = cmp.Or(api.FitTitle(i.Title), title)
		if !i.Created.IsZero() {
			made = i.Created
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done, err := c.Upload(ctx, f, size, api.UploadRequest{Title: title, RecordedAt: &made}, resume, client.UploadOptions{
		Begun: func(id string) { q.resume(j, id) },
		Progress: func(sent, size int64) {
			if q.progress(j, sent, size) {
				if err := q.same(j); err != nil {
					cancel(err)
				}
			}
		},
		Waiting: func(err error) { q.waiting(j, err) },
		Limiter: &pacer{q},
	})
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return "", cause
	}
	var refused *client.RefusedError
	if errors.As(err, &refused) {
		err = fmt.Errorf("%s can't be shared: %w", file, err)
	}
	if err != nil {
		return "", err
	}
	return done.ClipID, nil
}

// open opens the file of an upload where it is the one that was begun with, or nothing of it was sent yet.
func (q *Queue) open(j *job) (*os.File, error) {
	q.mu.Lock()
	path, begun := j.Path, j.Resume != ""
	q.mu.Unlock()
	f, err := os.Open(path)
	if err != nil {
		if err := q.same(j); err != nil {
			return nil, err
		}
		q.mu.Lock()
		path = j.Path
		q.mu.Unlock()
		if f, err = os.Open(path); err != nil {
			return nil, fmt.Errorf("%s can't be read: %w", filepath.Base(path), err)
		}
	}
	if begun {
		if err := q.same(j); err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}
	q.adopt(j)
	return f, nil
}

// adopt takes the file as it is now for what is uploaded.
func (q *Queue) adopt(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if info, err := os.Stat(j.Path); err == nil {
		j.Bytes, j.Modified = info.Size(), info.ModTime()
	}
}

// same says what is wrong with the file of an upload: it was changed, deleted, or its drive is away. One that was only
// renamed in its folder is found.
func (q *Queue) same(j *job) error {
	q.mu.Lock()
	path, size, modified := j.Path, j.Bytes, j.Modified
	q.mu.Unlock()
	is := func(path string) (there, same bool) {
		info, err := os.Stat(path)
		return err == nil, err == nil && info.Size() == size && info.ModTime().Equal(modified)
	}
	switch there, same := is(path); {
	case same:
		return nil
	case there:
		return errChanged
	}
	folder := filepath.Dir(path)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("the folder %s can't be read; if it is on a drive, connect it", folder)
	}
	found := slices.IndexFunc(entries, func(e os.DirEntry) bool {
		if !strings.EqualFold(filepath.Ext(e.Name()), filepath.Ext(path)) {
			return false
		}
		_, same := is(filepath.Join(folder, e.Name()))
		return same
	})
	if found < 0 {
		return errGone(path)
	}
	q.mu.Lock()
	j.Path = filepath.Join(folder, entries[found].Name())
	q.mu.Unlock()
	return nil
}

// pacer slows uploads down to the limit, which may change at any moment.
type pacer struct{ q *Queue }

// WaitN implements client.Limiter.
func (p *pacer) WaitN(ctx context.Context, n int) error {
	limit := rate.Inf
	if kbps := p.q.o.Limit(); kbps > 0 {
		limit = rate.Limit(kbps * 1000 / 8)
	}
	if p.q.limiter.Limit() != limit {
		p.q.limiter.SetLimit(limit)
	}
	return p.q.limiter.WaitN(ctx, n)
}

// forget removes what there is of a transfer that was canceled. It runs under the lock.
func (q *Queue) forget(j *job) {
	if j.Kind == Download {
		_ = os.Remove(part(j.Item))
		return
	}
	if j.ClipID == "" {
		q.abandon(j.Backend, j.Resume)
	}
}

// abandon has a server delete what it has of an upload, which it would otherwise do itself after a while. It does not
// wait, and runs under the lock.
func (q *Queue) abandon(backend, resume string) {
	if resume == "" || q.ending {
		return
	}
	q.wg.Go(func() {
		ctx, cancel := context.WithTimeout(q.ctx, forgetWait)
		defer cancel()
		c, err := q.o.Dial(backend)
		if err == nil {
			err = c.CancelUpload(ctx, resume)
		}
		if err != nil {
			q.o.Log.Debug("the server keeps what it has of a canceled upload for a while", "error", err)
		}
	})
}

// forgetWait bounds how long the server is asked to forget an upload.
const forgetWait = 15 * time.Second

// part is where a download grows: hidden beside where it is to be, so that it continues whenever it is tried again.
func part(i Item) string {
	return filepath.Join(i.Folder, ".hindsight-"+url.PathEscape(i.ClipID)+".part") // the name comes from a server
}
