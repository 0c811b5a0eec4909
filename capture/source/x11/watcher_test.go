package x11

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// observed is a watcher on a display that shows one pixel.
type observed struct {
	*watcher
	reads int
}

func observe() *observed { return &observed{watcher: &watcher{d: &Display{}, id: 1}} }

// look is what is done for one picture.
func (o *observed) look(at time.Duration, pixel byte) (yes, maybe bool) {
	if yes, maybe = o.changed(at); yes || maybe {
		o.reads++
	}
	if maybe && !yes {
		o.check(Picture{Data: []byte{pixel}}, at)
	}
	return yes, maybe
}

const slot = time.Second / 30

// A server that does not tell of its changes is found out, and then every picture is read.
func TestAServerThatDoesNotTellIsFoundOut(t *testing.T) {
	o := observe()
	o.look(checkEvery, 7)
	for second := range 5 {
		at := time.Duration(second+1)*checkEvery + slot
		yes, maybe := o.look(at, 7)
		require.False(t, yes)
		require.True(t, maybe)
		yes, maybe = o.look(at+slot, 7)
		require.False(t, yes || maybe)
	}
	o.look(7*checkEvery, 8)
	yes, _ := o.look(7*checkEvery+slot, 8)
	require.True(t, yes)
	yes, _ = o.look(7*checkEvery+2*slot, 8)
	require.True(t, yes, "it stays so")
}

// So is one that tells of some changes only: of a clock, and not of the game beside it.
func TestAServerThatTellsOfSomeChangesIsFoundOut(t *testing.T) {
	for _, lies := range []bool{true, false} {
		o := observe()
		pixel := byte(0)
		for n := range 300 { // 10 s
			if lies {
				pixel++
			}
			if n%15 == 0 && !o.blind { // the clock
				pixel++
				o.told()
				o.reads++
				continue
			}
			o.look(time.Duration(n)*slot, pixel)
		}
		require.Equal(t, lies, o.blind)
		if !lies {
			require.Less(t, o.reads, 20+2*10+5, "two more a second")
		}
	}
}
