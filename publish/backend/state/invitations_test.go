package state

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Each scope reads what it writes, and what it was called before.
func TestScopesAreRead(t *testing.T) {
	for _, s := range scopes {
		back, err := ParseScope(s.String())
		require.NoError(t, err)
		require.Equal(t, s, back)
	}
	old, err := ParseScope("admin")
	require.NoError(t, err)
	require.Equal(t, Manage, old)
	for _, wrong := range []string{"", "Publish", "everything"} {
		_, err := ParseScope(wrong)
		require.ErrorContains(t, err, "use view, publish, record or manage")
	}
}
