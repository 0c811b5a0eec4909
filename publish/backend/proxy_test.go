package backend_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/client"
)

// host is what the services of these tests are called; who asks for it is led to loopback.
const host = "replay.example.com"

// library is a running backend, without LiveKit, whose user alice has one clip.
type library struct {
	*stack.Backend
	dir  string
	clip state.Clip
	// video is the clip's file, and secret that of a share link to it.
	video  []byte
	secret string
}

func newLibrary(t *testing.T, size int, o stack.BackendOptions) *library {
	t.Helper()
	ctx := t.Context()
	l := &library{dir: t.TempDir(), video: make([]byte, size)}
	_, err := rand.NewChaCha8([32]byte{}).Read(l.video)
	require.NoError(t, err)
	data := filepath.Join(l.dir, "data")
	require.NoError(t, os.MkdirAll(filepath.Join(data, "private"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(data, "clips"), 0o700))
	db, err := state.Open(ctx, filepath.Join(data, "private"))
	require.NoError(t, err)
	now := time.Now().Truncate(time.Second)
	replay := state.Replay{ID: state.NewID(), Identity: "alice", Room: "den", Created: now.Add(-time.Minute)}
	require.NoError(t, db.AddReplay(ctx, replay))
	l.clip = state.Clip{ID: state.NewID(), ReplayID: replay.ID, Identity: "alice", Room: "den", State: api.ClipWaiting,
		Asked: 10 * time.Second, Pressed: now, Created: now}
	ok, err := db.AddClip(ctx, l.clip, 1)
	require.NoError(t, err)
	require.True(t, ok)
	l.clip.State, l.clip.From, l.clip.To, l.clip.Bytes = api.ClipReady, l.clip.Start(), now, int64(size)
	require.NoError(t, db.FinishClip(ctx, l.clip))
	_, l.secret, ok, err = db.AddLink(ctx, l.clip.ID, "alice", now.Add(time.Hour), 1)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, db.Close())
	require.NoError(t, os.WriteFile(filepath.Join(data, "clips", l.clip.ID+".mp4"), l.video, 0o600))

	o.Identity, o.Program = "alice", program
	o.LiveKit = &stack.LiveKit{URL: "ws://127.0.0.1:1", APIKey: "devstack", APISecret: strings.Repeat("s", 32)}
	l.Backend, err = stack.StartBackend(ctx, l.dir, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		l.Close()
		if t.Failed() {
			t.Logf("the backend's last words:\n%s", l.Tail(6000))
		}
	})
	return l
}

// issued is a certificate for host in a folder, with its key, and the authority that issued it.
func issued(t *testing.T) (authority *backendtest.Authority, dir, cert, key string) {
	t.Helper()
	authority, err := backendtest.NewAuthority()
	require.NoError(t, err)
	dir = t.TempDir()
	cert, key, err = authority.Issue(dir, host, time.Now().Add(time.Hour))
	require.NoError(t, err)
	return authority, dir, cert, key
}

// caller makes an HTTP client that has an address of its own on loopback and finds host at addr.
func caller(t *testing.T, from, addr string, trust *x509.CertPool) *http.Client {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr) }}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// get asks for a path with headers, in pairs, and returns the answer with its body.
func get(t *testing.T, c *http.Client, path string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	return ask(t, c, http.MethodGet, path, "", headers...)
}

func ask(t *testing.T, c *http.Client, method, path, content string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://"+host+path, strings.NewReader(content))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, body
}

// The real nginx with the file that the deploy page recommends, but for addresses and the certificate: it ends TLS,
// each caller is counted by an address that the caller cannot choose, clips are sent in ranges, posters pass and larger
// bodies do not, secrets of links stay out of its log, and a backend that is away is reported.
func TestBehindNginx(t *testing.T) {
	authority, dir, cert, key := issued(t)
	audit := filepath.Join(dir, "audit.log")
	l := newLibrary(t, 3<<20, stack.BackendOptions{Args: []string{"--trusted-proxies", "127.0.0.1", "--rate", "3",
		"--audit-log", audit}})

	b, err := os.ReadFile("../deploy/nginx.conf")
	require.NoError(t, err)
	port, err := stack.FreePort()
	require.NoError(t, err)
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	servers := regexp.MustCompile(`listen \[::\].*`).ReplaceAllString(string(b), "")
	servers = strings.NewReplacer("listen 443", "listen "+addr, "127.0.0.1:8484", strings.TrimPrefix(l.URL, "http://"),
		"/etc/ssl/replay.example.com.pem", cert, "/etc/ssl/replay.example.com.key", key).Replace(servers)
	proxy, err := stack.StartProxy(t.Context(), dir, servers, addr)
	require.NoError(t, err)
	defer proxy.Close()

	// The app's own client downloads the clip and sets a poster of more than nginx takes by itself.
	web := caller(t, "127.0.0.2", addr, authority.Pool())
	app, err := client.New("https://"+host, l.Token, client.WithHTTPClient(web))
	require.NoError(t, err)
	var video bytes.Buffer
	_, err = app.Video(t.Context(), l.clip.ID, &video)
	require.NoError(t, err)
	require.True(t, bytes.Equal(l.video, video.Bytes()))
	poster := noisy(t, 1300, 1000)
	require.Greater(t, len(poster), 1<<20)
	require.Less(t, len(poster), 2<<20)
	require.NoError(t, app.SetPoster(t.Context(), l.clip.ID, poster))
	require.ErrorContains(t, app.SetPoster(t.Context(), l.clip.ID, make([]byte, 5<<19)), "the poster is longer than")
	require.ErrorContains(t, app.SetPoster(t.Context(), l.clip.ID, make([]byte, 4<<20)), "413")

	// A clip is uploaded through it, in pieces larger than other bodies may be.
	clip := recorded(t, 3, 12_000)
	require.Greater(t, len(clip), 4<<20)
	sent, err := app.Upload(t.Context(), bytes.NewReader(clip), int64(len(clip)), api.UploadRequest{}, "",
		client.UploadOptions{})
	require.NoError(t, err)
	require.InDelta(t, 3, sent.Seconds, 0.1)

	auth := "Bearer " + l.Token
	path := api.Prefix + "/clips/" + l.clip.ID + "/video"
	resp, body := get(t, web, path, "Authorization", auth, "Range", "bytes=1000000-1999999")
	require.Equal(t, http.StatusPartialContent, resp.StatusCode)
	require.Equal(t, fmt.Sprintf("bytes 1000000-1999999/%d", len(l.video)), resp.Header.Get("Content-Range"))
	require.True(t, bytes.Equal(l.video[1000000:2000000], body))
	require.Equal(t, 2, resp.ProtoMajor)
	require.NotEmpty(t, resp.Header.Get("Strict-Transport-Security"))
	tag := resp.Header.Get("ETag")
	resp, _ = get(t, web, path, "Authorization", auth, "Range", "bytes=-5", "If-Range", tag)
	require.Equal(t, http.StatusPartialContent, resp.StatusCode)
	resp, _ = get(t, web, path, "Authorization", auth, "Range", "bytes=9999999-")
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, resp.StatusCode)

	// Nobody is led to another host by what a caller says.
	evil := []string{"X-Forwarded-Host", "evil.example.com", "X-Forwarded-Proto", "http"}
	resp, body = ask(t, web, http.MethodPost, api.Prefix+"/clips/"+l.clip.ID+"/links", "{}",
		append(evil, "Authorization", auth, "Content-Type", "application/json")...)
	require.Equal(t, http.StatusCreated, resp.StatusCode, "%s", body)
	require.Contains(t, string(body), `"https://`+host+"/")
	spoofed := caller(t, "127.0.0.3", addr, authority.Pool())
	watch := api.Prefix + "/watch/" + l.secret
	_, body = get(t, spoofed, watch, evil...)
	require.NotContains(t, string(body), "evil")
	stranger := caller(t, "127.0.0.4", addr, authority.Pool())
	_, err = stranger.Get("https://evil.example.com" + watch)
	require.Error(t, err, "another host's name is served")

	// Thirty calls at once are allowed, whatever a caller says of itself; others are not held up.
	refused := 0
	for i := range 60 {
		resp, _ = get(t, spoofed, api.Prefix+"/watch/guess", "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))
		if resp.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	require.Positive(t, refused, "a caller gets a new address with each call")
	resp, _ = get(t, stranger, api.Prefix+"/watch/guess", "X-Forwarded-For", "127.0.0.3")
	require.Equal(t, http.StatusNotFound, resp.StatusCode, "another caller is held up")
	resp, _ = ask(t, web, http.MethodDelete, api.Prefix+"/clips/"+l.clip.ID, "", "Authorization", auth)
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	got, err := os.ReadFile(audit)
	require.NoError(t, err)
	require.Contains(t, string(got), `"from":"127.0.0.2"`)
	require.NotContains(t, string(got), "198.51.100")

	for _, path := range []string{"/metrics", "/readyz", "/index.html"} {
		resp, _ = get(t, stranger, path)
		require.Equal(t, http.StatusNotFound, resp.StatusCode, path)
	}

	// The team's page is at the root. Its cookie is for TLS alone, for the proxy says that there is some.
	code, err := app.SignInCode(t.Context())
	require.NoError(t, err)
	require.Equal(t, "https://"+host+"/#code="+code.Code, code.URL)
	web.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	form := []string{"Content-Type", "application/x-www-form-urlencoded", "Origin", "https://" + host}
	resp, _ = ask(t, web, http.MethodPost, api.Prefix+"/sessions", "code="+code.Code, form...)
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	cookie := resp.Cookies()[0]
	require.Equal(t, []any{"__Host-hindsight-session", "/", true, true}, []any{cookie.Name, cookie.Path, cookie.Secure,
		cookie.HttpOnly})
	resp, body = get(t, web, "/", "Cookie", cookie.Name+"="+cookie.Value)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, string(body), "Sign out")
	require.NoError(t, l.Close())
	_, err = app.Clips(t.Context())
	require.ErrorIs(t, err, client.ErrUnreachable)
	require.ErrorContains(t, err, "is the backend behind it running?")

	resp, _ = get(t, stranger, watch)
	require.Equal(t, http.StatusBadGateway, resp.StatusCode)
	resp, _ = get(t, stranger, api.Prefix+"/replays/x/index.m3u8?link="+l.secret)
	require.Equal(t, http.StatusBadGateway, resp.StatusCode)
	log, err := os.ReadFile(filepath.Join(dir, "access.log"))
	require.NoError(t, err)
	require.Contains(t, string(log), l.clip.ID)
	require.False(t, strings.Contains(string(log)+proxy.Tail(1<<20), l.secret), "the secret of a link is in a log")
}

// noisy is a baseline JPEG that compresses badly.
func noisy(t *testing.T, width, height int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, width, height))
	_, err := rand.NewChaCha8([32]byte{}).Read(img.Pix)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, jpeg.Encode(&out, img, &jpeg.Options{Quality: 95}))
	return out.Bytes()
}
