package app

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/publish/api"
)

// The command line links to clips that only the server has, lists links with the names of their clips, revokes them by
// what it printed, and does not download what is here.
func TestLinksOfTheCommandLine(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	dir := t.TempDir()
	a := user(t, dir)
	a.library = library.Open(library.Options{Log: a.log})
	defer a.library.Close()
	ctx := t.Context()
	path := filepath.Join(dir, "a.mp4")
	require.NoError(t, os.WriteFile(path, []byte("a clip"), 0o600))
	for _, clip := range []string{"", path, "one"} {
		for _, command := range []string{control.Link, control.Links} {
			_, err := a.handle(ctx, control.Request{Command: command, Path: clip})
			require.ErrorContains(t, err, "no server is set", "%s %q", command, clip)
		}
	}

	digest := sha256.Sum256([]byte("secret"))
	revoked := make(chan string, 8)
	mux := http.NewServeMux()
	reply := func(pattern string, status int, body any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete {
				revoked <- r.URL.Path
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(body)
		})
	}
	made := time.Date(2026, 3, 4, 12, 13, 14, 0, time.UTC)
	link := api.Link{LinkID: "l1", ClipID: "one", CreatedAt: made, ExpiresAt: made, Digest: hex.EncodeToString(digest[:])}
	withURL := link
	withURL.URL = "https://replay.example.com" + api.Prefix + "/watch/secret"
	reply("GET "+api.Prefix+"/clips", http.StatusOK, api.ClipList{Clips: []api.Clip{{ClipID: "one", Title: "a goal",
		State: api.ClipReady, CreatedAt: made}}})
	reply("GET "+api.Prefix+"/links", http.StatusOK, api.LinkList{Links: []api.Link{
		{LinkID: "l0", ClipID: "two", CreatedAt: made, ExpiresAt: made}, link}})
	reply("POST "+api.Prefix+"/clips/one/links", http.StatusCreated, withURL)
	reply("DELETE "+api.Prefix+"/clips/one/links/l1", http.StatusNoContent, nil)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", api.ProblemMediaType)
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(api.Problem{Type: api.ProblemNotFound})
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	p := config.Edit(a.session.Snapshot().Settings, func(c *config.Config) { c.Sharing.BackendURL = server.URL })
	require.NoError(t, a.session.Apply(ctx, p.WithToken("secret")).Err())

	got, err := a.handle(ctx, control.Request{Command: control.Link, Path: "one"})
	require.NoError(t, err)
	require.Equal(t, control.LinkAnswer{URL: withURL.URL}, got)
	_, err = a.handle(ctx, control.Request{Command: control.Link, Path: "none"})
	require.ErrorContains(t, err, `the server has no clip "none"`)
	require.NoError(t, a.links.Add(path, links.Copy{Backend: server.URL, ClipID: "two"}))
	got, err = a.handle(ctx, control.Request{Command: control.Links})
	require.NoError(t, err)
	require.Equal(t, []control.LinkInfo{{ID: "l0", ClipID: "two", Path: path, CreatedAt: made, ExpiresAt: made},
		{ID: "l1", ClipID: "one", Name: "a goal", CreatedAt: made, ExpiresAt: made}}, got)
	_, err = a.handle(ctx, control.Request{Command: control.Unlink, Text: withURL.URL + "x"})
	require.ErrorContains(t, err, "you have no link")
	_, err = a.handle(ctx, control.Request{Command: control.Unlink, Text: withURL.URL})
	require.NoError(t, err)
	require.Equal(t, api.Prefix+"/clips/one/links/l1", <-revoked)
	got, err = a.handle(ctx, control.Request{Command: control.Fetch, Text: "two"})
	require.NoError(t, err)
	require.Equal(t, control.UploadAnswer{Path: path, ClipID: "two"}, got)
}
