package app

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/apptest"
	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/app/token"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
)

// Without a replay on the server there is no watch link, and the reason is the right one: an encrypted share has none
// however long it runs.
func TestWhyThereIsNoWatchLink(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	dir := t.TempDir()
	store, c, _ := config.Open(dir)
	c.Sharing.BackendURL, c.Sharing.Room, c.App.FirstRunDone = "http://127.0.0.1:1", "den", true
	engine := &apptest.Engine{}
	a := &App{log: slog.New(slog.DiscardHandler), tokens: &token.Store{File: dir + "/token", NoKeyring: true}}
	a.session = session.New(session.Options{Engine: engine, Settings: store, Secrets: a.tokens, Config: c, Log: a.log})
	t.Cleanup(func() { a.end(t) })
	_, err := a.makeWatchLink(t.Context(), 0, "")
	require.ErrorContains(t, err, "start sharing first")
	require.NoError(t, a.session.SetShare(true))
	require.NoError(t, a.session.AwaitShare(t.Context()))
	engine.Publisher().SetStatus(session.ShareStatus{State: session.ShareLive, Recording: session.ServerEncrypted})
	require.True(t, wait.Until(20*time.Second, func() bool {
		return a.session.Snapshot().Share.Recording == session.ServerEncrypted
	}))
	_, err = a.makeWatchLink(t.Context(), 0, "")
	require.ErrorContains(t, err, "end-to-end encrypted")
}
