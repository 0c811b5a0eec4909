package uploads

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/leases"
	"github.com/hindsight-app/hindsight/publish/backend/poster"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

const (
	// workPeriod is how often uploads are looked for that another backend has taken and not checked.
	workPeriod = time.Second
	// maxAttempts is how often an upload is checked that kills the process or is not checked in time. What the storage
	// or the database is the reason of is tried again until the upload expires.
	maxAttempts = 3
	// retryAfter is how long after the first failure it is tried again, retryLongest after later ones.
	retryAfter   = 3 * time.Second
	retryLongest = time.Minute
	// checkTimeout bounds one check.
	checkTimeout = 15 * time.Minute
)

// work checks what has arrived, until the context ends.
func (u *Uploads) work(ctx context.Context) {
	tick := time.NewTicker(workPeriod)
	defer tick.Stop()
	for {
		for u.checkNext(ctx) {
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-u.wake:
		}
	}
}

// checkNext checks one upload, and returns whether there was one.
func (u *Uploads) checkNext(ctx context.Context) bool {
	waiting, err := u.o.State.CheckingUploads(ctx)
	if err != nil {
		u.complain(ctx, "cannot list uploads", err)
		return false
	}
	if len(waiting) == 0 {
		clear(u.again)
	}
	for _, up := range u.inTurn(waiting) {
		if ctx.Err() != nil {
			return false
		}
		if time.Now().Before(u.again[up.ID]) {
			continue
		}
		held, done, ok, err := u.o.Leases.AloneNow(ctx, "check "+up.ID)
		if err != nil {
			u.complain(ctx, "cannot get the lease for checking an upload", err)
			return false
		}
		if ok {
			u.last = up.Identity
			u.checkOne(held, up)
			done()
			return true
		}
	}
	return false
}

// inTurn puts the uploads of the user whose was checked last behind those of others.
func (u *Uploads) inTurn(waiting []state.Upload) []state.Upload {
	slices.SortStableFunc(waiting, func(a, b state.Upload) int {
		return turn(a.Identity == u.last) - turn(b.Identity == u.last)
	})
	return waiting
}

func turn(last bool) int {
	if last {
		return 1
	}
	return 0
}

// checkOne makes an upload a clip, or keeps why it is none.
func (u *Uploads) checkOne(ctx context.Context, up state.Upload) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	attempts, err := u.o.State.TryUpload(ctx, up.ID, 1)
	if errors.Is(err, state.ErrNotFound) {
		return // another backend was quicker, or it has ended
	}
	if err != nil {
		u.complain(ctx, "cannot count the attempt to check an upload", err)
		return
	}
	begun := time.Now()
	var clip state.Clip
	if attempts > maxAttempts {
		err = Invalid("the server stopped each time it checked the file; ask the server's operator")
	} else {
		clip, err = u.take(ctx, up)
	}
	patient := ctx.Err() == nil && time.Now().Before(up.Expires)
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), leases.ReleaseLimit)
	defer cancel()
	var wrong Invalid
	switch {
	case errors.Is(err, state.ErrNotFound): // it has ended in the meantime
		err = u.removeUnowned(ctx, up.ID)
	case errors.Is(err, context.Canceled) || errors.Is(err, leases.ErrLost):
		// It stays for the next start, and a service that is stopped in order has not tried it.
		_, _ = u.o.State.TryUpload(ctx, up.ID, -1)
		return
	case errors.As(err, &wrong):
		u.fail(ctx, up, wrong.Error(), err)
		return
	case err != nil && !patient && attempts >= maxAttempts:
		u.o.Log.ErrorContext(ctx, "an upload cannot be checked, and is refused", "upload", up.ID, "err", err)
		u.fail(ctx, up, "the server tried several times and could not take the file; its log says why", err)
		return
	case err != nil:
		if patient { // the file is not to blame
			_, err2 := u.o.State.TryUpload(ctx, up.ID, -1)
			err = errors.Join(err, err2)
		}
		age := u.o.Expire - time.Until(up.Expires)
		u.again[up.ID] = time.Now().Add(min(max(age, retryAfter), retryLongest))
	default:
		u.checked.WithLabelValues(api.UploadReady.String()).Inc()
		u.o.Audit.InfoContext(ctx, "audit", "call", "upload checked", "id", up.ID, "user", up.Identity, "bytes", clip.Bytes,
			"took", time.Since(begun))
		err = u.erase(ctx, state.Leftover{ID: up.ID, Clip: true})
	}
	if err != nil {
		u.complain(ctx, "an upload cannot be checked or tidied up now; will retry", err)
	}
}

// fail keeps why an upload is not taken, and deletes what arrived.
func (u *Uploads) fail(ctx context.Context, up state.Upload, reason string, err error) {
	u.checked.WithLabelValues(api.UploadFailed.String()).Inc()
	u.o.Audit.InfoContext(ctx, "audit", "call", "upload refused", "id", up.ID, "user", up.Identity, "reason", reason)
	var broke *panicked
	if errors.As(err, &broke) {
		u.o.Log.WarnContext(ctx, "a decoder panicked over an upload, which is refused", "upload", up.ID, "panic",
			broke.value, "stack", string(broke.stack))
	}
	err = u.o.State.FailUpload(ctx, up.ID, reason, time.Now().UTC().Add(u.o.Expire))
	if err == nil || errors.Is(err, state.ErrNotFound) {
		err = u.erase(ctx, state.Leftover{ID: up.ID})
	}
	if err != nil {
		u.complain(ctx, "cannot end an upload; will retry", err)
	}
}

func (u *Uploads) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		u.o.Log.ErrorContext(ctx, what, "err", err)
	}
}

// take copies an upload here, checks it, and makes it a clip.
func (u *Uploads) take(ctx context.Context, up state.Upload) (c state.Clip, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	temp, err := os.CreateTemp(u.o.Work, workName)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, os.Remove(temp.Name())) }()
	sum := sha256.New()
	err = u.o.Files.CopyUpload(ctx, up.ID, up.Bytes, io.MultiWriter(temp, sum))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = Invalid("the server has lost part of what arrived; upload it again")
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return c, err
	}
	if hex.EncodeToString(sum.Sum(nil)) != up.SHA256 {
		return c, Invalid("what arrived is not what was sent; upload it again")
	}
	f, err := examine(ctx, temp.Name(), u.o.MaxLength)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return u.publish(ctx, up, f)
}

// publish writes the clip anew, and makes it visible.
func (u *Uploads) publish(ctx context.Context, up state.Upload, f *file) (state.Clip, error) {
	c := state.Clip{ID: up.ID, Identity: up.Identity, Room: up.Room, State: api.ClipReady, Asked: f.length,
		Created: time.Now().UTC(), Origin: api.OriginUpload, Title: up.Title, Width: f.width, Height: f.height}
	switch {
	case !up.Recorded.IsZero():
		c.To = up.Recorded
	case f.created.Year() >= 1980 && f.created.Before(up.Created):
		c.To = f.created.UTC().Add(f.length)
	default:
		c.To = up.Created
	}
	c.From, c.Pressed = c.To.Add(-f.length), c.To
	for _, x := range f.movie.Chapters {
		c.Chapters = append(c.Chapters, api.Chapter{Seconds: x.At.Seconds(), Title: x.Title})
	}
	f.movie.Created = c.From
	var err error
	if c.Bytes, err = u.o.Files.WriteClip(ctx, c.ID, f.movie); err != nil {
		return c, err
	}
	var image []byte
	if f.cover != nil {
		var wrong poster.Invalid
		if image, err = poster.Read(ctx, f.cover); err != nil && !errors.As(err, &wrong) {
			return c, err
		}
	}
	if err := u.o.State.FinishUpload(ctx, c, image, time.Now().UTC().Add(u.o.Expire)); err != nil {
		return c, err
	}
	u.o.Archive.NoteClip(ctx, c)
	if len(image) > 0 {
		u.o.Archive.NotePoster(ctx, c.ID, image)
	}
	return c, nil
}
