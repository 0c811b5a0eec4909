package web

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Readers who take nothing are cut off, and have no more than some files sent at once; one who takes a clip slowly gets
// all of it, and others are served in the meantime.
func TestSlowReaders(t *testing.T) {
	d := newDesk(t, 1)
	d.o.Audit = slog.New(slog.DiscardHandler)
	clip := d.clip(1)
	const size = 64 << 20 // more than the kernel's buffers hold
	video := filepath.Join(d.Folder, "../../clips", clip.ID+".mp4")
	require.NoError(t, os.Truncate(video, size))
	bob := d.user("bob", "*", state.View)

	// ask begins a download on a connection whose buffer for what comes is small.
	ask := func(token string) (net.Conn, string) {
		dialer := net.Dialer{}
		c, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(d.server.URL, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		require.NoError(t, c.(*net.TCPConn).SetReadBuffer(4<<10))
		_, err = fmt.Fprintf(c, "GET %s/clips/%s/video HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n\r\n", api.Prefix,
			clip.ID, token)
		require.NoError(t, err)
		status := make([]byte, 12)
		_, err = io.ReadFull(c, status)
		require.NoError(t, err)
		return c, string(status)
	}
	d.patience = time.Hour
	var stuck []net.Conn
	for range maxDownloads {
		c, status := ask(d.alice)
		require.Equal(t, "HTTP/1.1 200", status)
		stuck = append(stuck, c)
	}
	_, status := ask(d.alice)
	require.Equal(t, "HTTP/1.1 429", status)
	require.Equal(t, maxDownloads, d.downloads.count())
	slowly, status := ask(bob)
	require.Equal(t, "HTTP/1.1 200", status, "another user waits")
	for _, c := range stuck {
		c.Close()
	}
	require.Eventually(t, func() bool { return d.downloads.count() == 1 }, 30*time.Second, 10*time.Millisecond)

	got := &bytes.Buffer{}
	require.Eventually(t, func() bool {
		_, err := io.CopyN(got, slowly, 8<<10)
		return err != nil || got.Len() > 20*8<<10
	}, 30*time.Second, 10*time.Millisecond)
	require.Greater(t, got.Len(), 20*8<<10, "a slow reader is cut off")
	slowly.Close()
	require.Eventually(t, func() bool { return d.downloads.count() == 0 }, 30*time.Second, 10*time.Millisecond)

	d.patience = 200 * time.Millisecond
	c, status := ask(d.alice)
	require.Equal(t, "HTTP/1.1 200", status)
	require.Eventually(t, func() bool { return d.downloads.count() == 0 }, 30*time.Second, 10*time.Millisecond,
		"who takes nothing keeps the file open")
	c.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		d.server.URL+api.Prefix+"/clips/"+clip.ID+"/video", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+bob)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
}

// count is how many files are being sent.
func (d *downloads) count() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.running {
		n += c
	}
	return n
}
