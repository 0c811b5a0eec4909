package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// DeleteClip deletes a clip from the server, and ends its links.
func (c *Client) DeleteClip(ctx context.Context, id string) error {
	_, err := call[struct{}](ctx, c, request{method: http.MethodDelete, path: "/clips/" + url.PathEscape(id), again: true})
	return err
}

// Links lists the links to a clip, oldest first, without their URLs, which the server does not keep.
func (c *Client) Links(ctx context.Context, clip string) (*api.LinkList, error) {
	return call[api.LinkList](ctx, c, request{method: http.MethodGet, path: "/clips/" + url.PathEscape(clip) + "/links",
		again: true})
}

// AllLinks lists the links to all clips of the user, oldest first.
func (c *Client) AllLinks(ctx context.Context) (*api.LinkList, error) {
	return call[api.LinkList](ctx, c, request{method: http.MethodGet, path: "/links", again: true})
}

// RevokeLink makes a link useless at once.
func (c *Client) RevokeLink(ctx context.Context, clip, link string) error {
	_, err := call[struct{}](ctx, c, request{method: http.MethodDelete, again: true,
		path: "/clips/" + url.PathEscape(clip) + "/links/" + url.PathEscape(link)})
	return err
}

// ClipsBefore lists clips that were made before a moment, newest first: the user's, or everybody's that the user may
// see. The zero time is now. The server returns 1000 at most; the oldest of them leads to the next.
func (c *Client) ClipsBefore(ctx context.Context, before time.Time, everybodys bool) (*api.ClipList, error) {
	q := url.Values{}
	if !before.IsZero() {
		q.Set("before", before.UTC().Format(time.RFC3339Nano))
	}
	if everybodys {
		q.Set("whose", "all")
	}
	return call[api.ClipList](ctx, c, request{method: http.MethodGet, path: "/clips?" + q.Encode(), again: true})
}

// Video copies a clip's MP4 to w and returns its length in bytes. It goes on where the connection was cut; only the
// context limits its time.
func (c *Client) Video(ctx context.Context, id string, w io.Writer) (int64, error) {
	return c.VideoFrom(ctx, id, 0, w)
}

// VideoFrom is Video from a byte on, for a download that was begun before. It returns the length of the whole file.
func (c *Client) VideoFrom(ctx context.Context, id string, from int64, w io.Writer) (int64, error) {
	d := download{c: c, path: "/clips/" + url.PathEscape(id) + "/video", at: from, w: w}
	pause := firstPause
	for try := 1; ; try++ {
		began := d.at
		err := d.get(ctx)
		if err == nil {
			return d.at, nil
		}
		if d.at > began {
			try, pause = 1, firstPause
		}
		if try == tries || !mayTryAgain(err, true) || ctx.Err() != nil {
			return d.at, err
		}
		select {
		case <-ctx.Done():
			return d.at, err
		case <-time.After(pause):
		}
		pause *= 3
	}
}

// download is a file on its way.
type download struct {
	c    *Client
	path string
	at   int64
	w    io.Writer
	etag string // of the file that was begun
}

// errWrite means that what arrived could not be written.
var errWrite = errors.New("the download cannot be written")

// get copies from where it is to the end.
func (d *download) get(ctx context.Context) error {
	r := request{method: http.MethodGet, path: d.path, header: map[string]string{}}
	if d.at > 0 {
		r.header["Range"] = "bytes=" + strconv.FormatInt(d.at, 10) + "-"
		if d.etag != "" {
			r.header["If-Range"] = d.etag // RFC 9110, 13.1.5
		}
	}
	resp, err := d.c.send(ctx, r, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	at := strconv.FormatInt(d.at, 10)
	switch {
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && resp.Header.Get("Content-Range") == "bytes */"+at:
		return nil // it was complete
	case d.at > 0 && resp.StatusCode == http.StatusOK:
		return fmt.Errorf("%w: the clip is another one than before; download it from its begin", ErrInvalid)
	case d.at > 0 && (resp.StatusCode != http.StatusPartialContent ||
		!strings.HasPrefix(resp.Header.Get("Content-Range"), "bytes "+at+"-")),
		d.at == 0 && resp.StatusCode != http.StatusOK:
		return problem(resp)
	}
	d.etag = resp.Header.Get("ETag")
	n, err := io.Copy(failing{d.w}, resp.Body)
	d.at += n
	if errors.Is(err, errWrite) {
		return err
	}
	if err != nil {
		return &lost{fmt.Errorf("%w: the download was cut off after %d bytes: %w", ErrUnreachable, d.at, err)}
	}
	return nil
}

// failing marks errors of the writer, which another try does not mend.
type failing struct{ w io.Writer }

func (f failing) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	if err != nil {
		err = fmt.Errorf("%w: %w", errWrite, err)
	}
	return n, err
}
