package backend_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// wire passes on what a database and its client say, until it is held.
type wire struct {
	net.Listener
	to   string
	mu   sync.Mutex
	held chan struct{} // closed where nothing is held
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{Listener: l, to: to, held: make(chan struct{})}
	close(w.held)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				c.Close()
				continue
			}
			go w.pass(far, c)
			go w.pass(c, far)
		}
	}()
	return w
}

func (w *wire) pass(to, from net.Conn) {
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		w.mu.Lock()
		held := w.held
		w.mu.Unlock()
		<-held
		if _, err2 := to.Write(b[:n]); err != nil || err2 != nil {
			return
		}
	}
}

// hold keeps back what is said until release is called.
func (w *wire) hold() (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := make(chan struct{})
	w.held = held
	return sync.OnceFunc(func() { close(held) })
}

// stuck is a storage that stops in the middle of a clip: once the clip's file is half written, no segment is read until
// it is let go.
type stuck struct {
	*storage.Storage
	clips   string
	reached chan struct{}
	once    sync.Once
	free    chan struct{}
}

func (s *stuck) OpenSegment(ctx context.Context, id, segment string) (io.ReadSeekCloser, error) {
	if files, _ := os.ReadDir(s.clips); len(files) > 0 {
		s.once.Do(func() { close(s.reached) })
		<-s.free
	}
	return s.Storage.OpenSegment(ctx, id, segment)
}

// A backend hangs in the middle of a cut, cut off from the database: another takes the clip over once the lease is up.
// When the first goes on, the clip is what the second has made, once and whole; nothing half is left.
func TestLeaseLostInACut(t *testing.T) {
	ctx := t.Context()
	shared := newShared(t)
	address, home, files := shared.address, shared.home, shared.files
	u, err := url.Parse(address)
	require.NoError(t, err)
	w := newWire(t, u.Host)
	u.Host = w.Addr().String()

	hangs := &stuck{Storage: files, clips: filepath.Join(home, "clips"), reached: make(chan struct{}),
		free: make(chan struct{})}
	free := sync.OnceFunc(func() { close(hangs.free) })
	defer free()
	o := options(shared.open(t, u.String()), files, shared.shelf.Began)
	o.Storage, o.Cutter = hangs, &buffers.Remuxer{Storage: hangs, Clips: files}
	one := run(t, o)
	clip := shared.order(t)
	<-hangs.reached
	release := w.hold()
	defer release()

	second := shared.open(t, address)
	run(t, options(second, files, shared.shelf.Began))
	require.Eventually(t, func() bool {
		clip, err = second.Clip(ctx, clip.ID)
		return err == nil && clip.State != api.ClipWaiting
	}, 40*time.Second, 50*time.Millisecond, "nobody takes the clip over")
	require.Equal(t, api.ClipReady, clip.State, clip.Reason)
	video := filepath.Join(home, "clips", clip.ID+".mp4")
	made, err := os.ReadFile(video)
	require.NoError(t, err)

	free()
	release()
	require.NoError(t, one.Close())
	now, err := second.Clip(ctx, clip.ID)
	require.NoError(t, err)
	require.Equal(t, clip, now)
	after, err := os.ReadFile(video)
	require.NoError(t, err)
	require.Equal(t, len(made), len(after))
	_, length, err := backendtest.Probe(ctx, video)
	require.NoError(t, err)
	require.InDelta(t, 10, length.Seconds(), 0.1)
	var names []string
	left, err := os.ReadDir(filepath.Dir(video))
	require.NoError(t, err)
	for _, f := range left {
		names = append(names, strings.TrimPrefix(f.Name(), clip.ID))
	}
	slices.Sort(names)
	require.Equal(t, []string{".json", ".mp4"}, names)
}
