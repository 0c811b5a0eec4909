package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePassphraseIsReadAndNeverPrinted(t *testing.T) {
	s := newShell(t)
	kept := func() string {
		data, err := os.ReadFile(s.file("settings/passphrase"))
		require.NoError(t, err)
		return strings.TrimSpace(string(data))
	}
	code, out, said := s.run(t, "correct horse\n", "settings", "set-passphrase", "--json")
	require.Zero(t, code, said)
	require.JSONEq(t, `{"ok":true,"in_use":false,"fields":[{"key":"sharing.passphrase","state":"next_start"}]}`, out)
	require.Equal(t, "correct horse", kept())
	for _, input := range []string{"", "\n", "two\nlines", strings.Repeat("x", 20_000)} {
		code, _, said = s.run(t, input, "settings", "set-passphrase")
		require.Equal(t, 2, code)
		require.Contains(t, said, "passphrase")
		require.NotContains(t, said, "lines")
	}
	code, _, said = s.run(t, "", "settings", "set", "sharing.encrypt", "true")
	require.Zero(t, code, said)
	_, out, _ = s.run(t, "", "settings", "list", "--json")
	require.Contains(t, out, "sharing.encrypt")
	require.NotContains(t, out, "horse")
	file, err := os.ReadFile(s.file("settings/config.toml"))
	require.NoError(t, err)
	require.Contains(t, string(file), "encrypt = true")
	require.NotContains(t, string(file), "horse")
	code, _, said = s.run(t, "", "settings", "set-passphrase", "--remove")
	require.Zero(t, code, said)
	require.Empty(t, kept())
}
