package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Ten seconds' worth at once, then as many as come in, each caller for itself; who is silent is forgotten.
func TestLimiter(t *testing.T) {
	l, now := newLimiter(2), time.Now()
	for range 20 {
		require.Zero(t, l.wait("alice", now))
	}
	require.Equal(t, 500*time.Millisecond, l.wait("alice", now))
	require.Zero(t, l.wait("bob", now))
	now = now.Add(500 * time.Millisecond)
	require.Zero(t, l.wait("alice", now))
	require.NotZero(t, l.wait("alice", now))
	require.Len(t, l.buckets, 2)
	l.wait("carol", now.Add(time.Hour))
	require.Len(t, l.buckets, 1)
	free := newLimiter(0)
	for range 1000 {
		require.Zero(t, free.wait("alice", now))
	}
}

// Only trusted proxies may say whom they call for, and only the last word that is not a proxy's counts.
func TestCaller(t *testing.T) {
	s := &Server{}
	s.o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, c := range []struct {
		name, remote, forwarded, proto, host string
		addr, origin, bucket                 string
	}{
		{"direct", "192.0.2.7:99", "", "", "", "192.0.2.7", "http://here", "192.0.2.7"},
		{"liar", "192.0.2.7:99", "198.51.100.1", "https", "evil", "192.0.2.7", "http://here", "192.0.2.7"},
		{"proxy", "10.1.1.1:99", "198.51.100.1", "https", "clips.example.com", "198.51.100.1", "https://clips.example.com",
			"198.51.100.1"},
		{"liar behind a proxy", "10.1.1.1:99", "1.1.1.1, 198.51.100.1", "", "", "198.51.100.1", "http://here",
			"198.51.100.1"},
		{"two proxies", "10.1.1.1:99", "198.51.100.1,10.2.2.2", "ftp", "a/b", "198.51.100.1", "http://here", "198.51.100.1"},
		{"nonsense", "10.1.1.1:99", "me", "", "", "10.1.1.1", "http://here", "10.1.1.1"},
		{"version 6", "[2001:db8::1:2]:99", "", "", "", "2001:db8::1:2", "http://here", "2001:db8::/64"},
		{"mapped", "[::ffff:192.0.2.7]:99", "", "", "", "192.0.2.7", "http://here", "192.0.2.7"},
		{"local proxy", "[::1]:99", "198.51.100.1", "", "", "198.51.100.1", "http://here", "198.51.100.1"},
	} {
		r := httptest.NewRequest("GET", "http://here/x", nil)
		r.RemoteAddr = c.remote
		for name, value := range map[string]string{"For": c.forwarded, "Proto": c.proto, "Host": c.host} {
			if value != "" {
				r.Header.Set("X-Forwarded-"+name, value)
			}
		}
		require.Equal(t, c.addr, s.caller(r).addr.String(), c.name)
		require.Equal(t, c.origin, s.origin(r), c.name)
		require.Equal(t, c.bucket, s.caller(r).bucket(), c.name)
	}
}

// Who calls too often gets a time to come back, and nobody else does.
func TestTooManyCalls(t *testing.T) {
	d := newDesk(t, 1)
	d.limiter = newLimiter(0.001) // one call
	bob := d.user("bob", "*", state.Publish)
	d.do(200, d.alice, "GET", "/clips", "", nil)
	resp, _ := d.call(d.alice, "GET", "/clips", "", "")
	require.Equal(t, 429, resp.StatusCode)
	require.NotEmpty(t, resp.Header.Get("Retry-After"))
	d.do(200, bob, "GET", "/clips", "", nil)
	d.do(401, "hs_guess", "GET", "/clips", "", nil)
	d.do(429, "hs_guess", "GET", "/clips", "", nil)
	d.do(429, "", "GET", "/watch/guess", "", nil)
	d.do(200, "", "GET", "/healthz", "", nil)
	d.do(429, "", "GET", "/nothing", "", nil)
}

// Calls from one address are bounded before anybody is asked whose token it is.
func TestAddressesAreLimitedFirst(t *testing.T) {
	d := newDesk(t, 1)
	d.limiter = newLimiter(0.001)
	var asked verifyCount
	d.o.JWT = &asked
	for range 100 {
		d.call("guess", "GET", "/clips", "", "")
	}
	d.do(429, d.alice, "GET", "/clips", "", nil)
	d.do(429, "", "POST", "/webhook", "{}", nil)
	require.LessOrEqual(t, int(asked), addressFactor)
	require.Positive(t, int(asked))
}

// verifyCount counts the tokens that it refuses.
type verifyCount int

func (c *verifyCount) Verify(context.Context, string) (state.Token, error) {
	*c++
	return state.Token{}, errors.New("it has expired; log in again")
}

// What is for operators is not for users, is asked for no more often than every few seconds, and tells no address.
// Only a database that is away, or a service that stops, has calls go elsewhere.
func TestOperatorCalls(t *testing.T) {
	d := newDesk(t, 1)
	for _, path := range []string{"/readyz", "/metrics"} {
		d.do(404, d.alice, "GET", path, "", nil)
		d.do(404, d.alice, "GET", d.server.URL+path, "", nil)
	}
	d.do(200, "", "GET", d.server.URL+"/healthz", "", nil)
	operator := httptest.NewServer(d.OperatorHandler())
	t.Cleanup(operator.Close)
	asked := 0
	var away error
	d.o.Ready = func(context.Context) error {
		asked++
		return away
	}
	d.do(200, "", "GET", operator.URL+"/healthz", "", nil)
	d.do(200, "", "GET", operator.URL+"/metrics", "", nil)
	for range 50 {
		d.do(200, "", "GET", operator.URL+"/readyz", "", nil)
	}
	require.Equal(t, 1, asked)
	later := func() { d.ready.made = d.ready.made.Add(-2 * operatorCache) }
	ready := func(status int) (got readiness) {
		resp, body := d.call("", "GET", operator.URL+"/readyz", "", "")
		require.Equal(t, status, resp.StatusCode, "%s", body)
		require.NotContains(t, string(body), "10.9.8.7")
		require.NoError(t, json.Unmarshal(body, &got))
		return got
	}
	later()
	away = errors.New("dial tcp 10.9.8.7:7880: connect: no route to host")
	require.Equal(t, readiness{"degraded", "ok", "unreachable"}, ready(200))
	d.Drain()
	require.Equal(t, "stopping", ready(503).Status)
	d.draining.Store(false)
	later()
	require.NoError(t, d.DB.Close())
	require.Equal(t, readiness{"not ready", "unreachable", "unreachable"}, ready(503))
}

// A browser's page may call only if it is allowed by name.
func TestCORS(t *testing.T) {
	d := newDesk(t, 1)
	ask := func(h http.Handler, origin string) http.Header {
		r := httptest.NewRequest("OPTIONS", api.Prefix+"/clips", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "GET")
		r.Header.Set("Access-Control-Request-Headers", "authorization")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result().Header
	}
	require.Empty(t, ask(d.Handler(), "https://app.example.com").Get("Access-Control-Allow-Origin"))
	d.o.CORSOrigins = []string{"https://app.example.com"}
	require.Equal(t, "https://app.example.com", ask(d.Handler(), "https://app.example.com").Get(
		"Access-Control-Allow-Origin"))
	require.Empty(t, ask(d.Handler(), "https://evil.example.com").Get("Access-Control-Allow-Origin"))
	require.Empty(t, ask(d.Handler(), "https://app.example.com").Get("Access-Control-Allow-Credentials"))
}

// A user has only so many clips.
func TestQuota(t *testing.T) {
	d := newDesk(t, 2)
	clip := d.clip(2)
	save := `{"replayId":"` + d.Rec.ReplayID + `","seconds":1}`
	d.o.MaxClips = 1
	d.do(403, d.alice, "POST", "/save", save, nil)
	d.o.MaxClips, d.o.MaxClipBytes = 0, clip.Bytes
	d.do(403, d.alice, "POST", "/save", save, nil)
	d.o.MaxClipBytes = clip.Bytes + 1
	d.do(202, d.alice, "POST", "/save", save, nil)
}

// Who did what is written down, with no secret in it.
func TestAuditLog(t *testing.T) {
	d := newDesk(t, 2)
	var log bytes.Buffer
	d.o.Audit = slog.New(slog.NewJSONHandler(&log, nil))
	clip := d.clip(2)
	var link api.Link
	d.do(201, d.alice, "POST", "/clips/"+clip.ID+"/links", `{}`, &link)
	d.do(200, d.alice, "GET", "/clips", "", nil) // looking is not written down
	resp, _ := d.call("", "GET", link.URL+"/video", "", "")
	require.Equal(t, 200, resp.StatusCode)
	d.do(401, "hs_guess", "GET", "/clips", "", nil)
	d.do(204, d.alice, "DELETE", "/clips/"+clip.ID, "", nil)
	type record struct {
		Call, User, ID, Link string
		Status               int
		From                 string
	}
	var got []record
	for _, line := range strings.Split(strings.TrimSpace(log.String()), "\n") {
		var r record
		require.NoError(t, json.Unmarshal([]byte(line), &r), line)
		require.Equal(t, "127.0.0.1", r.From)
		r.From = ""
		got = append(got, r)
	}
	require.Equal(t, []record{
		{Call: "POST " + api.Prefix + "/clips/{id}/links", User: "alice", ID: clip.ID, Link: link.LinkID, Status: 201},
		{Call: "GET " + api.Prefix + "/watch/{link}/video", ID: clip.ID, Link: link.LinkID, Status: 200},
		{Call: "GET " + api.Prefix + "/clips", Status: 401},
		{Call: "DELETE " + api.Prefix + "/clips/{id}", User: "alice", ID: clip.ID, Status: 204},
	}, got)
	for _, secret := range []string{d.alice, "hs_guess", link.URL[strings.LastIndex(link.URL, "/")+1:]} {
		require.NotContains(t, log.String(), secret)
	}
}

// provider is somebody else who says whose token it is.
type provider map[string]state.Token

func (p provider) Verify(_ context.Context, token string) (state.Token, error) {
	if t, ok := p[token]; ok {
		return t, nil
	}
	return state.Token{}, errors.New("it has expired; log in again")
}

// An identity provider's alice is not the alice of our own tokens: neither sees what is the other's, and both are
// alice to people.
func TestIssuersHaveNamesOfTheirOwn(t *testing.T) {
	d := newDesk(t, 2)
	all := []state.Scope{state.Publish, state.Record}
	theirs := state.Token{Identity: "alice", Issuer: "https://id.example.com", ID: "1", Rooms: "*", Scopes: all}
	other := theirs
	other.Issuer = "https://other.example.com"
	d.o.JWT = provider{"theirs": theirs, "other": other}
	d.o.Recorder = shelftest.Starting{Recorder: d.Fake}
	clip := d.clip(2)
	d.do(404, "theirs", "GET", "/clips/"+clip.ID, "", nil)
	d.do(404, "theirs", "POST", "/save", `{"replayId":"`+d.Rec.ReplayID+`","seconds":1}`, nil)
	var started api.StartResponse
	d.do(201, "theirs", "POST", "/start", `{"roomName":"den","videoTrackId":"TR_x"}`, &started)
	var saved api.SaveResponse
	d.do(202, "theirs", "POST", "/save", `{"replayId":"`+started.ReplayID+`","seconds":1}`, &saved)
	d.do(404, d.alice, "GET", "/clips/"+saved.ClipID, "", nil)
	d.do(404, "other", "GET", "/clips/"+saved.ClipID, "", nil)
	var got api.Clip
	d.do(200, "theirs", "GET", "/clips/"+saved.ClipID, "", &got)
	require.Equal(t, "alice", got.Owner)
	var list api.ClipList
	d.do(200, "theirs", "GET", "/clips", "", &list)
	require.Len(t, list.Clips, 1)
	d.do(200, d.alice, "GET", "/clips", "", &list)
	require.Len(t, list.Clips, 1)
	require.Equal(t, clip.ID, list.Clips[0].ClipID)
	// Neither does it make a name that a participant in the room merely carries one's own.
	require.Equal(t, []string{theirs.AppIdentity()}, ownIdentities(state.Token{Identity: "alice", ID: "1",
		Scopes: []state.Scope{state.Publish}}))
}

// Others' tokens work beside our own.
func TestOthersTokens(t *testing.T) {
	d := newDesk(t, 1)
	d.do(401, "theirs", "GET", "/clips", "", nil)
	d.o.JWT = provider{"theirs": {Identity: "erin", ID: "1", Rooms: "*", Scopes: []state.Scope{state.Publish}}}
	d.do(200, "theirs", "GET", "/clips", "", nil)
	d.do(200, d.alice, "GET", "/clips", "", nil)
	_, answer := d.call("old", "GET", "/clips", "", "")
	require.Contains(t, string(answer), "log in again")
}

// Viewers behind a proxy that is not trusted share an address: those of one link do not keep those of another waiting,
// and the log says once what the operator can do.
func TestUntrustedProxy(t *testing.T) {
	d := newDesk(t, 1)
	var log bytes.Buffer
	d.o.Log = slog.New(slog.NewTextHandler(&log, nil))
	d.o.Audit = slog.New(slog.DiscardHandler)
	for range 3 {
		r := httptest.NewRequest("GET", api.Prefix+"/healthz", nil)
		r.Header.Set("X-Forwarded-For", "198.51.100.1")
		d.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	require.Equal(t, 1, strings.Count(log.String(), "--trusted-proxies"))

	through := func(link string) string {
		r := httptest.NewRequest("GET", "/", nil)
		return d.downloader(r.WithContext(context.WithValue(r.Context(), trailKey{}, &trail{link: link})))
	}
	for range maxDownloads {
		_, ok := d.downloads.begin(through("a"), maxDownloads)
		require.True(t, ok)
	}
	_, ok := d.downloads.begin(through("a"), maxDownloads)
	require.False(t, ok)
	_, ok = d.downloads.begin(through("b"), maxDownloads)
	require.True(t, ok)
}
