package client

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
)

// dropping sends so many bytes and hangs up.
type dropping struct {
	http.ResponseWriter
	left int
}

func (d *dropping) Write(b []byte) (int, error) {
	n := min(len(b), d.left)
	d.left -= n
	_, _ = d.ResponseWriter.Write(b[:n])
	if d.left == 0 {
		panic(http.ErrAbortHandler)
	}
	return n, nil
}

// A download goes on where it was cut, as often as that is, and not with another file.
func TestDownloadsGoOn(t *testing.T) {
	file := make([]byte, 300_000)
	_, err := rand.NewChaCha8([32]byte{2}).Read(file)
	require.NoError(t, err)
	tag := `"one"`
	c, calls := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		http.ServeContent(&dropping{w, 40_000}, r, "a.mp4", time.Time{}, bytes.NewReader(file))
	})
	var got bytes.Buffer
	n, err := c.Video(t.Context(), "x", &got)
	require.NoError(t, err)
	require.EqualValues(t, len(file), n)
	require.True(t, bytes.Equal(file, got.Bytes()))
	require.GreaterOrEqual(t, calls.Load(), int32(8))

	got.Reset()
	n, err = c.VideoFrom(t.Context(), "x", 250_000, &got)
	require.NoError(t, err)
	require.EqualValues(t, len(file), n)
	require.True(t, bytes.Equal(file[250_000:], got.Bytes()))
	n, err = c.VideoFrom(t.Context(), "x", int64(len(file)), &got)
	require.NoError(t, err, "it was complete")
	require.EqualValues(t, len(file), n)

	calls.Store(0)
	got.Reset()
	other := &changing{then: func() { tag = `"two"` }}
	_, err = c.Video(t.Context(), "x", other)
	require.ErrorIs(t, err, ErrInvalid)

	full := errors.New("the disk is full")
	calls.Store(0)
	_, err = c.Video(t.Context(), "x", &changing{then: func() {}, err: full})
	require.ErrorIs(t, err, full)
	require.EqualValues(t, 1, calls.Load(), "another try does not help")
}

// changing is a writer in whose first call something happens.
type changing struct {
	then func()
	err  error
}

func (c *changing) Write(b []byte) (int, error) {
	c.then()
	return len(b), c.err
}

// An upload that the server does not take says why, and is not sent again.
func TestUploadIsRefused(t *testing.T) {
	for status, want := range map[int]error{403: ErrQuota, 401: ErrToken, 400: ErrInvalid, 507: ErrQuota} {
		kind := map[int]string{403: api.ProblemQuota, 401: api.ProblemToken, 400: api.ProblemInvalid,
			507: api.ProblemSpace}[status]
		c, calls := server(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", api.ProblemMediaType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"type":` + strconv.Quote(kind) + `,"detail":"no"}`))
		})
		_, err := c.Upload(t.Context(), bytes.NewReader(make([]byte, 10)), 10, api.UploadRequest{}, "", UploadOptions{})
		require.ErrorIs(t, err, want)
		require.EqualValues(t, 1, calls.Load(), status)
	}
	c, _ := server(t, hangUp)
	_, err := c.Upload(t.Context(), bytes.NewReader(make([]byte, 9)), 10, api.UploadRequest{}, "", UploadOptions{})
	require.ErrorContains(t, err, "the clip cannot be read")
}
