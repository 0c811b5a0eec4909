package backend_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
	"github.com/hindsight-app/hindsight/publish/backend/storage/s3test"
	"github.com/hindsight-app/hindsight/publish/client"
)

// recorded is a clip of some megabytes, with its header at the end.
func recorded(t *testing.T, seconds, kbps int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip.mp4")
	rate := fmt.Sprintf("%dk", kbps)
	out, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i",
		"testsrc2=s=640x360:r=30,noise=alls=60:allf=t", "-f", "lavfi", "-i", "sine=r=48000", "-t", fmt.Sprint(seconds),
		"-c:v", "libx264", "-preset", "ultrafast", "-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate,
		"-pix_fmt", "yuv420p", "-c:a", "aac", path).CombinedOutput()
	require.NoError(t, err, "ffmpeg is needed, run make setup: %s", out)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// frameHashes are the hashes of all video and sound that ffmpeg finds in a file, with their times; nothing is decoded.
func frameHashes(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip.mp4")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	out, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-f", "framemd5", "-").Output()
	require.NoError(t, err)
	return string(out)
}

// brittle is a proxy that cuts connections.
type brittle struct {
	net.Listener
	to   string
	cuts atomic.Int64
	// until is how many connections are cut, each after some bytes.
	until int64
	mu    sync.Mutex
	rand  *rand.Rand
	open  map[net.Conn]bool
	conns sync.WaitGroup
}

// newBrittle cuts as many connections to addr as most says.
func newBrittle(t *testing.T, addr string, most int64) *brittle {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &brittle{Listener: l, to: addr, until: most, rand: rand.New(rand.NewPCG(7, 7)), open: map[net.Conn]bool{}}
	p.conns.Go(p.serve)
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for c := range p.open {
			c.Close()
		}
		p.mu.Unlock()
		p.conns.Wait()
	})
	return p
}

func (p *brittle) URL() string { return "http://" + p.Addr().String() }

func (p *brittle) serve() {
	for {
		in, err := p.Accept()
		if err != nil {
			return
		}
		p.conns.Go(func() { p.pass(in) })
	}
}

// pass copies both ways until one ends, or enough has gone to the server.
func (p *brittle) pass(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer out.Close()
	p.mu.Lock()
	after := 1000 + p.rand.Int64N(1_500_000)
	p.open[in] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.open, in)
		p.mu.Unlock()
	}()
	ended := make(chan struct{}, 2)
	go func() {
		_, _ = io.Copy(in, out)
		ended <- struct{}{}
	}()
	go func() {
		if p.cuts.Load() >= p.until {
			_, _ = io.Copy(out, in)
		} else if n, _ := io.CopyN(out, in, after); n == after {
			p.cuts.Add(1)
		}
		ended <- struct{}{}
	}()
	<-ended
}

// A clip arrives whole over a connection that is cut twenty times, with the backend killed in between and the app
// started again: the same frames and sound at the same times. Its page plays it then, and nothing else is left of it.
func TestUploadOverABrittleNetwork(t *testing.T) {
	l := newLibrary(t, 1000, stack.BackendOptions{Args: []string{"--base-url", "https://" + host}})
	video := recorded(t, 8, 20_000)
	const cuts = 20
	proxy := newBrittle(t, strings.TrimPrefix(l.URL, "http://"), cuts)
	app, err := client.New(proxy.URL(), l.Token)
	require.NoError(t, err)
	var id string
	begun := make(chan string, 100)
	send := func(ctx context.Context, resume string) (*api.Clip, error) {
		return app.Upload(ctx, bytes.NewReader(video), int64(len(video)), api.UploadRequest{Title: "Over the hill"}, resume,
			client.UploadOptions{Begun: func(id string) { begun <- id }})
	}
	// The app ends when some of it has arrived.
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := send(ctx, "")
		ended <- err
	}()
	id = wait.For(t, begun, time.Minute, "the upload begins")
	require.Eventually(t, func() bool { return proxy.cuts.Load() >= 3 }, time.Minute, 5*time.Millisecond)
	end()
	require.ErrorIs(t, wait.For(t, ended, time.Minute, "the app ends"), context.Canceled)

	// It goes on, and the backend is killed.
	done := make(chan *api.Clip, 1)
	go func() {
		clip, err := send(t.Context(), id)
		ended <- err
		done <- clip
	}()
	require.Eventually(t, func() bool { return proxy.cuts.Load() >= 8 }, time.Minute, 5*time.Millisecond)
	require.NoError(t, l.Signal(syscall.SIGKILL))
	l.Proc, err = l.Again(t.Context())
	require.NoError(t, err)
	require.NoError(t, wait.For(t, ended, 2*time.Minute, "the upload ends"))
	clip := <-done
	for range len(begun) {
		require.Equal(t, id, <-begun, "it began anew")
	}
	require.GreaterOrEqual(t, proxy.cuts.Load(), int64(cuts))
	t.Logf("%d MB, %d cuts", len(video)/1e6, proxy.cuts.Load())

	require.Equal(t, id, clip.ClipID)
	require.Equal(t, api.ClipReady, clip.State)
	require.Equal(t, api.OriginUpload, clip.Origin)
	require.Equal(t, "Over the hill", clip.Title)
	require.Equal(t, 640, clip.Width)
	var got bytes.Buffer
	n, err := app.Video(t.Context(), id, &got)
	require.NoError(t, err)
	require.Equal(t, clip.Bytes, n)
	require.Equal(t, frameHashes(t, video), frameHashes(t, got.Bytes()))
	require.Less(t, bytes.Index(got.Bytes(), []byte("moov")), 100, "it cannot start at once")
	left, err := filepath.Glob(filepath.Join(l.Folder, "uploads", "*"))
	require.NoError(t, err)
	require.Empty(t, left)
	work, err := filepath.Glob(filepath.Join(l.Folder, "private", "work", "*"))
	require.NoError(t, err)
	require.Empty(t, work)

	link, err := app.CreateLink(t.Context(), id, 0)
	require.NoError(t, err)
	require.Equal(t, id, link.ClipID)
	page := pageOf(t, l.URL+strings.TrimPrefix(link.URL, "https://"+host))
	for _, want := range []string{"<title>Over the hill</title>", `og:video:width" content="640"`, "json+oembed"} {
		require.Contains(t, page, want)
	}
	links, err := app.AllLinks(t.Context())
	require.NoError(t, err)
	require.Len(t, links.Links, 2, "that of the clip that was there, and this one")
	require.NoError(t, app.RevokeLink(t.Context(), id, link.LinkID))
	require.NoError(t, app.DeleteClip(t.Context(), id))
	_, err = app.Clip(t.Context(), id)
	require.ErrorIs(t, err, client.ErrNotFound)
}

func pageOf(t *testing.T, address string) string {
	t.Helper()
	resp, err := http.Get(address)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(b)
}

// What is no clip becomes none: its sender reads why, no link can be made, and nothing is left of it.
func TestHostileUploadsLeaveNothing(t *testing.T) {
	l := newLibrary(t, 1000, stack.BackendOptions{Args: []string{"--rate", "0"}})
	app, err := client.New(l.URL, l.Token)
	require.NoError(t, err)
	video := recorded(t, 2, 4000)
	boxes := bytes.Repeat([]byte("\x00\x00\x00\x08free"), 4<<20) // 32 MB
	at := bytes.Index(video, []byte("moov"))
	for name, b := range map[string][]byte{
		"zip":       append([]byte("PK\x03\x04"), video...),
		"truncated": video[:len(video)-100],
		"boxes":     append(bytes.Clone(video[:32]), boxes...),
		"huge box":  append(bytes.Clone(video[:32]), "\xff\xff\xff\xffmdat"...),
		"codec":     bytes.ReplaceAll(video, []byte("avc1"), []byte("hvc1")),
		"no header": video[:at-4],
	} {
		t.Run(name, func(t *testing.T) {
			var id string
			_, err := app.Upload(t.Context(), bytes.NewReader(b), int64(len(b)), api.UploadRequest{}, "",
				client.UploadOptions{Begun: func(begun string) { id = begun }})
			require.ErrorIs(t, err, client.ErrInvalid)
			require.ErrorAs(t, err, new(*client.RefusedError))
			require.NotContains(t, err.Error(), "invalid request")
			t.Log(err)
			_, err = app.CreateLink(t.Context(), id, 0)
			require.ErrorIs(t, err, client.ErrNotFound)
			_, err = app.Clip(t.Context(), id)
			require.ErrorIs(t, err, client.ErrNotFound)
		})
	}
	for folder, want := range map[string]int{"uploads": 0, "clips": 1, "private/work": 0} {
		require.Eventually(t, func() bool {
			names, err := filepath.Glob(filepath.Join(l.Folder, folder, "*"))
			return err == nil && len(names) == want
		}, 30*time.Second, 20*time.Millisecond, folder)
	}
	clips, err := app.Clips(t.Context())
	require.NoError(t, err)
	require.Len(t, clips.Clips, 1)
	peak, err := stack.PeakMemory(l.PID())
	require.NoError(t, err)
	t.Logf("%d MB resident", peak/1e6)
	require.Less(t, peak, int64(256e6))
}

// served is a backend in this process, with two users.
type served struct {
	*shelftest.Shelf
	url        string
	alice, bob *client.Client
	token      state.Token // of alice
}

func newServed(t *testing.T, clips int, megabytes int64, expire time.Duration) *served {
	t.Helper()
	s := &served{Shelf: shelftest.New(t, 1, time.Now())}
	o := options(s.DB, s.Files, s.Began)
	o.Web.MaxClips, o.Web.MaxClipBytes, o.Uploads.Expire, o.Uploads.Work = clips, megabytes*1e6, expire, t.TempDir()
	server := httptest.NewServer(run(t, o).Handler())
	t.Cleanup(server.Close)
	s.url = server.URL
	for name, c := range map[string]**client.Client{"alice": &s.alice, "bob": &s.bob} {
		token, secret, err := s.DB.CreateToken(t.Context(), name, "*", state.Publish)
		require.NoError(t, err)
		*c, err = client.New(server.URL, secret)
		require.NoError(t, err)
		if name == "alice" {
			s.token = token
		}
	}
	return s
}

// stalling is a file whose bytes beyond some do not come before it is released.
type stalling struct {
	*bytes.Reader
	from    int64
	stalls  chan struct{}
	release chan struct{}
	once    sync.Once
	armed   atomic.Bool
}

func (s *stalling) ReadAt(b []byte, at int64) (int, error) {
	if s.armed.Load() && at+int64(len(b)) > s.from {
		s.once.Do(func() { close(s.stalls) })
		<-s.release
	}
	return s.Reader.ReadAt(b, at)
}

// hold begins an upload that stays half-way.
func (s *served) hold(t *testing.T, c *client.Client, video []byte) (id string, file *stalling, ended chan error) {
	t.Helper()
	file = &stalling{Reader: bytes.NewReader(video), from: int64(len(video)) / 2, stalls: make(chan struct{}),
		release: make(chan struct{})}
	ids := make(chan string, 10)
	ended = make(chan error, 1)
	go func() {
		_, err := c.Upload(t.Context(), file, int64(len(video)), api.UploadRequest{}, "", client.UploadOptions{
			Begun: func(id string) {
				file.armed.Store(true)
				ids <- id
			}})
		ended <- err
	}()
	id = wait.For(t, ids, time.Minute, "the upload begins")
	wait.For(t, file.stalls, time.Minute, "half of it is sent")
	return id, file, ended
}

// An upload takes its length of the quota when it begins, so that several at once do not get beyond it; nobody else
// sees it; and it becomes no clip when its token is revoked.
func TestUploadBelongsToItsUser(t *testing.T) {
	s := newServed(t, 0, 5, 0)
	video := recorded(t, 3, 8000) // 3 MB
	id, file, ended := s.hold(t, s.alice, video)
	_, bytesUsed, err := s.DB.Used(t.Context(), "alice")
	require.NoError(t, err)
	require.Equal(t, int64(len(video)), bytesUsed)
	other := append(bytes.Clone(video), "\x00\x00\x00\x08free"...)
	_, err = s.alice.Upload(t.Context(), bytes.NewReader(other), int64(len(other)), api.UploadRequest{}, "",
		client.UploadOptions{})
	require.ErrorIs(t, err, client.ErrQuota)
	require.ErrorContains(t, err, "more than 5 MB")

	_, err = s.bob.UploadState(t.Context(), id)
	require.ErrorIs(t, err, client.ErrNotFound)
	require.NoError(t, s.bob.CancelUpload(t.Context(), id))
	known, err := s.alice.UploadState(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, api.UploadReceiving, known.State)
	clip, err := s.bob.Upload(t.Context(), bytes.NewReader(video), int64(len(video)), api.UploadRequest{}, id,
		client.UploadOptions{})
	require.NoError(t, err, "bob has a quota of his own")
	require.NotEqual(t, id, clip.ClipID)

	require.NoError(t, s.DB.RevokeToken(t.Context(), s.token.ID))
	close(file.release)
	require.ErrorIs(t, wait.For(t, ended, time.Minute, "the upload ends"), client.ErrToken)
	_, bytesUsed, err = s.DB.Used(t.Context(), "alice")
	require.NoError(t, err)
	require.Zero(t, bytesUsed)
	s.nothingLeft(t)
}

// nothingLeft waits until the storage has nothing of any upload.
func (s *served) nothingLeft(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		names, err := filepath.Glob(filepath.Join(s.Folder, "../../uploads/*"))
		return err == nil && len(names) == 0
	}, time.Minute, 20*time.Millisecond)
}

// What nobody adds to goes, and an upload that goes on after that begins anew by itself. A file that has changed since
// is another upload.
func TestUploadsExpire(t *testing.T) {
	s := newServed(t, 0, 0, 4*time.Second)
	video := recorded(t, 2, 4000)
	id, file, ended := s.hold(t, s.alice, video)
	require.Eventually(t, func() bool {
		_, err := s.alice.UploadState(t.Context(), id)
		return errors.Is(err, client.ErrNotFound)
	}, time.Minute, 50*time.Millisecond)
	close(file.release)
	require.NoError(t, wait.For(t, ended, time.Minute, "the upload ends"))
	_, err := s.alice.Clip(t.Context(), id)
	require.ErrorIs(t, err, client.ErrNotFound)
	clips, err := s.alice.Clips(t.Context())
	require.NoError(t, err)
	require.Len(t, clips.Clips, 1)
	s.nothingLeft(t)

	other := recorded(t, 1, 3000)
	clip, err := s.alice.Upload(t.Context(), bytes.NewReader(other), int64(len(other)), api.UploadRequest{},
		clips.Clips[0].ClipID, client.UploadOptions{Poster: []byte(shelftest.JPEG(t, 64, 36))})
	require.NoError(t, err)
	require.InDelta(t, 1, clip.Seconds, 0.1)
	_, err = s.DB.Poster(t.Context(), clip.ClipID)
	require.NoError(t, err)
}

// Requests go to three backends in turn, on one PostgreSQL and one bucket: a clip arrives, and is one.
func TestUploadToManyBackends(t *testing.T) {
	on := newShared(t)
	s3, err := s3test.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(s3.Close)
	for k, v := range s3.Env() {
		t.Setenv(k, v)
	}
	bucket, err := storage.OpenBucket(t.Context(), s3.URL("team"))
	require.NoError(t, err)
	t.Cleanup(func() { bucket.Close() })
	var backends []*url.URL
	for range 3 {
		o := options(on.open(t, on.address), bucket, on.shelf.Began)
		o.Uploads.Work = t.TempDir()
		server := httptest.NewServer(run(t, o).Handler())
		t.Cleanup(server.Close)
		u, err := url.Parse(server.URL)
		require.NoError(t, err)
		backends = append(backends, u)
	}
	var turn atomic.Int64
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(backends[int(turn.Add(1))%len(backends)])
	}})
	t.Cleanup(proxy.Close)
	_, secret, err := on.db.CreateToken(t.Context(), "alice", "*", state.Publish)
	require.NoError(t, err)
	app, err := client.New(proxy.URL, secret)
	require.NoError(t, err)
	video := recorded(t, 8, 20_000)
	clip, err := app.Upload(t.Context(), bytes.NewReader(video), int64(len(video)), api.UploadRequest{Title: "Shared"}, "",
		client.UploadOptions{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, turn.Load(), int64(6))
	var got bytes.Buffer
	_, err = app.Video(t.Context(), clip.ClipID, &got)
	require.NoError(t, err)
	require.Equal(t, frameHashes(t, video), frameHashes(t, got.Bytes()))
	sum := sha256.Sum256(video)
	require.Eventually(t, func() bool {
		parts, err := s3.Keys(t.Context(), "team/uploads/")
		return err == nil && len(parts) == 0
	}, time.Minute, 50*time.Millisecond)
	known, err := app.UploadState(t.Context(), clip.ClipID)
	require.NoError(t, err)
	require.Equal(t, hex.EncodeToString(sum[:]), known.SHA256)
}
