package apptest_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/token"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// keyringServer is what the tokens of these tests are for.
const keyringServer = "https://replay.example.com"

// ring is a real keyring and the token file of one user.
type ring struct {
	*stack.Keyring
	file string
}

func openRing(t *testing.T) *ring {
	t.Helper()
	dir := t.TempDir()
	k, err := stack.StartKeyring(t.Context(), dir)
	require.NoError(t, err)
	t.Cleanup(func() { k.Close() })
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", k.DBusAddress)
	t.Setenv("HINDSIGHT_TOKEN", "")
	return &ring{k, filepath.Join(dir, "settings", "token")}
}

// store is what a start of the app opens.
func (r *ring) store(wait time.Duration) *token.Store {
	return &token.Store{File: r.file, Wait: wait}
}

func has(t *testing.T, k *token.Store, want string) {
	t.Helper()
	got, err := k.For(keyringServer)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// moved waits until the keyring alone has the token.
func (r *ring) moved(t *testing.T, want ...string) {
	t.Helper()
	var in []string
	var err, noFile error
	if !assert.Eventually(t, func() bool {
		in, err = r.Stored(t.Context(), "app.hindsight.Hindsight")
		_, noFile = os.Stat(r.file)
		return err == nil && len(in) == len(want) && (len(want) == 0 || in[0] == want[0]+" "+keyringServer) &&
			os.IsNotExist(noFile)
	}, 20*time.Second, 50*time.Millisecond) {
		t.Fatalf("the keyring has %v (%v), not only %v; the file: %v", in, err, want, noFile)
	}
}

const (
	patient = 20 * time.Second
	hasty   = 300 * time.Millisecond
)

func TestTokenInAKeyring(t *testing.T) {
	r := openRing(t)
	k := r.store(patient)
	has(t, k, "")
	for _, step := range []string{"secret", "other"} {
		require.NoError(t, k.Set(step, keyringServer))
		has(t, k, step)
		r.moved(t, step)
		require.Equal(t, config.Kept{Place: config.InKeyring}, k.Kept(config.TokenKey))
	}
	require.NoError(t, k.Set("", keyringServer))
	has(t, k, "")
	r.moved(t)
	require.Equal(t, config.Kept{}, k.Kept(config.TokenKey))
	// The passphrase has a place of its own there.
	require.NoError(t, k.SetPassphrase("correct horse"))
	stored, err := r.Stored(t.Context(), "app.hindsight.Hindsight")
	require.NoError(t, err)
	require.Equal(t, []string{"correct horse"}, stored)
	passphrase, err := r.store(patient).Passphrase()
	require.NoError(t, err)
	require.Equal(t, "correct horse", passphrase)
	has(t, k, "")
	require.NoError(t, k.SetPassphrase(""))
	r.moved(t)
	require.NoError(t, k.Bind(keyringServer))
	t.Setenv("HINDSIGHT_TOKEN", "from outside")
	has(t, k, "from outside")
}

// Without a session bus the app keeps all libraries from starting one; there is no keyring then, which is no fault.
func TestTokensWithoutASessionBus(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("HINDSIGHT_TOKEN", "")
	require.NoError(t, desktop.NoAutolaunch())
	k := token.Open(t.TempDir())
	has(t, k, "")
	require.NoError(t, k.Set("secret", keyringServer))
	has(t, k, "secret")
}

func TestTheNewestTokenWinsOverASlowKeyring(t *testing.T) {
	r := openRing(t)
	require.NoError(t, r.store(patient).Set("old", keyringServer))
	require.NoError(t, r.Stop())
	k := r.store(hasty)
	_, err := k.For(keyringServer)
	require.ErrorContains(t, err, "does not respond")
	for _, newer := range []string{"new", "newest"} {
		require.NoError(t, k.Set(newer, keyringServer))
		has(t, k, newer)
		has(t, r.store(hasty), newer)
	}
	require.NoError(t, r.Continue())
	has(t, k, "newest")
	r.moved(t, "newest")
	has(t, r.store(patient), "newest")

	require.NoError(t, r.Stop())
	require.NoError(t, k.Set("", keyringServer))
	has(t, k, "")
	require.NoError(t, r.Continue())
	has(t, k, "")
	r.moved(t)
	has(t, r.store(patient), "")
}

func TestTokenBesideALockedKeyring(t *testing.T) {
	r := openRing(t)
	require.NoError(t, r.store(patient).Set("old", keyringServer))
	require.NoError(t, r.Lock(t.Context()))
	// Without a prompter the keyring says at once that it stays locked.
	_, err := r.store(patient).For(keyringServer)
	require.ErrorContains(t, err, "unlock the keyring")
	require.NoError(t, r.IgnorePrompts())
	require.Equal(t, config.Kept{Place: config.KeyringLocked}, r.store(patient).Kept(config.TokenKey), "without a prompt")
	k := r.store(hasty)
	_, err = k.For(keyringServer)
	require.ErrorContains(t, err, "unlock the keyring")
	require.NoError(t, k.Set("new", keyringServer))
	has(t, k, "new")
	st, err := os.Stat(r.file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), st.Mode().Perm(), "others can read the token")
	// The user unlocks it in another way than through the prompt; the next start moves the token.
	require.NoError(t, r.Unlock(t.Context()))
	has(t, r.store(patient), "new")
	r.moved(t, "new")
	has(t, r.store(patient), "new")
}

func TestTokenWithoutAKeyring(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	k := &token.Store{File: filepath.Join(t.TempDir(), "sub", "token"), NoKeyring: true}
	has(t, k, "")
	for _, step := range []string{"secret", "other", ""} {
		require.NoError(t, k.Set(step, keyringServer))
		has(t, k, step)
		st, err := os.Stat(k.File)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), st.Mode().Perm(), "others can read the token")
	}
}
