package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/apptest"
	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/app/token"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// site is a real HTTP server that remembers what Authorization it was sent.
type site struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, r.Header.Get("Authorization"))
		s.mu.Unlock()
		w.Header().Set("Content-Type", api.ProblemMediaType)
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(s.Close)
	return s
}

// tokens are those that the server was sent since the last call, each once.
func (s *site) tokens() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Compact(slices.Clone(s.seen))
	s.seen = nil
	return out
}

// web shares as the real publisher begins to: it asks the server for a token to join.
type web struct{ *apptest.Engine }

func (w web) Share(ctx context.Context, _ session.Recorder, c session.ShareConfig) (session.Publisher, error) {
	server, err := client.New(c.BackendURL, c.UserToken)
	if err == nil {
		_, err = server.Token(ctx, api.TokenRequest{RoomName: c.Room})
	}
	return nil, err
}

// user is an App without a window, over a folder of settings.
func user(t *testing.T, dir string) *App {
	t.Helper()
	store, cfg, problems := config.Open(dir)
	require.Empty(t, problems)
	a := &App{log: slog.New(slog.DiscardHandler), links: links.Open(dir),
		tokens: &token.Store{File: filepath.Join(dir, "token"), NoKeyring: true}}
	a.session = session.New(session.Options{Engine: web{&apptest.Engine{}}, Settings: store, Secrets: a.tokens,
		Config: cfg, Log: a.log})
	t.Cleanup(func() { a.end(t) })
	return a
}

func (a *App) end(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(t, a.session.Close(ctx))
}

// share tries to share and returns what is said about it.
func (a *App) share(t *testing.T) string {
	t.Helper()
	require.NoError(t, a.session.SetShare(false))
	require.NoError(t, a.session.AwaitShare(t.Context()))
	require.NoError(t, a.session.SetShare(true))
	err := a.session.AwaitShare(t.Context())
	require.Error(t, err)
	return err.Error()
}

// Whichever way the server's URL is changed without a token, the token stays that of the old server, and with it the
// consent to plain http.
func TestATokenStaysWithItsServer(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	t.Setenv("HINDSIGHT_SHARING_BACKEND_URL", "")
	require.NoError(t, os.Unsetenv("HINDSIGHT_SHARING_BACKEND_URL"))
	edit := func(url string) func(*config.Config) {
		return func(c *config.Config) { c.Sharing.BackendURL = url }
	}
	for name, change := range map[string]func(t *testing.T, a *App, dir, url string) *App{
		"window": func(t *testing.T, a *App, _, url string) *App {
			r := a.session.Apply(t.Context(), config.Edit(a.session.Snapshot().Settings, edit(url)))
			require.True(t, r.InUse(), r.Text())
			require.Contains(t, r.Text(), "sharing.allow_http is in use: turned off")
			return a
		},
		"command line": func(t *testing.T, a *App, _, url string) *App {
			_, err := a.handle(t.Context(), control.Request{Command: control.Set,
				Set: []config.Assignment{{Key: "sharing.backend_url", Value: url}}})
			require.NoError(t, err)
			return a
		},
		"command line while it does not run": func(t *testing.T, a *App, dir, url string) *App {
			a.end(t)
			_, before, _ := config.Open(dir)
			r := config.ApplyToFile(dir, config.Edit(before, edit(url)), a.tokens)
			require.True(t, r.OK(), r.Text())
			return user(t, dir)
		},
		"editor": func(t *testing.T, a *App, dir, url string) *App {
			a.end(t)
			path := filepath.Join(dir, "config.toml")
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			now := a.session.Snapshot().Settings.Sharing.BackendURL
			require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(data), now, url)), 0o600))
			return user(t, dir)
		},
	} {
		for _, legacy := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", with a token of a release before"}[legacy], func(t *testing.T) {
				first, second, dir := newSite(t), newSite(t), t.TempDir()
				store, c, _ := config.Open(dir)
				c.Sharing = config.Sharing{BackendURL: first.URL, Room: "room", AllowHTTP: true, StreamQuality: "same",
					ViewerClips: config.AnyoneClips, ViewerClipFrom: config.FromServer,
					TellRoom: config.TellChat, LinkSaved: true}
				c.Replay.Folder = filepath.Join(dir, "clips")
				require.NoError(t, store.Save(c))
				if legacy {
					require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte("first-token\n"), 0o600))
				}
				a := user(t, dir)
				if !legacy {
					require.NoError(t, a.session.Apply(t.Context(), config.Patch{}.WithToken("first-token")).Err())
				}
				a.share(t)
				require.Equal(t, []string{"Bearer first-token"}, first.tokens())
				clip := filepath.Join(dir, "clip.mp4")
				require.NoError(t, os.WriteFile(clip, []byte("a clip"), 0o600))
				require.NoError(t, a.links.Add(clip, links.Copy{Backend: second.URL, ClipID: "one"}))

				a = change(t, a, dir, second.URL)
				sharing := a.session.Snapshot().Settings.Sharing
				require.Equal(t, second.URL, sharing.BackendURL)
				require.Contains(t, session.Sentence(a.share(t)),
					"The access token was given for "+first.URL+"; enter the token for "+second.URL)
				_, err := a.link(t.Context(), clip)
				require.ErrorContains(t, err, "was given for "+first.URL)
				require.Empty(t, second.tokens(), "another server was sent something")

				r := a.session.Apply(t.Context(), config.Patch{}.WithToken("second-token"))
				require.True(t, r.OK(), r.Text())
				sharing = a.session.Snapshot().Settings.Sharing
				require.False(t, sharing.AllowHTTP, "consent went over to another server")
				require.Equal(t, config.NobodyClips, sharing.ViewerClips, "consent went over to another server")
				require.Equal(t, config.TellNothing, sharing.TellRoom, "consent went over to another server")
				require.False(t, sharing.LinkSaved, "clips would go to another server by themselves")
				a.share(t)
				_, err = a.link(t.Context(), clip)
				require.ErrorContains(t, err, "not a Hindsight backend")
				require.Equal(t, []string{"Bearer second-token"}, second.tokens())
				require.Empty(t, first.tokens())

				// Consent is kept where the same patch gives it, and the token goes back to no other server either.
				p := config.Edit(a.session.Snapshot().Settings, func(c *config.Config) {
					c.Sharing.BackendURL, c.Sharing.AllowHTTP = first.URL, true
				})
				require.NoError(t, a.session.Apply(t.Context(), p).Err())
				require.True(t, a.session.Snapshot().Settings.Sharing.AllowHTTP)
				a.share(t)
				require.Empty(t, first.tokens())
			})
		}
	}
}
