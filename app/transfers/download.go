package transfers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// download brings a clip here, from where the last try ended.
func (q *Queue) download(ctx context.Context, j *job) error {
	c, err := q.o.Dial(j.Backend)
	if err != nil {
		return err
	}
	there, err := c.Clip(ctx, j.ClipID)
	switch {
	case errors.Is(err, client.ErrNotFound):
		return &gone{errors.New("the server no longer has this clip")}
	case err != nil:
		return err
	case there.State == api.ClipFailed:
		return &gone{fmt.Errorf("the server could not make this clip: %s", there.Reason)}
	case there.State != api.ClipReady:
		return errors.New("the server is still making this clip")
	}
	q.mu.Lock()
	j.Title = api.Printable(there.Title)
	item := j.Item
	q.mu.Unlock()
	if err := os.MkdirAll(item.Folder, 0o755); err != nil {
		return fmt.Errorf("the folder %s can't be written to: %w", item.Folder, err)
	}
	if err := q.fetch(ctx, j, c, there, part(item)); err != nil {
		return err
	}
	made := there.CreatedAt
	if there.To != nil {
		made = *there.To
	}
	length := time.Duration(there.Seconds * float64(time.Second))
	saved, err := clip.Adopt(part(item), item.Title, q.o.Template(), made.Local(), length)
	if err != nil {
		return err
	}
	q.mu.Lock()
	j.Path = saved.Path
	q.mu.Unlock()
	if item.Play {
		return nil
	}
	// The clip is here, whatever comes of this: to download it again would make another copy.
	if err := q.o.Book.Add(saved.Path, links.Copy{Backend: item.Backend, ClipID: item.ClipID}); err != nil {
		q.o.Log.Warn("a downloaded clip may not be known as the server's", "path", saved.Path, "error", err)
	}
	return nil
}

// fetch completes the file at path.
func (q *Queue) fetch(ctx context.Context, j *job, c *client.Client, there *api.Clip, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("the folder %s can't be written to: %w", j.Folder, err)
	}
	defer f.Close()
	at, err := f.Seek(0, io.SeekEnd)
	if err == nil && at > there.Bytes {
		at = 0
		_, err = f.Seek(0, io.SeekStart)
		err = errors.Join(err, f.Truncate(0))
	}
	if err != nil {
		return err
	}
	q.progress(j, at, there.Bytes)
	if at < there.Bytes {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		// A connection that died without a word would be waited for without end.
		quiet := time.AfterFunc(silence, func() { cancel(errSilent) })
		defer quiet.Stop()
		n, err := c.VideoFrom(ctx, there.ClipID, at, writer(func(b []byte) (int, error) {
			quiet.Reset(silence)
			n, err := f.Write(b)
			at += int64(n)
			q.progress(j, at, there.Bytes)
			return n, err
		}))
		switch {
		case errors.Is(err, client.ErrInvalid):
			return errors.Join(errAnother, f.Truncate(0)) // and it starts over
		case err != nil && errors.Is(context.Cause(ctx), errSilent):
			return errSilent
		case err != nil:
			return err
		case n != there.Bytes || at != there.Bytes:
			return fmt.Errorf("%w: %d of %d bytes came", client.ErrUnreachable, at, there.Bytes)
		}
	}
	return errors.Join(f.Sync(), f.Close())
}

// silence is how long a download may bring nothing before another connection is tried.
const silence = 45 * time.Second

var (
	errSilent  = fmt.Errorf("%w: the server stopped sending", client.ErrUnreachable)
	errAnother = errors.New("the clip on the server is another one now; it is downloaded from its start")
)

// writer is a function as an io.Writer.
type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }
