package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/transfers"
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
