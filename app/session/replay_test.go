package session_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/apptest"
	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/publish/api"
)

// The server's replay, and with it the links to it, goes on while the user shares: over a change of what is published,
// and a server that is away. It ends with the switch, the room and the encryption, and no later share continues it.
func TestTheReplayGoesOnWithTheShare(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	b := start(t, share)
	live := func(continued string) *apptest.Publisher {
		t.Helper()
		b.until(t, "live", func(s session.Snapshot) bool {
			return s.Share.State == session.ShareLive && s.Share.ReplayID == continued
		})
		return b.engine.Publisher()
	}
	record := func(p *apptest.Publisher, id string) {
		p.SetStatus(session.ShareStatus{State: session.ShareLive, Recording: session.ServerActive, ReplayID: id})
		live(id)
	}
	change := func(edit func(*config.Config)) {
		t.Helper()
		require.NoError(t, b.apply(t, func() config.Config {
			c := b.Snapshot().Settings
			edit(&c)
			return c
		}()).Err())
	}
	record(live(""), "one")

	b.engine.FailShare(errors.New("the server is away"))
	change(func(c *config.Config) { c.Sharing.StreamQuality = config.LowerQuality })
	s := b.until(t, "tried again", func(s session.Snapshot) bool { return s.Share.State == session.ShareFailed })
	require.Equal(t, "one", s.Share.ReplayID, "its links can still be listed and revoked")
	shares := b.engine.Shares()
	left, ok := shares[len(shares)-1].Continue.(*apptest.Replay)
	require.True(t, ok)
	require.NoError(t, b.SetPaused(true))
	b.until(t, "the pause is kept for the next publisher", func(session.Snapshot) bool {
		return left.Told().Replay == api.ReplayPaused
	})
	b.engine.FailShare(nil)
	require.NoError(t, b.SetShare(true)) // at once
	require.NotNil(t, live("one").Config.Continue)
	require.Empty(t, b.engine.Ended())

	change(func(c *config.Config) { c.Sharing.Room = "another" })
	require.Nil(t, live("").Config.Continue, "another room")
	require.Equal(t, []string{"one"}, b.engine.Ended())
	record(b.engine.Publisher(), "two")
	change(func(c *config.Config) { c.Sharing.BackendURL = "http://127.0.0.1:2" })
	require.Nil(t, live("").Config.Continue, "another server")
	record(b.engine.Publisher(), "three")
	require.NoError(t, b.Apply(t.Context(), config.Edit(b.Snapshot().Settings, func(c *config.Config) {
		c.Sharing.Encrypt = true
	}).WithPassphrase("correct horse")).Err())
	require.Nil(t, live("").Config.Continue, "encrypted")
	require.Equal(t, []string{"one", "two", "three"}, b.engine.Ended())
	change(func(c *config.Config) { c.Sharing.Encrypt = false })
	record(live(""), "four")

	// Who turns it off, and at once on again, shares anew.
	require.NoError(t, b.SetShare(false))
	require.NoError(t, b.SetShare(true))
	require.Nil(t, live("").Config.Continue)
	require.Equal(t, "four", b.engine.Ended()[3])
	record(b.engine.Publisher(), "five")

	// So does who turns it off while nothing is published.
	b.engine.FailShare(errors.New("the server is away"))
	change(func(c *config.Config) { c.Sharing.StreamQuality = config.SameQuality })
	b.until(t, "tried again", func(s session.Snapshot) bool { return s.Share.State == session.ShareFailed })
	require.NoError(t, b.SetShare(false))
	b.engine.FailShare(nil)
	require.NoError(t, b.SetShare(true))
	require.Nil(t, live("").Config.Continue)
	require.Equal(t, "five", b.engine.Ended()[4])
}
