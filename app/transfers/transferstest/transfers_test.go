package transferstest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/transfers"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	"github.com/hindsight-app/hindsight/publish/client"
)

const patience = 90 * time.Second

// cutter is a proxy between the app and the backend whose connections break.
type cutter struct {
	net.Listener
	to string
	// cutAfter is after how many bytes of one direction a connection is cut; 0 is never.
	cutAfter atomic.Int64
	cuts     atomic.Int64
	// up is how many bytes went to the backend.
	up atomic.Int64
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cutter{Listener: l, to: strings.TrimPrefix(to, "http://")}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	return c
}

func (c *cutter) url() string { return "http://" + c.Addr().String() }

func (c *cutter) serve(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer far.Close()
	ended := make(chan struct{}, 2)
	for _, way := range []struct {
		from, to net.Conn
		up       bool
	}{{near, far, true}, {far, near, false}} {
		go func() {
			defer func() { ended <- struct{}{} }()
			piece, passed := make([]byte, 8<<10), int64(0)
			for {
				n, err := way.from.Read(piece)
				if way.up {
					c.up.Add(int64(n))
				}
				passed += int64(n)
				if _, failed := way.to.Write(piece[:n]); failed != nil || err != nil {
					return
				}
				if limit := c.cutAfter.Load(); limit > 0 && passed >= limit {
					c.cuts.Add(1)
					return
				}
			}
		}()
	}
	<-ended
}

// bench is a team's server, and the app's side of it.
type bench struct {
	*stack.Backend
	proxy  *cutter
	token  atomic.Pointer[string]
	limit  atomic.Int64
	dir    string
	book   *links.Book
	source string // a clip of some megabytes
	ended  chan transfers.Outcome
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir(), ended: make(chan transfers.Outcome, 16)}
	var err error
	b.Backend, err = stack.StartBackend(t.Context(), t.TempDir(), stack.BackendOptions{Identity: "alice",
		LiveKit: &stack.LiveKit{URL: "ws://127.0.0.1:1", APIKey: "devstack", APISecret: strings.Repeat("s", 32)}})
	require.NoError(t, err)
	t.Cleanup(func() {
		b.Backend.Close()
		if t.Failed() {
			t.Logf("the backend's last words:\n%s", b.Tail(4000))
		}
	})
	b.proxy = newCutter(t, b.URL)
	b.token.Store(&b.Backend.Token)
	b.source = filepath.Join(b.dir, "source.mp4")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i",
		"testsrc2=s=320x180:r=30,noise=alls=40:allf=t", "-f", "lavfi", "-i", "sine=r=48000", "-t", "4", "-ac", "2", "-c:v",
		"libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "0", "-g", "30", "-b:v", "5M", "-minrate", "5M",
		"-maxrate", "5M", "-bufsize", "1M", "-c:a", "aac", "-movflags", "+faststart", b.source).CombinedOutput()
	require.NoError(t, err, string(out))
	return b
}

// clip is a file of its own for a test: the server knows files by what they hold.
func (b *bench) clip(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(b.dir, "clips")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	path := filepath.Join(dir, name+".mp4")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-i", b.source, "-c", "copy",
		"-metadata", "title="+name, path).CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

// open starts the app's queue, as the app does.
func (b *bench) open(t *testing.T) *transfers.Queue {
	t.Helper()
	b.book = links.Open(b.dir)
	dial := func(backend string) (*client.Client, error) { return client.New(backend, *b.token.Load()) }
	q := transfers.Open(transfers.Options{
		File: filepath.Join(b.dir, transfers.FileName), Dial: dial, Book: b.book,
		Link: func(ctx context.Context, at links.Copy, _ string) (string, error) {
			c, err := dial(at.Backend)
			if err != nil {
				return "", err
			}
			made, err := links.Make(ctx, c, at.ClipID, nil, slog.New(slog.DiscardHandler))
			if err != nil {
				return "", err
			}
			return made.URL, nil
		},
		Limit:      func() int { return int(b.limit.Load()) },
		Template:   func() string { return "" },
		Finished:   func(o transfers.Outcome) { b.ended <- o },
		FirstPause: 50 * time.Millisecond, LongPause: time.Second, Log: slog.New(slog.DiscardHandler),
	})
	q.Start()
	t.Cleanup(q.Close)
	return q
}

// slow begins the upload of a clip that does not end by itself, and returns when some of it is on the server.
func (b *bench) slow(t *testing.T, q *transfers.Queue, name string) (path, id string) {
	t.Helper()
	path = b.clip(t, name)
	b.limit.Store(2000)
	id, err := q.Upload(b.proxy.url(), path, true, true, 0)
	require.NoError(t, err)
	items, stop := q.Watch()
	defer stop()
	wait.First(t, items, patience, "some of it is sent", func(list []transfers.Item) bool {
		return len(list) == 1 && list[0].Sent > 256<<10
	})
	return path, id
}

func (b *bench) done(t *testing.T) transfers.Outcome {
	t.Helper()
	return wait.For(t, b.ended, patience, "the end of a transfer")
}

// plays checks that a link leads to a video.
func plays(t *testing.T, link string) {
	t.Helper()
	resp, err := http.Get(link + "/video")
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	n, err := io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.Greater(t, n, int64(1<<20))
}

// The app and the real backend, with connections that break, an app that ends, files that go, and tokens that are
// revoked.
func TestTransfers(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"connections that break", uploadThroughCuts}, {"restart", uploadAfterRestart}, {"killed", uploadAfterKill},
		{"sleep", uploadAfterSleep}, {"deleted", deletedFile}, {"changed", changedFile}, {"renamed", renamedFile},
		{"canceled", canceled}, {"download", downloaded}, {"revoked token", revokedToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.limit.Store(0)
			b.proxy.cutAfter.Store(0)
			require.NoError(t, os.RemoveAll(filepath.Join(b.dir, transfers.FileName)))
			c.test(t, b)
		})
	}
}

// Cut every half megabyte, the file arrives, is not sent much more than once, and has a link that plays.
func uploadThroughCuts(t *testing.T, b *bench) {
	q := b.open(t)
	path := b.clip(t, "cut")
	info, err := os.Stat(path)
	require.NoError(t, err)
	b.proxy.cutAfter.Store(512 << 10)
	before := b.proxy.up.Load()
	_, err = q.Upload(b.proxy.url(), path, true, true, 0)
	require.NoError(t, err)
	o := b.done(t)
	require.NoError(t, o.Err)
	require.True(t, o.Copy)
	require.GreaterOrEqual(t, b.proxy.cuts.Load(), info.Size()/(512<<10)-1)
	require.Less(t, b.proxy.up.Load()-before, 2*info.Size(), "it does not continue where it was cut")
	b.proxy.cutAfter.Store(0)
	plays(t, o.URL)
	at, ok := b.book.Of(path)
	require.True(t, ok)
	require.Equal(t, links.Copy{Backend: b.proxy.url(), ClipID: o.ClipID}, at)
	require.Empty(t, q.Items())
}

// An app that is started again continues where it ended.
func uploadAfterRestart(t *testing.T, b *bench) {
	q := b.open(t)
	path, _ := b.slow(t, q, "restart")
	q.Close()
	b.continues(t, path)
}

// One that was killed does so, too: what it needs was in the file at that moment.
func uploadAfterKill(t *testing.T, b *bench) {
	q := b.open(t)
	path, _ := b.slow(t, q, "killed")
	file := filepath.Join(b.dir, transfers.FileName)
	then, err := os.ReadFile(file)
	require.NoError(t, err)
	q.Close()
	require.NoError(t, os.WriteFile(file, then, 0o600))
	b.continues(t, path)
}

func (b *bench) continues(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	before := b.proxy.up.Load()
	b.limit.Store(0)
	q := b.open(t)
	o := b.done(t)
	require.NoError(t, o.Err)
	require.Less(t, b.proxy.up.Load()-before, info.Size(), "it was sent again as a whole")
	plays(t, o.URL)
	require.Empty(t, q.Items())
}

// While the machine sleeps nothing is tried, and after it the upload continues.
func uploadAfterSleep(t *testing.T, b *bench) {
	q := b.open(t)
	b.slow(t, q, "asleep")
	q.Sleep(true)
	require.Eventually(t, func() bool { return q.Items()[0].State == transfers.Waiting }, patience, 10*time.Millisecond)
	before := b.proxy.up.Load()
	b.limit.Store(0)
	q.Retry(q.Items()[0].ID)
	require.Equal(t, before, b.proxy.up.Load())
	q.Sleep(false)
	require.NoError(t, b.done(t).Err)
}

func deletedFile(t *testing.T, b *bench) {
	q := b.open(t)
	path, id := b.slow(t, q, "deleted")
	require.NoError(t, os.Remove(path))
	o := b.done(t)
	require.ErrorContains(t, o.Err, "deleted.mp4 no longer exists")
	list := q.Items()
	require.Len(t, list, 1)
	require.Equal(t, transfers.Stopped, list[0].State)
	require.Equal(t, "Deleted.mp4 no longer exists, so it can't be uploaded.", list[0].Error)
	require.True(t, list[0].Final)

	// Once the same clip has arrived, here by another address, nothing is left of the failure.
	require.Equal(t, path, b.clip(t, "deleted"))
	b.limit.Store(0)
	_, err := q.Upload(b.URL, path, true, true, 0)
	require.NoError(t, err)
	require.NoError(t, b.done(t).Err)
	require.Empty(t, q.Items())
	q.Remove(id)
	require.NoError(t, os.Remove(path))
	_, err = q.Upload(b.proxy.url(), path, true, true, 0)
	require.ErrorContains(t, err, "no longer exists")
}

// A file that is another one is not sent half and half: it is up to the user to send the new one.
func changedFile(t *testing.T, b *bench) {
	q := b.open(t)
	other := b.clip(t, "another")
	path, id := b.slow(t, q, "changed")
	require.NoError(t, os.Rename(other, path))
	o := b.done(t)
	require.ErrorContains(t, o.Err, "was changed while it was uploaded")
	b.limit.Store(0)
	q.Retry(id)
	o = b.done(t)
	require.NoError(t, o.Err)
	plays(t, o.URL)
}

func renamedFile(t *testing.T, b *bench) {
	q := b.open(t)
	path, _ := b.slow(t, q, "before")
	after := filepath.Join(filepath.Dir(path), "after.mp4")
	require.NoError(t, os.Rename(path, after))
	b.limit.Store(0)
	o := b.done(t)
	require.NoError(t, o.Err)
	require.Equal(t, after, o.Path)
}

// What is canceled is gone here, and on the server.
func canceled(t *testing.T, b *bench) {
	q := b.open(t)
	_, id := b.slow(t, q, "canceled")
	raw, err := os.ReadFile(filepath.Join(b.dir, transfers.FileName))
	require.NoError(t, err)
	var kept []struct{ Resume string }
	require.NoError(t, json.Unmarshal(raw, &kept))
	require.Len(t, kept, 1)
	q.Remove(id)
	require.Empty(t, q.Items())
	c, err := client.New(b.URL, *b.token.Load())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := c.UploadState(t.Context(), kept[0].Resume)
		return errors.Is(err, client.ErrNotFound)
	}, patience, 50*time.Millisecond)
	_, err = c.Clip(t.Context(), kept[0].Resume)
	require.ErrorIs(t, err, client.ErrNotFound)
}

// A clip that only the server has comes here, over connections that break, as the server has it.
func downloaded(t *testing.T, b *bench) {
	c, err := client.New(b.URL, *b.token.Load())
	require.NoError(t, err)
	list, err := c.Clips(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, list.Clips)
	want := list.Clips[0]
	b.proxy.cutAfter.Store(512 << 10)
	q := b.open(t)
	folder := filepath.Join(b.dir, "downloads")
	q.Download(b.proxy.url(), want.ClipID, folder, false)
	o := b.done(t)
	require.NoError(t, o.Err)
	got, err := os.ReadFile(o.Path)
	require.NoError(t, err)
	stored, err := os.ReadFile(filepath.Join(b.Folder, "clips", want.ClipID+".mp4"))
	require.NoError(t, err)
	require.Equal(t, want.Bytes, int64(len(got)))
	require.Equal(t, want.Title+".mp4", filepath.Base(o.Path))
	require.Equal(t, stored, got)
	at, ok := b.book.Of(o.Path)
	require.True(t, ok)
	require.Equal(t, want.ClipID, at.ClipID)
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 1)

	q.Download(b.proxy.url(), "nothing", folder, false)
	require.ErrorContains(t, b.done(t).Err, "the server no longer has this clip")
}

// With a token that was revoked nothing is tried again until there is another one.
func revokedToken(t *testing.T, b *bench) {
	run := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), b.Program, append([]string{"--data", b.Folder}, args...)...).Output()
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	q := b.open(t)
	b.slow(t, q, "revoked")
	list := strings.Fields(run("token", "list"))
	run("token", "revoke", list[slices.Index(list, "alice")-1])
	b.limit.Store(0)
	o := b.done(t)
	require.ErrorIs(t, o.Err, client.ErrToken)
	require.Equal(t, transfers.Stopped, q.Items()[0].State)
	require.False(t, q.Items()[0].Final, "with another token it can go on")
	token := run("token", "create", "--identity", "alice", "--scopes", "publish")
	b.token.Store(&token)
	q.Wake()
	o = b.done(t)
	require.NoError(t, o.Err)
	plays(t, o.URL)
}
