package x11

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// observed is a watcher on a display that shows one pixel.
type observed struct {
	watcher
	reads int
}

// slot is what is done for one picture.
func (o *observed) slot(told bool, at time.Duration, pixel byte) (yes, look bool) {
	if o.blind {
		o.reads++
		return true, false
	}
	if yes, look = o.next(told, at); yes || look {
		o.reads++
	}
	if look {
		o.check(Picture{Data: []byte{pixel}}, at)
	}
	return yes, look
}

const slot = time.Second / 30

// A server that does not tell of its changes is found out, and then every picture is read.
func TestAServerThatDoesNotTellIsFoundOut(t *testing.T) {
	var o observed
	at := checkEvery
	for n := range 5 * 30 {
		at += slot
		yes, look := o.slot(false, at, 7)
		require.False(t, yes)
		require.Equal(t, n == 1 || n%31 == 0, look, n) // two at first, one each second
	}
	for range 2 * 30 {
		at += slot
		o.slot(false, at, 8)
	}
	require.True(t, o.blind)
	yes, _ := o.slot(false, at+slot, 8)
	require.True(t, yes, "it stays so")
}

// So is one that tells of some changes only: of a clock or a film, and not of the game beside it. One that tells of all is
// not asked for more than two pictures a second.
func TestAServerThatTellsOfSomeChangesIsFoundOut(t *testing.T) {
	for _, every := range []int{2, 3, 4, 15, 45} { // 15 pictures a second to one in 1.5 s
		for _, lies := range []bool{true, false} {
			var o observed
			pixel, told := byte(0), 0
			for n := range 600 { // 20 s
				tells := n%every == 0
				if tells || lies {
					pixel++
				}
				if tells {
					told++
				}
				o.slot(tells, time.Duration(n)*slot, pixel)
			}
			if every == 2 {
				lies = false // a change may be told late; half of the pictures are filmed
			}
			require.Equal(t, lies, o.blind, every)
			if !lies {
				require.LessOrEqual(t, o.reads, told+2*20, every)
			}
		}
	}
}
