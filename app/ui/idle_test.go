package ui

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThrottlesWhileTheWindowIsHidden(t *testing.T) {
	b := start(t)
	b.ui.show(pageHome)
	require.False(t, b.ui.idle.resting)
	b.ui.closed()
	require.Equal(t, runtime.GOOS == "linux", b.ui.idle.resting)
	b.ui.show(-1)
	require.False(t, b.ui.idle.resting)
}

func TestThrottlingEndsWhenThereIsSomethingToDo(t *testing.T) {
	n := newIdleThrottle()
	for range 3 {
		n.wake()
		n.wake() // for the same sleep
		n.throttle(0)
		require.Empty(t, n.woken)
		n.wake()
		n.throttle(0)
		require.Len(t, n.woken, 1, "every other round is for what is to be done")
		<-n.woken
	}
}
