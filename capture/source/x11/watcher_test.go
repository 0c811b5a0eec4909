package x11

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A server that does not tell of its changes is found out, and then every picture is read.
func TestAServerThatDoesNotTellIsFoundOut(t *testing.T) {
	w := watcher{d: &Display{}, id: 1}
	look := func(at time.Duration, pixel byte) (yes, maybe bool) {
		yes, maybe = w.changed(at)
		if maybe && !yes {
			w.check(Picture{Data: []byte{pixel}}, at)
		}
		return yes, maybe
	}
	for second := range 5 {
		at := time.Duration(second+1) * checkEvery
		yes, maybe := look(at, 7)
		require.False(t, yes)
		require.True(t, maybe)
		yes, maybe = look(at+checkEvery/30, 7)
		require.False(t, yes || maybe)
	}
	look(6*checkEvery, 8)
	yes, _ := look(6*checkEvery+checkEvery/30, 8)
	require.True(t, yes)
	yes, _ = look(6*checkEvery+2*checkEvery/30, 8)
	require.True(t, yes, "it stays so")
}
