package embedded

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Each recorder's name is read as it is written; nothing else is one.
func TestKindsAreRead(t *testing.T) {
	for _, k := range kinds {
		back, err := ParseKind(k.String())
		require.NoError(t, err)
		require.Equal(t, k, back)
	}
	_, err := ParseKind("egress")
	require.ErrorContains(t, err, "livekit")
}
