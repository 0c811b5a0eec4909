package x11

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

// observed is a watcher of a frame of three bands, one pixel wide. The first shows a video, the last a game.
type observed struct {
	watcher
	bands *bands
	data  []byte
	looks int
}

func observe() *observed {
	return &observed{watcher: watcher{id: 1}, bands: newBands(3 * media.BandRows), data: make([]byte, 3*media.BandRows*4)}
}

// slot is what is done for one frame, which may report a change of the first band. It returns whether the frame is
// for certain the one of the last look.
func (o *observed) slot(reported bool, at time.Duration) (same bool) {
	o.bands.next()
	if reported {
		o.bands.mark(media.Rows{To: media.BandRows})
	}
	if o.judge(o.bands, at) {
		o.looks++
		return o.check(Frame{Data: o.data}, o.bands, at)
	}
	return false
}

const slot = time.Second / 30

// A server that does not report its changes is found out, and one that does is not suspected: nor while nothing
// happens, nor while a clock or a video moves, nor where changes are reported a little late.
func TestAServerThatDoesNotTellIsFoundOut(t *testing.T) {
	for _, every := range []int{1, 2, 3, 15, 45, 10000} { // frames for one that is reported
		for _, lies := range []bool{true, false} {
			o := observe()
			for n := range 600 { // 20 s
				if n%every == 0 {
					o.data[0]++
				}
				if lies {
					o.data[len(o.data)-1]++
				}
				o.slot(n%every == min(1, every-1), checkEvery+time.Duration(n)*slot)
			}
			require.Equal(t, lies, o.blind, every)
			if !lies {
				require.LessOrEqual(t, o.looks, 20, "one each second")
			}
		}
	}
}

// Changes that were not reported are in the frame all the same.
func TestUnreportedChangesAreMarked(t *testing.T) {
	o, at := observe(), 2*checkEvery
	require.False(t, o.slot(false, at), "the first look")
	at += checkEvery + slot
	require.True(t, o.slot(false, at))
	at += checkEvery + slot
	o.data[len(o.data)-1]++
	require.False(t, o.slot(false, at))
	require.True(t, o.bands.changed())
	require.Equal(t, o.bands.serial, o.bands.last[2])
	require.Less(t, o.bands.last[0], o.bands.serial)
	for range late {
		at += slot
		o.slot(false, at)
	}
	require.True(t, o.blind)
	require.True(t, o.bands.changed())
}
