package token_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/token"
)

const (
	old   = "https://old.example.com"
	other = "https://other.example.com"
)

// open is a start of the app whose tokens are in this folder.
func open(dir string) *token.Store {
	return &token.Store{File: filepath.Join(dir, "token"), NoKeyring: true}
}

// only checks that one server gets the token and another one does not.
func only(t *testing.T, s *token.Store, server, want string) {
	t.Helper()
	got, err := s.For(server)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for _, foreign := range []string{"http://old.example.com", "https://old.example.com:8443",
		"https://old.example.com.evil.org",
		"https://evil.org/?https://old.example.com", "https://OTHER.example.org", "", "no address"} {
		got, err := s.For(foreign)
		require.Empty(t, got, foreign)
		var e *token.OtherServerError
		require.ErrorAs(t, err, &e, foreign)
	}
}

func TestATokenIsForOneServer(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	dir := t.TempDir()
	require.NoError(t, open(dir).Set(" secret\n", old+"/some/path"))
	for _, same := range []string{old, "HTTPS://Old.Example.com:443/x"} {
		only(t, open(dir), same, "secret")
	}
	s := open(dir)
	require.NoError(t, s.Bind(other), "a token with a server of its own keeps it")
	_, err := s.For(other)
	require.EqualError(t, err, "the access token was given for "+old+"; enter the token for "+other)
	origin, err := s.Origin()
	require.NoError(t, err)
	require.Equal(t, old, origin)
	require.NoError(t, s.Set("newer", other))
	got, err := s.For(other)
	require.NoError(t, err)
	require.Equal(t, "newer", got)
	require.NoError(t, s.Set("", other))
	got, err = s.For(old)
	require.NoError(t, err)
	require.Empty(t, got)
	require.ErrorContains(t, s.Set("two words", old), "spaces")
}

// A token of a release before belongs to the server of the first start, whatever is set later.
func TestATokenWithoutAServerIsBoundOnce(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte("legacy\n"), 0o600))
	_, err := open(dir).For(old)
	require.ErrorContains(t, err, "enter the token for "+old, "nobody has said which server it is for")
	require.NoError(t, open(dir).Bind(""), "there is no server yet")
	require.NoError(t, open(dir).Bind(old))
	require.NoError(t, open(dir).Bind(other))
	only(t, open(dir), old, "legacy")

	// One that is set before there is a server belongs to the first one, and not to that of the token before.
	s := open(dir)
	require.NoError(t, s.Set("early", ""))
	require.NoError(t, s.Bind(other))
	_, err = s.For(old)
	require.ErrorContains(t, err, "was given for "+other)
	got, err := open(dir).For(other)
	require.NoError(t, err)
	require.Equal(t, "early", got)
}

// Where the record cannot be written, it counts until the end of the run.
func TestARecordThatCannotBeWritten(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	dir := t.TempDir()
	s := open(dir)
	require.NoError(t, s.Set("early", ""))
	require.NoError(t, os.MkdirAll(s.File+"-server/in the way", 0o700))
	require.Error(t, s.Bind(old))
	_, err := s.For(old)
	require.Error(t, err, "what was given for a server that is not known goes to none")
}

// A token of the environment is for the environment's server, else for the first one of the run.
func TestATokenOfTheEnvironment(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "outside")
	s := open(t.TempDir())
	_, err := s.For(old)
	require.Error(t, err, "no server is known")
	require.NoError(t, s.Bind(old))
	require.NoError(t, s.Bind(other))
	only(t, s, old, "outside")
	t.Setenv("HINDSIGHT_SHARING_BACKEND_URL", other)
	_, err = s.For(old)
	require.ErrorContains(t, err, "was given for "+other)
	require.NotContains(t, err.Error(), "outside")
	got, err := s.For(other + "/path")
	require.NoError(t, err)
	require.Equal(t, "outside", got)
}

func TestNothingOfATokenIsInAnError(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	s := open(t.TempDir())
	require.NoError(t, s.Set("secret", old))
	_, err := s.For(other)
	require.False(t, strings.Contains(err.Error(), "secret"))
}

// Where a secret is, is said as it is.
func TestWhereSecretsAre(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	s := open(t.TempDir())
	require.Equal(t, config.Kept{}, s.Kept(config.TokenKey))
	require.NoError(t, s.SetPassphrase("correct horse"))
	require.Equal(t, config.Kept{}, s.Kept(config.TokenKey), "the passphrase is another secret")
	require.Equal(t, config.InFile, s.Kept(config.PassphraseKey).Place)
	require.NoError(t, s.Set("secret", old))
	require.Equal(t, config.Kept{Place: config.InFile, File: s.File}, s.Kept(config.TokenKey))
	require.NoError(t, s.Set("", old))
	require.Equal(t, config.Kept{}, s.Kept(config.TokenKey), "the file that is left is empty")
	t.Setenv("HINDSIGHT_TOKEN", "outside")
	require.Equal(t, config.Kept{Place: config.InEnvironment}, s.Kept(config.TokenKey))
}

// The passphrase is kept beside the token, for no server.
func TestAPassphraseIsKeptBesideTheToken(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	dir := t.TempDir()
	require.NoError(t, open(dir).Set("secret", old))
	got, err := open(dir).Passphrase()
	require.NoError(t, err)
	require.Empty(t, got)
	require.NoError(t, open(dir).SetPassphrase(" correct horse\n"))
	got, err = open(dir).Passphrase()
	require.NoError(t, err)
	require.Equal(t, "correct horse", got)
	only(t, open(dir), old, "secret")
	require.Error(t, open(dir).SetPassphrase("two\nlines"))
	require.Error(t, open(dir).SetPassphrase(strings.Repeat("x", 1025)))
	require.NoError(t, open(dir).SetPassphrase(""))
	got, err = open(dir).Passphrase()
	require.NoError(t, err)
	require.Empty(t, got)
}
