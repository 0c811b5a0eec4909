package ui

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNapsWhileTheWindowIsHidden(t *testing.T) {
	b := start(t)
	b.ui.show(pageHome)
	require.False(t, b.ui.naps.resting)
	b.ui.closed()
	require.Equal(t, runtime.GOOS == "linux", b.ui.naps.resting)
	b.ui.show(-1)
	require.False(t, b.ui.naps.resting)
}

func TestANapEndsWhenThereIsSomethingToDo(t *testing.T) {
	n := newNaps()
	for range 3 {
		n.wake()
		n.wake() // for the same nap
		n.nap(0)
		require.Empty(t, n.woken)
		n.wake()
		n.nap(0)
		require.Len(t, n.woken, 1, "every other round is for what is to be done")
		<-n.woken
	}
}
