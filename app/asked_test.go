package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// asking is a server whose viewers ask for clips.
type asking struct {
	mu    sync.Mutex
	links []api.WatchLink
	list  []api.AskedClip
	made  []api.AskedClip
	polls int
	gone  bool
	ends  bool          // like a server that holds no question anymore
	state int           // counts changes
	news  chan struct{} // closed at the next change
}

func (s *asking) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.state++
	close(s.news)
	s.news = make(chan struct{})
}

func (s *asking) polled() int { s.mu.Lock(); defer s.mu.Unlock(); return s.polls }

func (s *asking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out any = api.WatchLinkList{Links: s.links}
	if strings.HasSuffix(r.URL.Path, "/asked") {
		news := s.news
		if s.polls++; r.URL.Query().Get("seen") == fmt.Sprint(s.state) && !s.ends {
			s.mu.Unlock()
			select {
			case <-news:
			case <-r.Context().Done():
			}
			s.mu.Lock()
		}
		out = api.AskedList{Asked: s.list, Made: s.made, Cursor: fmt.Sprint(s.state)}
	}
	if s.gone {
		w.Header().Set("Content-Type", api.ProblemMediaType)
		w.WriteHeader(http.StatusNotFound)
		out = api.Problem{Type: api.ProblemNotFound, Title: "Not Found", Status: http.StatusNotFound}
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	_ = json.NewEncoder(w).Encode(out)
}

// What viewers ask for is waited for once there is a link with which they may, each is asked about once, and no longer
// once the server does not know it anymore. It ends with the replay.
func TestWhatViewersAskForIsFollowed(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	s := &asking{news: make(chan struct{})}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	store, c, _ := config.Open(dir)
	c.Sharing.BackendURL = server.URL
	require.NoError(t, store.Save(c))
	a := user(t, dir)
	require.NoError(t, a.tokens.Set("secret", server.URL))
	a.ctx, a.watchLinked, a.ready = t.Context(), make(chan struct{}, 1), make(chan struct{}) // the window never comes
	var said logged
	a.log = slog.New(slog.NewTextHandler(&said, nil))
	ended := make(chan struct{})
	go func() { defer close(ended); a.followReplay(t.Context(), server.URL, "r") }()

	s.change(func() {
		s.links = []api.WatchLink{{LinkID: "a", Clips: api.ClipsNobody, ExpiresAt: time.Now().Add(time.Hour)}}
	})
	a.watchLinked <- struct{}{}
	a.watchLinked <- struct{}{} // the first one is done with
	require.Zero(t, s.polled(), "nobody may ask")
	s.change(func() {
		s.links = append(s.links, api.WatchLink{LinkID: "b", Clips: api.ClipsAsk, ExpiresAt: time.Now().Add(time.Hour)})
		s.list = []api.AskedClip{{ClipID: "one", Seconds: 5, At: time.Now(), By: "a viewer of link b"}}
	})
	a.watchLinked <- struct{}{}
	require.True(t, wait.Until(20*time.Second, func() bool { return s.polled() >= 2 }), "it is asked for")
	s.change(func() { s.list = append(s.list, api.AskedClip{ClipID: "two", Seconds: 5, At: time.Now()}) })
	require.True(t, wait.Until(20*time.Second, func() bool { return s.polled() >= 3 }))
	require.Empty(t, said.String())
	s.change(func() { s.list = nil })
	require.True(t, wait.Until(20*time.Second, func() bool {
		return strings.Count(said.String(), "there was no reply here") == 2
	}), "each once: %s", said.String())
	// What viewers make without asking is reported once; what the user was asked about is known.
	s.change(func() { s.made = []api.AskedClip{{ClipID: "one"}, {ClipID: "three", By: "a viewer of link c"}} })
	made := func() int { return strings.Count(said.String(), "made a clip") }
	require.True(t, wait.Until(20*time.Second, func() bool { return made() > 0 }))
	polled := s.polled()
	s.change(func() {})
	require.True(t, wait.Until(20*time.Second, func() bool { return s.polled() > polled }))
	require.Equal(t, 1, made(), said.String())
	require.Contains(t, said.String(), "clip=three")
	polled = s.polled()
	s.change(func() { s.ends = true })
	require.True(t, wait.Until(20*time.Second, func() bool { return s.polled() > polled }))
	polled = s.polled()
	began := time.Now()
	require.True(t, wait.Until(20*time.Second, func() bool { return s.polled() > polled+2 }))
	require.Greater(t, time.Since(began), askedLeast, "a server that ends is asked without a pause")
	s.change(func() { s.gone = true })
	wait.For(t, ended, 20*time.Second, "the replay is over")
	a.tasks.Wait()
	require.Equal(t, 3, strings.Count(said.String(), "\n"), said.String())
}

// What the user decides goes to the server again as long as the question goes on, where it does not take it for now.
func TestADecisionIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &App{ctx: t.Context()}
		question, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		calls := 0
		busy := fmt.Errorf("%w: 10 clips are already being made", client.ErrServer)
		require.NoError(t, a.tellServer(question, func(context.Context) error {
			if calls++; calls < 3 {
				return busy
			}
			return nil
		}))
		require.Equal(t, 3, calls)
		require.ErrorIs(t, a.tellServer(question, func(context.Context) error { calls++; return client.ErrInvalid }),
			client.ErrInvalid)
		require.Equal(t, 4, calls, "it is too late")
		require.ErrorIs(t, a.tellServer(question, func(ctx context.Context) error {
			require.NoError(t, ctx.Err())
			return busy
		}), client.ErrServer)
		require.Error(t, question.Err())
	})
}

// logged is a log that is read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }
func (l *logged) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// The question says who asks for what, and a link's viewers have no name.
func TestTheQuestionAboutAClip(t *testing.T) {
	from := time.Date(2026, 11, 28, 12, 3, 10, 0, time.Local)
	title, body := askedText(api.AskedClip{By: "a viewer of link 1", From: from, To: from.Add(15 * time.Second),
		Seconds: 15, Title: "Goal\u202e"})
	require.Equal(t, "A viewer asks for a clip", title)
	require.Equal(t, "15 s of your screen, from 12:03:10 to 12:03:25.\nGoal", body)
	title, _ = askedText(api.AskedClip{By: "ann"})
	require.Equal(t, "ann asks for a clip", title)
	var q questions
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, ok := q.take(ctx)
	require.False(t, ok, "nobody waits anymore")
}
