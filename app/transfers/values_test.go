package transfers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Each kind and each state reads what it writes.
func TestKindsAndStatesAreRead(t *testing.T) {
	for _, k := range kinds {
		back, err := ParseKind(k.String())
		require.NoError(t, err)
		require.Equal(t, k, back)
	}
	for _, s := range states {
		back, err := ParseState(s.String())
		require.NoError(t, err)
		require.Equal(t, s, back)
	}
	_, err := ParseState("lost")
	require.EqualError(t, err, `the state of a transfer is "lost"; it must be waiting, running, retrying or stopped`)
}
