package uploads

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/memorylocker"
	xslog "golang.org/x/exp/slog"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

const (
	// networkPatience is how long a sender may take for a piece of a part.
	networkPatience = 20 * time.Second
	// lockPatience is how long a request waits for another one about the same upload.
	lockPatience = 15 * time.Second
	// mostPart is the longest part in bytes; what follows is another one, and what was before is safe.
	mostPart = 16 << 20
	// mostParts bounds how many parts an upload may have.
	mostParts = 10_000
	// lookPeriod is how often a sender's upload is looked for while it sends: its token may be revoked.
	lookPeriod = 2 * time.Second
	// spaceFactor is how many times its length an upload takes: as parts, as a copy, and as the clip.
	spaceFactor = 3
	maxRoom     = 256 // bytes of a room's name
	clockSlop   = 24 * time.Hour
)

// call is one request, as far as the store has to know.
type call struct {
	user   state.Token
	method string
	// err is what the store refused with, which goes before what tusd makes of it; expires is of the upload.
	err     error
	expires time.Time
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return &call{} // finds no upload
	}
	return c
}

// refuse notes an error that the caller is to read.
func (c *call) refuse(err error) error {
	c.err = err
	return err
}

// protocol makes tusd's handler.
func (u *Uploads) protocol() (http.Handler, error) {
	composer := handler.NewStoreComposer()
	composer.UseCore(store{u})
	composer.UseTerminater(store{u})
	composer.UseLocker(locker{u, memorylocker.New()})
	h, err := handler.NewUnroutedHandler(handler.Config{StoreComposer: composer, BasePath: api.Prefix + "/uploads/",
		MaxSize: u.o.MaxBytes, DisableDownload: true, DisableConcatenation: true, Cors: &handler.CorsConfig{Disable: true},
		Logger:                           xslog.New(xslog.NewTextHandler(io.Discard, nil)), // web logs each call
		GracefulRequestCompletionTimeout: 5 * time.Second, AcquireLockTimeout: lockPatience,
		NetworkTimeout: networkPatience})
	if err != nil {
		return nil, err
	}
	return h.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			h.PostFile(w, r)
		case http.MethodHead:
			h.HeadFile(w, r)
		case http.MethodPatch:
			h.PatchFile(w, r)
		case http.MethodDelete:
			h.DelFile(w, r)
		default:
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	})), nil
}

// Serve takes a request of the protocol, about the upload with this id unless it is empty. Where it returns an error
// nothing is sent yet.
func (u *Uploads) Serve(w http.ResponseWriter, r *http.Request, user state.Token, id string) error {
	err := u.serve(w, r, user, id)
	var p *Problem
	if errors.As(err, &p) && p.Again > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(p.Again.Seconds())))
	}
	return err
}

func (u *Uploads) serve(w http.ResponseWriter, r *http.Request, user state.Token, id string) error {
	if r.Method == http.MethodPatch {
		done, err := u.maySend(user.Owner())
		if err != nil {
			return err
		}
		defer done()
	}
	c := &call{user: user, method: r.Method}
	a := &answer{ResponseWriter: w, call: c, max: u.o.MaxBytes}
	inner := r.Clone(context.WithValue(r.Context(), callKey{}, c))
	inner.URL.Path = "/" + id
	inner.Header.Del("X-HTTP-Method-Override") // the routes have looked at the method
	if r.Method == http.MethodPost {
		inner.Header.Del("Content-Type") // nothing is taken with the request that begins an upload
	}
	u.tus.ServeHTTP(a, inner)
	return a.problem()
}

// maySend counts who sends, and refuses who does so too often at once.
func (u *Uploads) maySend(user string) (done func(), err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sending[user] >= u.o.MaxParallel || u.total >= u.o.MaxSending {
		return nil, &Problem{Status: http.StatusTooManyRequests, Kind: api.ProblemTooMany, Again: time.Second,
			Detail: "too many uploads are being sent at once; try again when one is done"}
	}
	u.sending[user]++
	u.total++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.total--
		if u.sending[user]--; u.sending[user] == 0 {
			delete(u.sending, user)
		}
	}, nil
}

// extensions are what is taken of the protocol beside its core.
const extensions = "creation,termination,expiration"

// answer passes on what tusd says, but for errors, which become problems as everywhere else.
type answer struct {
	http.ResponseWriter
	call   *call
	max    int64
	status int
	text   bytes.Buffer // of an error
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	h := a.Header()
	if a.status = status; status >= 400 {
		h.Del("Content-Length")
		return
	}
	if h.Get("Tus-Extension") != "" {
		h.Set("Tus-Extension", extensions)
	}
	if at := h.Get("Location"); at != "" { // what the service is called is not for tusd to say
		h.Set("Location", api.Prefix+"/uploads/"+at[strings.LastIndexByte(at, '/')+1:])
	}
	if !a.call.expires.IsZero() {
		h.Set("Upload-Expires", a.call.expires.UTC().Format(http.TimeFormat))
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if a.status >= 400 {
		return a.text.Write(b)
	}
	return a.ResponseWriter.Write(b)
}

// problem is what went wrong; nil if nothing did.
func (a *answer) problem() error {
	if a.status < 400 {
		return nil
	}
	if a.call.err != nil {
		return a.call.err
	}
	code, text, _ := strings.Cut(strings.TrimSpace(a.text.String()), ": ")
	p := &Problem{Status: a.status, Kind: api.ProblemInvalid,
		Detail: "the request is not one of the tus protocol: " + text}
	switch {
	case a.status == http.StatusNotFound:
		return missing
	case a.status == http.StatusConflict:
		p.Kind, p.Detail = api.ProblemConflict, "the upload is not at this byte; ask with HEAD where it is"
	case a.status == http.StatusPreconditionFailed:
		p.Detail = "Tus-Resumable must be 1.0.0"
	case code == "ERR_MAX_SIZE_EXCEEDED":
		p.Detail = fmt.Sprintf("the file is larger than %d MB, the maximum", a.max/1e6)
	case a.status == http.StatusNotImplemented:
		p.Status = http.StatusBadRequest
	case a.status == http.StatusLocked || code == "ERR_LOCK_TIMEOUT" || code == "ERR_UPLOAD_INTERRUPTED":
		p.Status, p.Kind = http.StatusConflict, api.ProblemConflict
		p.Detail = "another request sends this upload; try again"
	case a.status == http.StatusInternalServerError:
		p.Status, p.Detail = http.StatusBadRequest, "the request was cut off"
		if code == "ERR_INTERNAL_SERVER_ERROR" {
			return errors.New(text)
		}
	}
	return p
}

// store is tusd's view of the uploads.
type store struct{ u *Uploads }

// one is a single upload.
type one struct {
	u *Uploads
	state.Upload
}

// NewUpload begins an upload, or finds the one that was begun with the same request.
func (s store) NewUpload(ctx context.Context, info handler.FileInfo) (handler.Upload, error) {
	c := callOf(ctx)
	up, err := s.u.begin(ctx, c.user, info.Size, info.MetaData)
	if err != nil {
		return nil, c.refuse(err)
	}
	c.expires = up.Expires
	return one{s.u, up}, nil
}

func (u *Uploads) begin(ctx context.Context, user state.Token, size int64, meta map[string]string) (state.Upload,
	error) {
	now := time.Now().UTC()
	up := state.Upload{ID: state.NewID(), Identity: user.Owner(), TokenID: user.ID, Bytes: size,
		SHA256: strings.ToLower(meta[api.MetaSHA256]), Title: api.FitTitle(meta[api.MetaTitle]),
		Room: meta[api.MetaRoom], State: api.UploadReceiving, Created: now, Expires: now.Add(u.o.Expire)}
	sum, err := hex.DecodeString(up.SHA256)
	switch {
	case size < 1:
		return up, invalid("the file is empty")
	case err != nil || len(sum) != 32:
		return up, invalid("Upload-Metadata must have %s, the SHA-256 of the file in hexadecimal", api.MetaSHA256)
	case len(up.Room) > maxRoom || api.Printable(up.Room) != up.Room:
		return up, invalid("the name of the room must have at most %d bytes, all of them printable", maxRoom)
	case up.Room != "" && !user.Allows(up.Room):
		return up, &Problem{Status: http.StatusForbidden, Kind: api.ProblemRoom, Detail: "you may not share in this room"}
	}
	if text := meta[api.MetaRecordedAt]; text != "" {
		up.Recorded, err = time.Parse(time.RFC3339Nano, text)
		if up.Recorded = up.Recorded.UTC(); err != nil || up.Recorded.Year() < 1980 || up.Recorded.After(now.Add(clockSlop)) {
			return up, invalid("%s must be a moment that is over, like 2026-01-31T12:00:00Z", api.MetaRecordedAt)
		}
	}
	if err := u.space(spaceFactor * size); err != nil {
		return up, err
	}
	up, err = u.o.State.AddUpload(ctx, up, state.UploadLimits{Open: u.o.MaxOpen, Clips: u.o.MaxClips,
		Bytes: u.o.MaxClipBytes})
	name := state.OwnerName(user.Owner())
	switch {
	case errors.Is(err, state.ErrUploadsOpen):
		err = &Problem{Status: http.StatusTooManyRequests, Kind: api.ProblemTooMany, Again: time.Minute, Detail: fmt.Sprintf(
			"%d of your uploads are on their way, the maximum; try again when one is done", u.o.MaxOpen)}
	case errors.Is(err, state.ErrUploadClips):
		err = &Problem{Status: http.StatusForbidden, Kind: api.ProblemQuota, Detail: fmt.Sprintf(
			"%s has %d clips on the server, the maximum; delete some first", name, u.o.MaxClips)}
	case errors.Is(err, state.ErrUploadBytes):
		err = &Problem{Status: http.StatusForbidden, Kind: api.ProblemQuota, Detail: fmt.Sprintf(
			"with this clip, those of %s on the server would take more than %d MB, the maximum; delete some first", name,
			u.o.MaxClipBytes/1e6)}
	}
	return up, err
}

// space refuses what would fill the storage.
func (u *Uploads) space(need int64) error {
	lacks, reserve, err := u.o.Space.Lacking()
	if err != nil {
		return err
	}
	if reserve > 0 && lacks+need > 0 {
		return &Problem{Status: http.StatusInsufficientStorage, Kind: api.ProblemSpace,
			Detail: "the server's storage is nearly full, so that it takes no clip of this size; delete clips, or ask the " +
				"server's operator"}
	}
	return nil
}

// GetUpload finds an upload of the caller's.
func (s store) GetUpload(ctx context.Context, id string) (handler.Upload, error) {
	c := callOf(ctx)
	up, err := s.u.find(ctx, c.user, id)
	if err != nil {
		return nil, c.refuse(err)
	}
	c.expires = up.Expires
	return one{s.u, up}, nil
}

// AsTerminatableUpload is for requests to cancel an upload.
func (s store) AsTerminatableUpload(up handler.Upload) handler.TerminatableUpload { return up.(one) }

// GetInfo says how much has arrived. One whose file is not taken has arrived as well: why is in its status.
func (o one) GetInfo(context.Context) (handler.FileInfo, error) {
	meta := handler.MetaData{api.MetaSHA256: o.SHA256}
	recorded := ""
	if !o.Recorded.IsZero() {
		recorded = o.Recorded.Format(time.RFC3339Nano)
	}
	for key, value := range map[string]string{api.MetaTitle: o.Title, api.MetaRoom: o.Room,
		api.MetaRecordedAt: recorded} {
		if value != "" {
			meta[key] = value
		}
	}
	return handler.FileInfo{ID: o.ID, Size: o.Bytes, Offset: o.Received, MetaData: meta}, nil
}

// GetReader is not needed: nobody reads an upload through tusd.
func (o one) GetReader(context.Context) (io.ReadCloser, error) { return nil, handler.ErrNotFound }

// FinishUpload has the upload checked, which AddPart has marked for that.
func (o one) FinishUpload(context.Context) error {
	o.u.nudge()
	return nil
}

// Terminate ends the upload.
func (o one) Terminate(ctx context.Context) error {
	c := callOf(ctx)
	if err := o.u.o.State.EndUpload(ctx, o.ID); err != nil {
		return c.refuse(err)
	}
	if o.State != api.UploadReady {
		// What is left undone here, the keeper does.
		if err := o.u.o.Files.RemoveUpload(ctx, o.ID); err != nil {
			o.u.o.Log.WarnContext(ctx, "cannot delete the files of a canceled upload; will retry", "upload", o.ID, "err", err)
		}
	}
	return nil
}

// WriteChunk writes what arrives into parts, each of which is safe when it is written.
func (o one) WriteChunk(ctx context.Context, offset int64, src io.Reader) (written int64, err error) {
	c := callOf(ctx)
	if o.Parts >= mostParts {
		return 0, c.refuse(invalid("the upload came in more than %d pieces; cancel it and send larger ones", mostParts))
	}
	in := &guarded{r: src, look: func() error {
		_, err := o.u.find(ctx, c.user, o.ID)
		return err
	}, next: time.Now().Add(lookPeriod)}
	for parts := o.Parts; parts < mostParts; parts++ {
		if err := o.u.space(0); err != nil {
			return written, c.refuse(err)
		}
		n, err := o.u.o.Files.WritePart(ctx, o.ID, offset+written, io.LimitReader(in, mostPart))
		if err == nil && in.err != nil {
			err = in.err
		}
		if err == nil && n == 0 {
			return written, nil
		}
		if err == nil {
			c.expires = time.Now().UTC().Add(o.u.o.Expire)
			err = o.u.o.State.AddPart(ctx, o.ID, offset+written, n, c.expires)
		}
		if err != nil {
			return written, c.refuse(o.lost(ctx, err))
		}
		written += n
	}
	return written, nil
}

// lost deletes what was written of an upload that has ended in the meantime.
func (o one) lost(ctx context.Context, err error) error {
	_, now := o.u.o.State.Upload(ctx, o.ID)
	if !errors.Is(now, state.ErrNotFound) {
		if errors.Is(err, state.ErrNotFound) {
			return &Problem{Status: http.StatusConflict, Kind: api.ProblemConflict,
				Detail: "another request sends this upload; ask with HEAD where it is"}
		}
		return err
	}
	if err := o.u.o.Files.RemoveUpload(ctx, o.ID); err != nil {
		o.u.o.Log.WarnContext(ctx, "cannot delete the files of an upload that has ended", "upload", o.ID, "err", err)
	}
	return missing
}

// guarded looks now and then whether what it reads is still wanted.
type guarded struct {
	r    io.Reader
	look func() error
	next time.Time
	err  error
}

func (g *guarded) Read(b []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	if time.Now().After(g.next) {
		if g.err = g.look(); g.err != nil {
			return 0, g.err
		}
		g.next = time.Now().Add(lookPeriod)
	}
	return g.r.Read(b)
}

// locker has one request at a time work on an upload. A newer one interrupts an older one, whose connection may be dead
// without anybody knowing it. Among backends a lease does so, which waits.
type locker struct {
	u    *Uploads
	here *memorylocker.MemoryLocker
}

// NewLock makes the lock of an upload.
func (l locker) NewLock(id string) (handler.Lock, error) {
	here, err := l.here.NewLock(id)
	return &lock{u: l.u, id: id, here: here}, err
}

type lock struct {
	u    *Uploads
	id   string
	here handler.Lock
	done func()
}

// Lock takes it; requestUnlock is called when somebody else wants it.
func (l *lock) Lock(ctx context.Context, requestUnlock func()) error {
	if err := l.here.Lock(ctx, requestUnlock); err != nil {
		return err
	}
	if c := callOf(ctx); c.method == http.MethodHead || l.u.o.State.Alone() {
		return nil
	}
	_, done, err := l.u.o.Leases.Alone(ctx, "upload "+l.id)
	if err != nil {
		return errors.Join(handler.ErrLockTimeout, l.here.Unlock())
	}
	l.done = done
	return nil
}

// Unlock gives it back.
func (l *lock) Unlock() error {
	if l.done != nil {
		l.done()
	}
	return l.here.Unlock()
}
