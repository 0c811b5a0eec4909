package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
)

// run returns what the command line prints.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, complaint bytes.Buffer
	code = Main(t.Context(), args, &out, &complaint)
	return code, out.String(), complaint.String()
}

func config(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backend.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// Flags go before the environment, that before the file, that before the defaults; what is printed is a file again.
func TestConfigurationComesFromThreePlaces(t *testing.T) {
	file := config(t, `
replay = "5m"
expire = "1h"
rate = 3.5
max-clips = 7
trusted-proxies = ["10.0.0.0/8", "127.0.0.1"]
log-level = "warn"
log-json = true
`)
	t.Setenv("HINDSIGHT_EXPIRE", "2h")
	t.Setenv("HINDSIGHT_MAX_CLIPS", "8")
	t.Setenv("LIVEKIT_API_SECRET", "hush-hush")
	code, printed, complaint := run(t, "--config", file, "serve", "--max-clips", "9", "--print-config")
	require.Zero(t, code, complaint)
	for _, want := range []string{"replay = '5m0s'", "expire = '2h0m0s'", "rate = 3.5", "max-clips = 9",
		"log-level = 'warn'",
		"log-json = true", "trusted-proxies = ['10.0.0.0/8', '127.0.0.1']", "listen = '127.0.0.1:8484'", "cors-origins = []",
		"LIVEKIT_API_SECRET: set"} {
		require.Contains(t, printed, want)
	}
	require.NotContains(t, printed, "hush-hush")
	for _, flag := range []string{"version", "print-config", "help-man", "completion-script-bash"} {
		require.NotContains(t, printed, flag+" =", "not a setting")
	}
	_, database, _ := run(t, "--database", "postgres://me:hush-hush@host/db", "serve", "--print-config")
	require.Contains(t, database, "postgres://me:xxxxx@host/db")

	os.Unsetenv("HINDSIGHT_EXPIRE")
	os.Unsetenv("HINDSIGHT_MAX_CLIPS")
	code, again, complaint := run(t, "--config", config(t, printed), "serve", "--print-config")
	require.Zero(t, code, complaint)
	require.Equal(t, printed, again)
}

// What cannot be is refused with a message that names the setting.
func TestBadConfigurationIsRefused(t *testing.T) {
	for _, c := range []struct{ flag, value, says string }{
		{"listen", "nowhere:http:x", ""}, // refused only by the system
		{"livekit-url", "host", "--livekit-url"}, {"public-url", "ftp://host", "--public-url"},
		{"base-url", "host", "--base-url"}, {"base-url", "https://host/?q=1", "--base-url"},
		{"trusted-proxies", "everyone", "--trusted-proxies"}, {"trusted-proxies", "10.0.0.0/99", "--trusted-proxies"},
		{"cors-origins", "*", "--cors-origins"}, {"cors-origins", "https://host/path", "--cors-origins"},
		{"rate", "-1", "--rate"}, {"rate", "many", "--rate"}, {"keep-clips", "1s", "--keep-clips"},
		{"keep-clips", "-1h", "--keep-clips"}, {"max-clips", "-1", "--max-clips"}, {"max-clip-mb", "-1", "--max-clip-mb"},
		{"max-link", "1s", "--max-link"}, {"jwt-issuer", "x", "--jwt-key-set"}, {"jwt-key-set", "x", "--jwt-issuer"},
		{"jwt-rooms", "[a", "--jwt-rooms"}, {"jwt-scopes", "root", "--jwt-scopes"}, {"replay", "1s", "--replay"},
		{"expire", "0s", "--expire"}, {"stall", "1s", "--stall"}, {"frame-rate", "0", "--frame-rate"},
		{"max-width", "1", "--max-width"},
		{"aac-priming", "-1", "--aac-priming"}, {"tls-cert", "x", "--tls-key"}, {"drain", "-1s", "--drain"},
		{"log-level", "loud", "--log-level"}, {"max-link", "soon", "12h, 7d or 2w"}, {"expire", "5w", "30d"},
	} {
		code, _, complaint := run(t, "serve", "--print-config", "--"+c.flag+"="+c.value)
		if c.says == "" {
			require.Zero(t, code, complaint)
			continue
		}
		require.NotZero(t, code, "%s=%s", c.flag, c.value)
		require.Contains(t, complaint, c.says, "%s=%s", c.flag, c.value)
	}
	for text, says := range map[string]string{"nothing = 1": "nothing", "=": "TOML", "help = true": "help",
		"rate = {a = 1}": "rate", "[serve]\nrate = 1": "serve"} {
		code, _, complaint := run(t, "--config", config(t, text), "serve", "--print-config")
		require.NotZero(t, code, text)
		require.Contains(t, complaint, says, text)
	}
	code, _, complaint := run(t, "--config", filepath.Join(t.TempDir(), "none.toml"), "serve", "--print-config")
	require.NotZero(t, code)
	require.Contains(t, complaint, "none.toml")
}

// Days and weeks are times, too, wherever they come from.
func TestDaysAndWeeks(t *testing.T) {
	t.Setenv("HINDSIGHT_UPLOAD_EXPIRE", "7d")
	code, printed, complaint := run(t, "--config", config(t, `keep-clips = "2w"`), "serve", "--print-config",
		"--max-recording=1d")
	require.Zero(t, code, complaint)
	for _, line := range []string{"upload-expire = '168h0m0s'", "keep-clips = '336h0m0s'", "max-recording = '24h0m0s'",
		"max-link = '2160h0m0s'", "stall = '45s'"} {
		require.Contains(t, printed, line+"\n")
	}
}

// The address of a database, which has a password, may come from a file, and what is wrong with that is said.
func TestDatabaseComesFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "database")
	list := func(args ...string) string {
		code, _, complaint := run(t, append(append([]string{"--data", t.TempDir()}, args...), "token", "list")...)
		require.NotZero(t, code)
		require.NotContains(t, complaint, "hush-hush")
		return complaint
	}
	require.Contains(t, list("--database-file", file), "cannot be read")
	require.NoError(t, os.WriteFile(file, []byte(" \n"), 0o600))
	require.Contains(t, list("--database-file", file), "empty")
	require.NoError(t, os.WriteFile(file, []byte("mysql://me:hush-hush@host/db\n"), 0o600))
	require.Contains(t, list("--database-file", file), "must be of the form postgres://")
	require.Contains(t, list("--database-file", file, "--database", "postgres://host/db"), "leave one out")
}

// Tokens are made, listed with what they are good for, and revoked.
func TestTokenCommands(t *testing.T) {
	data := t.TempDir()
	code, secret, complaint := run(t, "--data", data, "token", "create", "--identity", "alice", "--rooms", "team-*",
		"--scopes", "view,admin")
	require.Zero(t, code, complaint)
	require.True(t, strings.HasPrefix(secret, "hs_"))
	code, list, _ := run(t, "--data", data, "token", "list")
	require.Zero(t, code)
	require.Contains(t, list, "alice")
	require.Contains(t, list, "[view manage]")
	require.NotContains(t, list, strings.TrimSpace(secret))
	id := strings.Fields(strings.Split(list, "\n")[1])[0]
	code, _, complaint = run(t, "--data", data, "token", "revoke", id)
	require.Zero(t, code, complaint)
	code, _, complaint = run(t, "--data", data, "token", "revoke", id)
	require.NotZero(t, code)
	require.Contains(t, complaint, id)
	code, _, complaint = run(t, "--data", data, "token", "create", "--identity", "bob", "--scopes", "root")
	require.NotZero(t, code)
	require.Contains(t, complaint, "root")
}

func TestInvitationCommands(t *testing.T) {
	data := t.TempDir()
	code, link, complaint := run(t, "--data", data, "token", "invite", "--identity", "alice", "--rooms", "team-*",
		"--base-url", "https://replay.example.com/")
	require.Zero(t, code, complaint)
	i, err := api.ParseInvitation(link)
	require.NoError(t, err)
	require.Equal(t, "https://replay.example.com", i.Server)
	require.Equal(t, "alice", i.Identity)
	code, list, _ := run(t, "--data", data, "token", "list", "--invitations")
	require.Zero(t, code)
	require.Contains(t, list, "team-*")
	require.NotContains(t, list, i.Code)
	id := strings.Fields(strings.Split(list, "\n")[1])[0]
	code, _, complaint = run(t, "--data", data, "token", "revoke", id)
	require.Zero(t, code, complaint)
	code, list, _ = run(t, "--data", data, "token", "list", "--invitations", "--json")
	require.Zero(t, code)
	require.Equal(t, "[]\n", list)
	for want, args := range map[string][]string{
		"at most 30d":            {"--identity", "bob", "--base-url", "https://a", "--expires", "31d"},
		"--base-url is":          {"--identity", "bob", "--base-url", "a"},
		"no scope":               {"--identity", "bob", "--base-url", "https://a", "--scopes", "root"},
		"the identity must have": {"--identity", "", "--base-url", "https://a"},
		"names no server":        {"--identity", "bob", "--base-url", "https://u:p@a"},
	} {
		code, _, complaint = run(t, append([]string{"--data", data, "token", "invite"}, args...)...)
		require.NotZero(t, code)
		require.Contains(t, complaint, want)
	}
	_, list, _ = run(t, "--data", data, "token", "list", "--invitations", "--json")
	require.Equal(t, "[]\n", list, "what was refused is not left behind")
}

// A repair revokes what an older database may know although it was revoked since, and says so; or it keeps it.
func TestRepairRevokesLinks(t *testing.T) {
	data := t.TempDir()
	code, _, complaint := run(t, "--data", data, "token", "invite", "--identity", "alice", "--base-url", "https://a")
	require.Zero(t, code, complaint)
	invitations := func() string {
		code, list, _ := run(t, "--data", data, "token", "list", "--invitations", "--json")
		require.Zero(t, code)
		return list
	}
	code, out, complaint := run(t, "--data", data, "repair", "--keep-links")
	require.Zero(t, code, complaint)
	require.Contains(t, out, "kept: links, sign-ins and invitations")
	require.Contains(t, invitations(), "alice")
	code, out, complaint = run(t, "--data", data, "repair")
	require.Zero(t, code, complaint)
	require.Contains(t, out, "revoked: 0 links, 0 sign-ins, 1 invitations")
	require.Equal(t, "[]\n", invitations())
	code, out, _ = run(t, "repair", "--help")
	require.Zero(t, code)
	require.Contains(t, out, "--keep-links")
}
