package desktop

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The buttons of a notification that takes the place of the one before work, however many it has followed, and of old
// ones not all are remembered.
func TestButtonsOfTheNewestWork(t *testing.T) {
	n := &Notifier{shown: map[uint32][]Action{}}
	pressed := 0
	for range 3 * keepLast {
		n.remember(5, []Action{{Label: "Play", Do: func() { pressed++ }}})
	}
	require.Len(t, n.shown[5], 1)
	n.shown[5][0].Do()
	require.Equal(t, 1, pressed)
	for id := range uint32(3 * keepLast) {
		n.remember(100+id, nil)
	}
	require.Len(t, n.shown, keepLast)
	require.Len(t, n.order, keepLast)
	require.NotContains(t, n.shown, uint32(5))
}
