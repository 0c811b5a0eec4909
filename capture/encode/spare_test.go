package encode

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsLeftOutIsPaidOut(t *testing.T) {
	s := spare{most: 60}
	require.False(t, s.take(), "nothing was left out")
	for range spareFactor - 1 {
		require.False(t, s.take())
		s.leftOut()
	}
	require.True(t, s.take())
	require.False(t, s.take(), "it is spent")
	for range 1000 {
		s.leftOut()
	}
	taken := 0
	for s.take() {
		taken++
	}
	require.Equal(t, 60/(spareFactor-1), taken, "no more than one interval's")
	require.Equal(t, 1, s.times())
	s.raised = true
	require.Equal(t, spareFactor, s.times())
}
