package publish

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Each state reads what it writes; nothing else is one.
func TestStatesAreRead(t *testing.T) {
	for _, s := range states {
		back, err := ParseState(s.String())
		require.NoError(t, err)
		require.Equal(t, s, back)
	}
	for _, s := range recordingStates {
		back, err := ParseRecordingState(s.String())
		require.NoError(t, err)
		require.Equal(t, s, back)
	}
	_, err := ParseState("off")
	require.ErrorContains(t, err, "reconnecting")
	_, err = ParseRecordingState("live")
	require.ErrorContains(t, err, "starting")
}
