package app

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/transfers"
	"github.com/hindsight-app/hindsight/publish/api"
)

// An upload that was begun on one server never sends the token of another one there, nor its own to another: it waits
// for the user.
func TestUploadsGoToTheServerOfTheirToken(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	dir := t.TempDir()
	first, second := newSite(t), newSite(t)
	path := filepath.Join(dir, "a.mp4")
	require.NoError(t, os.WriteFile(path, []byte("a clip"), 0o600))
	a := user(t, dir)
	a.listing, a.library = make(chan struct{}, 1), library.Open(library.Options{Log: a.log})
	defer a.library.Close()
	a.transfers = a.openTransfers(dir)
	defer a.transfers.Close()
	set := func(url, token string) {
		p := config.Edit(a.session.Snapshot().Settings, func(c *config.Config) { c.Sharing.BackendURL = url })
		if token != "" {
			p = p.WithToken(token)
		}
		require.NoError(t, a.session.Apply(t.Context(), p).Err())
	}
	_, err := a.upload(path, true, true, 0)
	require.ErrorContains(t, err, "no server is set")
	_, err = a.upload(filepath.Join(dir, "a.png"), true, true, 0)
	require.Error(t, err)
	set(first.URL, "first-secret")
	id, err := a.upload(path, true, true, 0)
	require.NoError(t, err)
	set(second.URL, "second-secret")
	a.transfers.Start()
	_, err = a.transfers.Wait(t.Context(), id)
	require.ErrorContains(t, err, "another server")
	require.Equal(t, transfers.Stopped, a.transfers.Items()[0].State)
	require.Empty(t, first.tokens())
	require.Empty(t, second.tokens())
	_, err = a.linkTo(t.Context(), links.Copy{Backend: first.URL, ClipID: "x"}, "")
	require.ErrorContains(t, err, "another server")
	require.Empty(t, first.tokens())

	// A clip whose copy is on a server of before is uploaded to the one that is set.
	require.NoError(t, a.links.Add(path, links.Copy{Backend: first.URL, ClipID: "x"}))
	a.transfers.Remove(id)
	_, err = a.uploaded(t.Context(), path)
	require.Error(t, err) // it is no backend
	require.NotContains(t, err.Error(), "another server")
	require.Equal(t, []string{"Bearer second-secret"}, second.tokens())
	at, _ := a.links.Of(path)
	require.Equal(t, first.URL, at.Backend, "it is not forgotten")
}

// What only the server has is in the list of clips, with the name that its owner gave it, and goes when the server is
// another one.
func TestClipsOfTheServerAreListed(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	made := time.Date(2026, 3, 4, 12, 13, 14, 0, time.UTC)
	there := []api.Clip{{ClipID: "one", Owner: "bob", Title: "a goal\x07", State: api.ClipReady, Seconds: 5, Bytes: 9,
		CreatedAt: made}, {ClipID: "two", Owner: "bob", State: api.ClipReady, CreatedAt: made.Add(-time.Minute)},
		{ClipID: "three", State: api.ClipWaiting, CreatedAt: made}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != api.Prefix+"/clips" || r.URL.Query().Get("whose") != "all" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(api.ClipList{Clips: there})
	}))
	defer server.Close()
	a := user(t, t.TempDir())
	a.listing, a.library = make(chan struct{}, 1), library.Open(library.Options{Log: a.log})
	defer a.library.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); a.listServer(ctx) }()
	defer func() { cancel(); <-ended }()
	set := func(url string) {
		p := config.Edit(a.session.Snapshot().Settings, func(c *config.Config) { c.Sharing.BackendURL = url })
		require.NoError(t, a.session.Apply(t.Context(), p.WithToken("secret")).Err())
		a.refreshServer()
	}
	names := func() (names []string) {
		for _, i := range a.library.Snapshot().Items {
			require.True(t, i.OnServer() && !i.Here())
			names = append(names, i.Name)
		}
		return names
	}
	set(server.URL)
	want := []string{"a goal", "bob " + made.Add(-time.Minute).Local().Format("2006-01-02 15-04-05")}
	require.Eventually(t, func() bool { return slices.Equal(names(), want) }, 20*time.Second, 5*time.Millisecond)
	set(newSite(t).URL)
	require.Eventually(t, func() bool { return len(names()) == 0 }, 20*time.Second, 5*time.Millisecond)
}

// A clip that is moved to another folder while it waits for its upload is uploaded from there.
func TestUploadsFollowTheirClips(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	dir := t.TempDir()
	path, moved := filepath.Join(dir, "a.mp4"), filepath.Join(dir, "there", "a (2).mp4")
	require.NoError(t, os.WriteFile(path, []byte("a clip"), 0o600))
	a := user(t, dir)
	a.transfers = a.openTransfers(dir)
	defer a.transfers.Close()
	require.NoError(t, a.session.Apply(t.Context(), config.Edit(a.session.Snapshot().Settings, func(c *config.Config) {
		c.Sharing.BackendURL = "https://replay.example.com"
	})).Err())
	_, err := a.upload(path, true, false, 0)
	require.NoError(t, err)
	a.clipMoved(path, moved)
	require.Equal(t, moved, a.transfers.Items()[0].Path)
}

// Clips of others that were only watched do not stay.
func TestWatchedClipsAreForgotten(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "watched")
	require.NoError(t, forgetWatched(folder, time.Now()), "nothing was watched yet")
	require.NoError(t, os.Mkdir(folder, 0o700))
	for _, name := range []string{"old.mp4", "new.mp4"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("a clip"), 0o600))
	}
	before := time.Now().Add(-2 * watchedLife)
	require.NoError(t, os.Chtimes(filepath.Join(folder, "old.mp4"), before, before))
	require.NoError(t, forgetWatched(folder, time.Now()))
	require.NoFileExists(t, filepath.Join(folder, "old.mp4"))
	require.FileExists(t, filepath.Join(folder, "new.mp4"))
}
