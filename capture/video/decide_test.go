package video

import (
	"image"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/media"
)

func TestAttemptsToOpenAnEncoder(t *testing.T) {
	var a attempts
	want := encode.VideoConfig{Width: 640, Height: 360, FrameRate: 30}
	now := time.Hour
	require.Equal(t, begin, a.next(want, now))
	a.opened()
	require.Equal(t, goOn, a.next(want, now))
	a.lost("one")
	require.False(t, a.may("one"))
	require.True(t, a.may("two"))
	require.Equal(t, begin, a.next(want, now), "the next one is tried at once")
	a.exhausted(now)
	require.Equal(t, wait, a.next(want, now+retryAfter-1))
	require.Equal(t, begin, a.next(want, now+retryAfter))
	require.True(t, a.may("one"), "all may be tried again")
	a.lost("one")
	a.exhausted(now)
	want.FrameRate = 60
	require.Equal(t, begin, a.next(want, now), "another configuration is tried at once")
	a.lost("one")
	want.Encoder = "one"
	require.Equal(t, begin, a.next(want, now))
	require.True(t, a.may("one"), "the user insists")
	a.opened()
	a.closed()
	require.Equal(t, begin, a.next(want, now))
}

func TestWorkThatWaitsIsMerged(t *testing.T) {
	same := shape{image.Pt(2, 2), 30}
	released := 0
	frame := func(n uint64) *shared {
		return share(media.Frame{Serial: n, Release: func() { released++ }}, 1)
	}
	w := work{shape: same, from: 10, to: 11, frame: frame(1), at: 10}
	require.Nil(t, w.merge(work{shape: same, from: 11, to: 14}))
	require.Equal(t, []int64{10, 14, 10}, []int64{w.from, w.to, w.at}, "repeats follow the frame")
	left := w.merge(work{shape: same, from: 14, to: 16, frame: frame(2), at: 15})
	require.EqualValues(t, 1, left.Serial)
	require.Equal(t, []int64{10, 16, 15}, []int64{w.from, w.to, w.at})
	left = w.merge(work{shape: same, frame: frame(3), at: noSlot})
	require.EqualValues(t, 2, left.Serial)
	require.Equal(t, []int64{10, 16, 15}, []int64{w.from, w.to, w.at}, "it takes the place of the one that waits")
	require.Nil(t, w.merge(work{shape: same, from: 16, to: 90}))
	require.Equal(t, []int64{30, 90, noSlot}, []int64{w.from, w.to, w.at}, "no more than two seconds are filled")
	require.EqualValues(t, 3, w.frame.Serial)
	require.NotNil(t, w.merge(work{shape: same, from: 500, to: 501, frame: frame(4), at: 500}))
	require.Equal(t, []int64{500, 501, 500}, []int64{w.from, w.to, w.at}, "a gap stays one")
	left = w.merge(work{shape: shape{same.size, 60}, from: 1002, to: 1003})
	require.EqualValues(t, 4, left.Serial, "slots of another length")
	require.Zero(t, released)
	left.release()
	require.Equal(t, 1, released)
}

func TestTheCanvasStays(t *testing.T) {
	var c canvas
	see := func(w, h int, at time.Duration) image.Point {
		c.see(media.Frame{Width: w, Height: h, PTS: at})
		return c.size
	}
	require.Equal(t, image.Pt(640, 360), see(640, 360, 1))
	require.Equal(t, image.Pt(640, 360), see(800, 600, 2), "a window was resized")
	c.refit, c.refitAt = true, 5
	require.Equal(t, image.Pt(640, 360), see(800, 600, 4), "of the target before")
	require.Equal(t, image.Pt(800, 600), see(800, 600, 5))
	require.Equal(t, image.Pt(800, 600), see(640, 360, 6))
	c.follow = true
	require.Equal(t, image.Pt(640, 360), see(640, 360, 7))
}

// What one setting changes is what reopens an encoder.
func TestPlans(t *testing.T) {
	s := shape{image.Pt(1920, 1080), 30}
	e := Encoding{Preset: media.Balanced, BitrateKbps: 5000}
	f, l := full(s, e), low(s, e)
	require.Equal(t, []int{1920, 1080, 0, 5000}, []int{f.Width, f.Height, f.OutHeight, f.BitrateKbps})
	require.Equal(t, 720, l.OutHeight)
	e.BitrateKbps, e.Encoder = 9000, "x264enc"
	require.NotEqual(t, f, full(s, e))
	require.Equal(t, l, low(s, e), "the layer has its own")
	e.FollowSize = true
	require.Equal(t, full(s, Encoding{Preset: media.Balanced, BitrateKbps: 9000, Encoder: "x264enc"}), full(s, e))
	s.size = image.Pt(1280, 720)
	require.Equal(t, 480, low(s, e).OutHeight)
}
