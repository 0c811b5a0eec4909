package client

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
)

// server serves with h and counts the calls.
func server(t *testing.T, h http.HandlerFunc) (*Client, *atomic.Int32) {
	t.Helper()
	var calls atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	c, err := New(s.URL+"/", "hs_x")
	require.NoError(t, err)
	return c, &calls
}

// hangUp closes the connection without a response.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}

// A lost response is asked for again where that is safe; a save never is, for it may have been done.
func TestOnlySafeCallsAreTriedAgain(t *testing.T) {
	c, calls := server(t, hangUp)
	_, err := c.Start(t.Context(), api.StartRequest{RoomName: "den", VideoTrackID: "TR_v"})
	require.ErrorIs(t, err, ErrUnreachable)
	require.EqualValues(t, tries, calls.Load())

	calls.Store(0)
	c.clock.trip = time.Second // known, so that save makes one call only
	_, err = c.Save(t.Context(), api.SaveRequest{ReplayID: "x", Seconds: 5})
	require.ErrorIs(t, err, ErrUnreachable)
	require.EqualValues(t, 1, calls.Load())
}

func TestAnswersBecomeErrors(t *testing.T) {
	for _, c := range []struct {
		status     int
		kind, body string
		want       error
		calls      int32
	}{
		{401, api.ProblemMediaType, `{"type":"` + api.ProblemToken + `","detail":"revoked"}`, ErrToken, 1},
		{403, api.ProblemMediaType, `{"type":"` + api.ProblemRoom + `","detail":"not yours"}`, ErrRoom, 1},
		{503, api.ProblemMediaType, `{"type":"` + api.ProblemRecorder + `","detail":"full"}`, ErrEgress, 1},
		{404, api.ProblemMediaType, `{"type":"` + api.ProblemNotFound + `","detail":"gone"}`, ErrNotFound, 1},
		{400, api.ProblemMediaType, `{"type":"` + api.ProblemInvalid + `","detail":"no"}`, ErrInvalid, 1},
		{500, api.ProblemMediaType, `{"type":"` + api.ProblemInternal + `","detail":"oh"}`, ErrServer, 1},
		{404, "text/html", "<html>", ErrURL, 1},
		{200, "text/html", "<html>a login page", ErrURL, 1},
		{200, "application/json", `{"clips":[`, ErrUnreachable, tries},
		{502, "text/html", "bad gateway", ErrUnreachable, tries},
	} {
		client, calls := server(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", c.kind)
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		})
		_, err := client.Clips(t.Context())
		require.ErrorIs(t, err, c.want, "%d %s", c.status, c.body)
		require.Equal(t, c.calls, calls.Load(), "%d %s", c.status, c.body)
	}
}

// The press is moved by the difference of the clocks, so that it names the same moment at the backend.
func TestPressIsMovedToTheBackendsClock(t *testing.T) {
	const ahead = 90 * time.Second
	var got atomic.Pointer[string]
	c, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(api.TimeHeader, time.Now().Add(ahead).Format(time.RFC3339Nano))
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			b := make([]byte, r.ContentLength)
			_, _ = r.Body.Read(b)
			s := string(b)
			got.Store(&s)
		}
		_, _ = w.Write([]byte(`{"clipId":"c"}`))
	})
	pressed := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	marks := []api.Mark{{At: pressed.Add(-time.Hour), Title: "a goal"}}
	saved, err := c.Save(t.Context(), api.SaveRequest{ReplayID: "x", Seconds: 5, PressedAt: &pressed, Marks: marks})
	require.NoError(t, err)
	require.Equal(t, "c", saved.ClipID)
	require.Contains(t, *got.Load(), "2026-11-22T12:01:")
	require.Contains(t, *got.Load(), "2026-11-22T11:01:", "marks are moved as well")
	require.Equal(t, pressed.Add(-time.Hour), marks[0].At)
	require.Equal(t, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), pressed, "the caller's value is not changed")
}

func TestBaseURL(t *testing.T) {
	for in, want := range map[string]string{
		"http://127.0.0.1:1": "http://127.0.0.1:1" + api.Prefix, "https://h/": "https://h" + api.Prefix,
		" https://h/x/ ":         "https://h/x" + api.Prefix,
		"https://h" + api.Prefix: "https://h" + api.Prefix, "https://h" + api.Prefix + "/": "https://h" + api.Prefix,
	} {
		c, err := New(in, "hs_x")
		require.NoError(t, err)
		require.Equal(t, want, c.base)
	}
	for _, in := range []string{"h:1", "ws://h", "http://u:p@h", "http://h?x=1", "http://h#x"} {
		_, err := New(in, "hs_x")
		require.ErrorIs(t, err, ErrURL, in)
	}
	_, err := New("https://h", " ")
	require.ErrorIs(t, err, ErrToken)
}

// A token goes in plain to this machine alone, or where that was consented to; nothing leads it there by a redirect,
// and no advice does.
func TestTokensDoNotTravelInPlain(t *testing.T) {
	for in, ok := range map[string]bool{"http://127.0.0.1:8484": true, "http://127.8.8.8": true, "http://[::1]:8484": true,
		"http://localhost:8484": true, "http://LOCALHOST.": true, "http://replay.localhost": false,
		"https://replay.example.com": true,
		"http://replay.example.com":  false, "http://192.168.1.5:8484": false, "http://localhost.example.com": false,
		"http://127.0.0.1.example.com": false, "http://[::ffff:10.0.0.1]": false, "http://0.0.0.0": false} {
		_, err := New(in, "hs_x")
		if ok {
			require.NoError(t, err, in)
			continue
		}
		require.ErrorIs(t, err, ErrURL, in)
		require.ErrorContains(t, err, "use https://", in)
		_, err = New(in, "hs_x", WithPlainHTTP())
		require.NoError(t, err, in)
	}

	var leaked atomic.Int32
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"clips":[]}`))
	}))
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL+api.Prefix+"/clips", http.StatusTemporaryRedirect))
	t.Cleanup(secure.Close)
	for _, more := range [][]Option{nil, {WithPlainHTTP()}} {
		c, err := New(secure.URL, "hs_x", append(more, WithHTTPClient(secure.Client()))...)
		require.NoError(t, err)
		_, err = c.Clips(t.Context())
		require.ErrorIs(t, err, ErrURL)
		require.ErrorContains(t, err, "redirects to http://")
	}
	c, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://192.0.2.1/clips", http.StatusTemporaryRedirect)
	})
	_, err := c.Clips(t.Context())
	require.ErrorContains(t, err, "redirects to http://")
	require.Zero(t, leaked.Load())
	require.Nil(t, secure.Client().CheckRedirect, "the caller's client was changed")

	c, err = New(strings.Replace(plain.URL, "http://", "https://", 1), "hs_x")
	require.NoError(t, err)
	_, err = c.Clips(t.Context())
	require.ErrorIs(t, err, ErrURL)
	require.NotContains(t, err.Error(), "write http://")
}

// A redirect to another server, here another port of the same host, does not take the token along.
func TestTokensStayWithTheirServer(t *testing.T) {
	var seen []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"clips":[]}`))
	}))
	t.Cleanup(other.Close)
	c, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		if !strings.HasSuffix(r.URL.Path, "/again") { // the server itself may have moved what is asked for
			http.Redirect(w, r, r.URL.Path+"/again", http.StatusTemporaryRedirect)
			return
		}
		http.Redirect(w, r, other.URL+"/clips", http.StatusTemporaryRedirect)
	})
	_, err := c.Clips(t.Context())
	require.NoError(t, err)
	require.Len(t, seen, 3)
	require.NotEmpty(t, seen[0])
	require.Equal(t, seen[0], seen[1])
	require.Empty(t, seen[2])
}

// A port that refuses gets tries even for a save, for nothing was sent; the error says so.
func TestRefusedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	c, err := New("http://"+addr, "hs_x")
	require.NoError(t, err)
	_, err = c.Clips(t.Context())
	require.ErrorIs(t, err, ErrUnreachable)
	require.Contains(t, err.Error(), addr)
}
