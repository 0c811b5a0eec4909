package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestViewersMayNotAskTooOften(t *testing.T) {
	var l requestLimits
	now := time.Now()
	require.True(t, l.allow("bob", now))
	require.False(t, l.allow("bob", now.Add(viewerEvery-time.Second)))
	require.True(t, l.allow("carol", now), "others are not held back by it")
	require.True(t, l.allow("bob", now.Add(viewerEvery)))

	// Under many names, still only so many.
	now = now.Add(time.Hour)
	passed := 0
	for i := range 1000 {
		if l.allow(fmt.Sprint("name ", i), now) {
			passed++
		}
	}
	require.Equal(t, roomBurst, passed)
	for i := range 2 * mostViewers {
		now = now.Add(roomEvery)
		require.True(t, l.allow(fmt.Sprint("other ", i), now))
	}
	require.LessOrEqual(t, len(l.each), mostViewers)
}
