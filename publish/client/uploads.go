package client

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

const (
	// UploadPiece is the most that an upload asks its Limiter for at once, in bytes.
	UploadPiece = 32 << 10
	// uploadChunk is what goes in one request, in bytes: proxies may hold a whole request back, or refuse long ones.
	uploadChunk = 8 << 20
	// uploadStall is how long nothing may move before the connection is given up and another is tried.
	uploadStall = 30 * time.Second
	longPause   = 10 * time.Second
	checkPause  = time.Second
	// mostRestarts bounds how often an upload begins anew, because the server has forgotten it or got it damaged.
	mostRestarts = 3
	// mostRefusals bounds how often a refusal that may pass is taken without a byte having arrived in between.
	mostRefusals = 20
)

// Limiter slows an upload down; *rate.Limiter of golang.org/x/time is one, with a burst of at least UploadPiece.
type Limiter interface {
	WaitN(ctx context.Context, n int) error
}

// UploadOptions are how an upload goes; all may be left out.
type UploadOptions struct {
	// Begun is called with the id of the upload, which is to be kept for the case that this program ends: the next call
	// of Upload takes it as resume, and goes on there. It is called again if the upload has to begin anew.
	Begun func(id string)
	// Progress is called with how many bytes are sent, of how many, in any goroutine but never twice at once. It goes
	// back where a connection is lost.
	Progress func(sent, total int64)
	// Waiting is called with an error while the server is not reached, and with nil when it goes on.
	Waiting func(err error)
	// Limiter bounds the bandwidth.
	Limiter Limiter
	// Poster is the image shown before the clip plays, a JPEG. A clip that has a cover needs none.
	Poster []byte
}

// Upload sends a file to become a clip, and returns when that is ready and has all that was sent. It goes on after lost
// connections, restarts of the server and a suspend, for as long as the context allows. resume is the id of an upload
// that was begun before, or empty; where the server does not know it anymore, or the file is another, it begins anew.
// The file must not change in the meantime. An error that is not ErrUnreachable says why the server does not take the
// file.
func (c *Client) Upload(ctx context.Context, r io.ReaderAt, size int64, req api.UploadRequest, resume string,
	o UploadOptions) (*api.Clip, error) {
	if size == 0 {
		return nil, &RefusedError{"it is empty"}
	}
	u := &upload{c: c, r: r, size: size, req: req, o: o, id: resume}
	var err error
	if u.sum, err = u.checksum(ctx); err != nil {
		return nil, err
	}
	if err := u.find(ctx); err != nil {
		return nil, err
	}
	for restarts := 0; ; restarts++ {
		clip, err := u.run(ctx)
		if !errors.Is(err, errForgotten) {
			return clip, err
		}
		if restarts == mostRestarts {
			return nil, fmt.Errorf("%w: the server loses what is sent; tell its operator", ErrServer)
		}
		u.id = ""
	}
}

// RefusedError is about a file that the server does not take. It is an ErrInvalid.
type RefusedError struct{ Reason string }

// Error is the reason.
func (e *RefusedError) Error() string { return e.Reason }

// Is says what kind of error it is.
func (e *RefusedError) Is(kind error) bool { return kind == ErrInvalid }

// CancelUpload has the server delete what has arrived of an upload. One that is not known is fine.
func (c *Client) CancelUpload(ctx context.Context, id string) error {
	_, err := call[struct{}](ctx, c, request{method: http.MethodDelete, path: "/uploads/" + url.PathEscape(id),
		again: true, header: tusHeader})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// UploadState reports on an upload.
func (c *Client) UploadState(ctx context.Context, id string) (*api.Upload, error) {
	return call[api.Upload](ctx, c, request{method: http.MethodGet, path: "/uploads/" + url.PathEscape(id), again: true})
}

// tusHeader is in every request of the protocol (tus 1.0.0, "Tus-Resumable").
var tusHeader = map[string]string{"Tus-Resumable": "1.0.0"}

// errForgotten means that the server does not have the upload anymore.
var errForgotten = errors.New("the server does not have the upload anymore")

// upload is a file that is being sent.
type upload struct {
	c    *Client
	r    io.ReaderAt
	size int64
	req  api.UploadRequest
	o    UploadOptions
	id   string
	sum  string
	// best is the most that the server said it has; gained is that it has become more.
	best   int64
	gained bool

	mu   sync.Mutex
	body *pieces // whose progress is reported
}

// checksum reads the whole file.
func (u *upload) checksum(ctx context.Context) (string, error) {
	h := sha256.New()
	n, err := io.Copy(h, &whileWanted{ctx, io.NewSectionReader(u.r, 0, u.size)})
	if err == nil && n < u.size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return "", &unreadable{err}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// find looks whether the server has the upload that is to go on, and whether it is of this file.
func (u *upload) find(ctx context.Context) error {
	if u.id == "" {
		return nil
	}
	return u.patiently(ctx, func() error {
		known, err := u.c.UploadState(ctx, u.id)
		switch {
		case errors.Is(err, ErrNotFound):
			_, err = u.c.Clip(ctx, u.id) // it may be long done
			if errors.Is(err, ErrNotFound) {
				u.id, err = "", nil
			}
		case err == nil && (known.SHA256 != u.sum || known.Bytes != u.size):
			err = u.c.CancelUpload(ctx, u.id)
			u.id = ""
		}
		return err
	})
}

// run creates the upload if there is none, sends what is missing, and waits for the clip.
func (u *upload) run(ctx context.Context) (*api.Clip, error) {
	if u.id == "" {
		if err := u.patiently(ctx, func() error { return u.create(ctx) }); err != nil {
			return nil, err
		}
	}
	if u.o.Begun != nil {
		u.o.Begun(u.id)
	}
	var at int64
	known := false // whether the server has said where it is
	for at < u.size || !known {
		err := u.patiently(ctx, func() (err error) {
			if !known {
				if at, err = u.offset(ctx); err != nil {
					return err
				}
				known = true
				u.progress(at)
			}
			if at == u.size {
				return nil
			}
			if at, err = u.send(ctx, at); err != nil {
				known = false // it may have some of it
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return u.checked(ctx)
}

// patiently tries again until it works, the context ends, or the server refuses for good.
func (u *upload) patiently(ctx context.Context, try func() error) error {
	pause, refusals, waits := firstPause, 0, false
	for {
		err := try()
		if u.gained {
			pause, refusals, u.gained = firstPause, 0, false
		}
		code := status(err)
		passes := errors.Is(err, ErrUnreachable) || code == http.StatusConflict || code == http.StatusLocked ||
			code == http.StatusTooManyRequests || code >= 500 && code != http.StatusInsufficientStorage
		if code != 0 {
			refusals++
		}
		if err == nil || ctx.Err() != nil || !passes || refusals > mostRefusals {
			if waits && u.o.Waiting != nil {
				u.o.Waiting(nil)
			}
			if ctx.Err() != nil {
				return fmt.Errorf("%w: the upload was canceled: %w", ErrUnreachable, ctx.Err())
			}
			return err
		}
		if u.o.Waiting != nil && pause > firstPause { // one lost connection is nothing to tell
			waits = true
			u.o.Waiting(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(pause*2, longPause)
	}
}

// tus makes one request of the protocol; its body is closed.
func (u *upload) tus(ctx context.Context, r request, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, u.c.base+r.path, body)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrURL, err)
	}
	req.Header.Set("Authorization", "Bearer "+u.c.token)
	for _, h := range []map[string]string{tusHeader, r.header} {
		for key, value := range h {
			req.Header.Set(key, value)
		}
	}
	if n, ok := body.(*pieces); ok {
		req.ContentLength = n.left
	}
	resp, err := u.c.http.Do(req)
	if err != nil {
		var broken *unreadable
		if errors.As(err, &broken) {
			return nil, broken
		}
		return nil, transportError(req, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode/100 == 2:
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
		return resp, nil
	case r.method == http.MethodHead && resp.Header.Get("Content-Type") == api.ProblemMediaType: // without its text
		kind := map[int]error{http.StatusUnauthorized: ErrToken, http.StatusForbidden: ErrRoom,
			http.StatusNotFound: ErrNotFound}[resp.StatusCode]
		return nil, &refused{error: fmt.Errorf("%w: %s", cmp.Or(kind, ErrServer), resp.Status), status: resp.StatusCode}
	}
	return nil, problem(resp)
}

// create makes the upload. The server returns the same one again for the same file, so that no second one is made where
// a response was lost.
func (u *upload) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	meta := []string{metadata(api.MetaSHA256, u.sum)}
	if title := api.FitTitle(u.req.Title); title != "" {
		meta = append(meta, metadata(api.MetaTitle, title))
	}
	if u.req.RoomName != "" {
		meta = append(meta, metadata(api.MetaRoom, u.req.RoomName))
	}
	if u.req.RecordedAt != nil {
		meta = append(meta, metadata(api.MetaRecordedAt, u.req.RecordedAt.UTC().Format(time.RFC3339Nano)))
	}
	resp, err := u.tus(ctx, request{method: http.MethodPost, path: "/uploads", header: map[string]string{
		"Upload-Length": strconv.FormatInt(u.size, 10), "Upload-Metadata": strings.Join(meta, ",")}}, nil)
	if err != nil {
		return err
	}
	location, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || location.Path == "" {
		return notABackend(resp)
	}
	u.id = path.Base(location.Path)
	return nil
}

func metadata(key, value string) string {
	return key + " " + base64.StdEncoding.EncodeToString([]byte(value))
}

// offset asks how much the server has.
func (u *upload) offset(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	resp, err := u.tus(ctx, request{method: http.MethodHead, path: "/uploads/" + url.PathEscape(u.id)}, nil)
	if errors.Is(err, ErrNotFound) {
		if clip, err := u.c.Clip(ctx, u.id); err == nil && clip.State == api.ClipReady {
			return u.size, nil // it was checked, and forgotten, in the meantime
		}
		return 0, errForgotten
	}
	if err != nil {
		return 0, err
	}
	at, err := strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || at < 0 || at > u.size || resp.Header.Get("Upload-Length") != strconv.FormatInt(u.size, 10) {
		return 0, notABackend(resp)
	}
	u.gain(at)
	return at, nil
}

// gain notes how much the server has.
func (u *upload) gain(at int64) {
	if at > u.best {
		u.best, u.gained = at, true
	}
}

// send sends a chunk from at on, and returns where the server is then.
func (u *upload) send(ctx context.Context, at int64) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body := &pieces{ctx: ctx, u: u, at: at, left: min(u.size-at, uploadChunk)}
	body.stall = time.AfterFunc(uploadStall, cancel)
	defer body.stall.Stop()
	u.tell(body)
	resp, err := u.tus(ctx, request{method: http.MethodPatch, path: "/uploads/" + url.PathEscape(u.id),
		header: map[string]string{"Content-Type": "application/offset+octet-stream",
			"Upload-Offset": strconv.FormatInt(at, 10)}}, body)
	u.tell(nil)
	if errors.Is(err, ErrNotFound) {
		return at, errForgotten
	}
	if err != nil {
		return at, err
	}
	next, err := strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || next <= at || next > u.size {
		return at, notABackend(resp)
	}
	u.gain(next)
	u.progress(next)
	return next, nil
}

// tell has the progress of a body reported, and of no other: net/http may read one for a moment after its request is
// over.
func (u *upload) tell(body *pieces) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.body = body
}

func (u *upload) progress(at int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.o.Progress != nil {
		u.o.Progress(at, u.size)
	}
}

// pass is progress as a body reads.
func (u *upload) pass(body *pieces) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.o.Progress != nil && u.body == body {
		u.o.Progress(body.at, u.size)
	}
}

// checked waits until the server has checked the file, and says how that went.
func (u *upload) checked(ctx context.Context) (*api.Clip, error) {
	pause := firstPause
	for {
		var known *api.Upload
		err := u.patiently(ctx, func() (err error) {
			known, err = u.c.UploadState(ctx, u.id)
			return err
		})
		switch {
		case errors.Is(err, ErrNotFound):
			return u.ready(ctx)
		case err != nil:
			return nil, err
		case known.State == api.UploadReceiving:
			return nil, errForgotten // the file was lost
		case known.State == api.UploadFailed:
			return nil, &RefusedError{known.Reason}
		case known.State == api.UploadReady && known.SHA256 != u.sum:
			return nil, fmt.Errorf("%w: the server has another file than was sent", ErrServer)
		case known.State == api.UploadReady:
			return u.ready(ctx)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(pause*2, checkPause)
	}
}

// ready returns the clip and gives it its poster.
func (u *upload) ready(ctx context.Context) (clip *api.Clip, err error) {
	err = u.patiently(ctx, func() (err error) {
		if clip, err = u.c.Clip(ctx, u.id); err == nil && len(u.o.Poster) > 0 {
			err = u.c.SetPoster(ctx, u.id, u.o.Poster)
		}
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: the clip was deleted on the server", ErrNotFound)
	}
	return clip, err
}

// pieces reads a chunk piece by piece, as the limiter allows.
type pieces struct {
	ctx      context.Context
	u        *upload
	at, left int64
	stall    *time.Timer
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), p.left, UploadPiece)]
	if p.u.o.Limiter != nil {
		p.stall.Stop()
		if err := p.u.o.Limiter.WaitN(p.ctx, len(b)); err != nil {
			return 0, err
		}
	}
	p.stall.Reset(uploadStall)
	n, err := p.u.r.ReadAt(b, p.at)
	if n < len(b) {
		return n, &unreadable{cmp.Or(err, io.ErrUnexpectedEOF)}
	}
	p.at, p.left = p.at+int64(n), p.left-int64(n)
	p.u.pass(p)
	return n, nil
}

// unreadable is an error of the file that is sent.
type unreadable struct{ error }

func (u *unreadable) Error() string { return "the clip cannot be read: " + u.error.Error() }

func (u *unreadable) Unwrap() error { return u.error }

// whileWanted reads until the context ends.
type whileWanted struct {
	ctx context.Context
	r   io.Reader
}

func (w *whileWanted) Read(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(b)
}
