package backend_test

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"
)

// hidden wants no secret on the command line of any process, where every user of the machine can read it. LiveKit
// Egress itself hands its settings to the processes that it starts in this way; those are left out, as the deploy page
// says.
func (b *bench) hidden(secrets ...string) {
	b.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(b, err)
	seen := 0
	for _, file := range lines {
		line, err := os.ReadFile(file)
		if err != nil || len(line) == 0 {
			continue // it has ended, or is the kernel's
		}
		words := strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")
		if filepath.Base(words[0]) == "egress" && len(words) > 1 {
			continue
		}
		if strings.Contains(words[0], "hindsight-backend") {
			seen++
		}
		for _, s := range secrets {
			require.NotEmpty(b, s)
			require.False(b, strings.Contains(string(line), s), "a secret is in the command line of %s", words[0])
		}
	}
	require.Positive(b, seen, "the backend is not among the processes")
}

// password is that of an address.
func (b *bench) password(address string) string {
	b.Helper()
	u, err := url.Parse(address)
	require.NoError(b, err)
	p, _ := u.User.Password()
	return p
}
