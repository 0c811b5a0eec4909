package session_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
)

// Encryption that is turned on while sharing silences the share in plain at once and publishes again with the
// passphrase; a new passphrase publishes again as well.
func TestEncryptionTurnedOnWhileSharing(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	b := start(t, share)
	b.until(t, "live", in(session.Live))
	plain := b.engine.Publisher()
	require.False(t, plain.Config.Encrypt)
	on := config.Edit(b.Snapshot().Settings, func(c *config.Config) { c.Sharing.Encrypt = true })

	r := b.Apply(t.Context(), on)
	require.Equal(t, map[string]config.State{config.EncryptKey: config.Refused}, states(r))
	require.Contains(t, r.Text(), "needs a passphrase")
	require.False(t, plain.Silent())

	again := func(want string) {
		t.Helper()
		b.until(t, "published again", func(s session.Snapshot) bool {
			p := b.engine.Publisher()
			return s.Share.State == session.ShareLive && p != nil && p.Config.Passphrase == want
		})
		require.Equal(t, want != "", b.engine.Publisher().Config.Encrypt)
	}
	r = b.Apply(t.Context(), on.WithPassphrase(" correct horse "))
	require.NoError(t, r.Err())
	require.True(t, plain.Silent(), "it is in plain after the encryption was turned on")
	again("correct horse")
	first := b.engine.Publisher()
	require.NoError(t, b.Apply(t.Context(), config.Patch{}.WithPassphrase("battery staple")).Err())
	require.True(t, first.Silent())
	again("battery staple")

	// Only the local clip is saved, and without a replay none.
	b.engine.Publisher().SetStatus(session.ShareStatus{State: session.ShareLive, Recording: session.ServerEncrypted})
	b.until(t, "not recorded", func(s session.Snapshot) bool { return s.Share.Recording == session.ServerEncrypted })
	saved, err := b.Save(t.Context(), 30)
	require.NoError(t, err)
	require.Equal(t, session.NoCopy, saved.Server)
	require.NoError(t, b.SetReplay(false))
	b.until(t, "no replay", func(s session.Snapshot) bool { return !s.ReplayOn && !s.CanSave() })
	_, err = b.Save(t.Context(), 30)
	require.ErrorContains(t, err, "does not record an end-to-end encrypted share")

	// Without a passphrase nothing is shared rather than in plain.
	require.NoError(t, b.Apply(t.Context(), config.Patch{}.WithPassphrase("")).Err())
	b.until(t, "not shared", func(s session.Snapshot) bool {
		return s.Share.State == session.ShareFailed && b.engine.Publisher() == nil
	})
	require.Contains(t, b.Snapshot().Share.Error, "needs a passphrase")
	off := config.Edit(b.Snapshot().Settings, func(c *config.Config) { c.Sharing.Encrypt = false })
	require.NoError(t, b.Apply(t.Context(), off).Err())
	again("")
}
