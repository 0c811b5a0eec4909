package publish

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/fanout"
	"github.com/hindsight-app/hindsight/capture/media"
)

// knobs is a source of which only the description counts.
type knobs struct {
	info  media.TrackInfo
	sound bool
}

func (k *knobs) NewReader(n int, t ...media.Track) *fanout.Reader {
	return fanout.New().NewReader(n, t...)
}
func (k *knobs) RequestKeyframe()       {}
func (k *knobs) SetBitrate(kbps int)    { k.info.BitrateKbps = kbps }
func (k *knobs) Video() media.TrackInfo { return k.info }
func (k *knobs) HasSound() bool         { return k.sound }

// allowance is what a network allows.
type allowance struct{ kbps, minimum, maximum int }

func (a *allowance) BitrateKbps() int { return a.kbps }
func (a *allowance) SetBounds(minimum, maximum int) {
	a.minimum, a.maximum, a.kbps = minimum, maximum, maximum
}

func TestWatchOfTheSource(t *testing.T) {
	size := func(w, h, kbps int) media.TrackInfo { return media.TrackInfo{Width: w, Height: h, BitrateKbps: kbps} }
	for name, c := range map[string]struct {
		change  func(*knobs, *allowance)
		again   bool
		kbps    int // of the encoder afterwards
		ceiling int // of the session afterwards, if it was changed
	}{
		"nothing":             {func(*knobs, *allowance) {}, false, 8000, 0},
		"other size":          {func(k *knobs, _ *allowance) { k.info = size(1280, 720, 8000) }, true, 8000, 0},
		"no encoder for now":  {func(k *knobs, _ *allowance) { k.info = size(0, 0, 0) }, false, 0, 0},
		"sound on":            {func(k *knobs, _ *allowance) { k.sound = true }, true, 8000, 0},
		"other bitrate":       {func(k *knobs, _ *allowance) { k.info.BitrateKbps = 4000 }, false, 4000, 4000},
		"slow network":        {func(k *knobs, a *allowance) { k.info.BitrateKbps, a.kbps = 3000, 3000 }, false, 3000, 0},
		"encoder again, slow": {func(_ *knobs, a *allowance) { a.kbps = 3000 }, false, 3000, 0},
		"other bitrate, slow": {func(k *knobs, a *allowance) { k.info.BitrateKbps, a.kbps = 5000, 3000 }, false, 5000, 5000},
	} {
		t.Run(name, func(t *testing.T) {
			k, a := &knobs{info: size(1920, 1080, 8000)}, &allowance{kbps: 8000}
			w := newSourceWatch(k)
			c.change(k, a)
			for range 2 {
				require.Equal(t, c.again, w.again(k, a))
			}
			require.Equal(t, c.kbps, k.info.BitrateKbps)
			require.Equal(t, c.ceiling, a.maximum)
			require.Equal(t, c.ceiling/floorShare, a.minimum)
		})
	}
}

func TestPauses(t *testing.T) {
	d := firstPause
	for range 20 {
		next := nextPause(d)
		require.GreaterOrEqual(t, next, d)
		require.LessOrEqual(t, next, longPause)
		d = next
	}
	require.Equal(t, longPause, d)
}

func TestWatchOfTheLowLayer(t *testing.T) {
	k := &knobs{info: media.TrackInfo{Width: 1280, Height: 720, FrameRate: 30, BitrateKbps: 2000}}
	w := newLowWatch(k)
	require.True(t, w.there())
	floor, ceiling := w.bounds()
	require.Equal(t, []int{500, 2000}, []int{floor, ceiling})
	require.False(t, w.again())
	w.follow(800)
	require.Equal(t, 800, k.info.BitrateKbps, "an encoder that was opened again gets the network's bitrate")
	k.info = media.TrackInfo{BitrateKbps: 2000}
	w.follow(800)
	require.Equal(t, 2000, k.info.BitrateKbps, "there is no encoder now")
	require.False(t, w.again(), "nobody needs the layer for now")
	k.info.Width, k.info.Height, k.info.FrameRate = 1280, 720, 60
	require.True(t, w.again(), "its bitrate is another with the frame rate")

	none := newLowWatch(nil)
	require.False(t, none.there() || none.again())
	late := newLowWatch(&knobs{})
	require.False(t, late.there() || late.again())
	late.src.(*knobs).info.Width = 640
	require.True(t, late.again(), "it is there now")
}
