package play_test

import (
	"context"
	"image"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/play"
	"github.com/hindsight-app/hindsight/capture/play/playtest"
)

// player is one whose frames are kept.
type player struct {
	*play.Player
	clip *play.Clip
	mu   sync.Mutex
	seen []play.Frame
}

func open(t *testing.T, path string, o play.Options) *player {
	t.Helper()
	c, err := play.OpenClip(path)
	require.NoError(t, err)
	p := &player{clip: c}
	o.Width, o.Height = 1000, 1000
	o.Frame = func(f play.Frame) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.seen = append(p.seen, f)
	}
	p.Player = play.New(c, o)
	t.Cleanup(func() {
		p.Close()
		p.Close()
		require.NoError(t, c.Close())
	})
	return p
}

func (p *player) frames() []play.Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]play.Frame(nil), p.seen...)
}

// waits until a frame is shown.
func (p *player) shows(t *testing.T, number int) play.Frame {
	t.Helper()
	var last play.Frame
	require.Eventually(t, func() bool {
		seen := p.frames()
		if len(seen) > 0 {
			last = seen[len(seen)-1]
		}
		return len(seen) > 0 && last.Number == number
	}, 30*time.Second, 5*time.Millisecond, "frame %d is not shown, but %d; %v", number, last.Number, p.Trouble())
	return last
}

// Each seek shows exactly that frame, forwards, backwards and to the ends, with frames that are decoded in another
// order than shown, and where an edit list hides the first ones.
func TestSeeksAreExactToTheFrame(t *testing.T) {
	path := playtest.Movie(t, "4", "2")
	part, err := clip.Trim(t.Context(), clip.TrimRequest{Path: path, From: playtest.At(45), To: playtest.At(110)})
	require.NoError(t, err)
	for file, count := range map[string]int{path: 120, part.Path: 65} {
		want := playtest.Decoded(t, file)
		require.Len(t, want, count)
		p := open(t, file, play.Options{Silent: true})
		require.Equal(t, count, p.clip.Frames())
		p.shows(t, 0)
		for _, n := range []int{0, 1, 2, 40, 39, 38, 5, count - 1, 61, 60, 59} {
			begin := p.clip.At(n)
			require.InDelta(t, playtest.At(n).Seconds(), begin.Seconds(), 0.001)
			require.Equal(t, n, p.clip.FrameAt(begin))
			p.Seek(begin)
			f := p.shows(t, n)
			require.Equal(t, n, playtest.Nearest(want, f.Image), "what is shown as frame %d", n)
			require.Equal(t, image.Rect(0, 0, playtest.Width, playtest.Height), f.Image.Bounds())
			require.Equal(t, begin, p.Position())
		}
		require.Equal(t, p.clip.Length(), p.clip.At(count))
	}
}

// What is played goes from the begin of the selection to its last frame, in order, and stops there.
func TestPlaysTheSelection(t *testing.T) {
	path := playtest.Movie(t, "4", "2")
	p := open(t, path, play.Options{Silent: true})
	want := playtest.Decoded(t, path)
	p.shows(t, 0)
	p.Play(p.clip.At(25), p.clip.At(50))
	require.True(t, p.Playing())
	require.Eventually(t, func() bool { return !p.Playing() }, 30*time.Second, 5*time.Millisecond)
	require.NoError(t, p.Trouble())
	require.Equal(t, p.clip.At(49), p.Position())
	seen := p.frames()[1:]
	require.Equal(t, 25, playtest.Nearest(want, seen[0].Image))
	require.Equal(t, 49, playtest.Nearest(want, seen[len(seen)-1].Image))
	for i := 1; i < len(seen); i++ {
		require.GreaterOrEqual(t, seen[i].Number, seen[i-1].Number)
	}
	p.Play(0, p.clip.Length())
	require.Eventually(t, func() bool { seen := p.frames(); return seen[len(seen)-1].Number < 30 && p.Position() > 0 },
		30*time.Second, time.Millisecond)
	p.Pause()
	require.False(t, p.Playing())
	n := p.clip.FrameAt(p.Position())
	p.shows(t, n)
}

// A device that is not there is no reason not to see the clip play.
func TestPlaysWithoutAnOutput(t *testing.T) {
	p := open(t, playtest.Movie(t, "2", "0"), play.Options{Server: "unix:/nowhere"})
	p.shows(t, 0)
	p.Play(0, playtest.At(10))
	require.Eventually(t, func() bool { return !p.Playing() && p.Trouble() != nil }, 30*time.Second, 5*time.Millisecond)
	require.ErrorContains(t, p.Trouble(), "the default output for sound cannot be opened")
	p.shows(t, 9)
}

func TestStripAndPeaks(t *testing.T) {
	path := playtest.Movie(t, "4", "2")
	c, err := play.OpenClip(path)
	require.NoError(t, err)
	defer c.Close()
	want := playtest.Decoded(t, path)
	var got []int
	require.NoError(t, c.Strip(t.Context(), 0, c.Length(), 6, 1000, 1000, func(n int, img image.Image) {
		require.Equal(t, len(got), n)
		got = append(got, playtest.Nearest(want, img))
	}))
	for i, n := range []int{10, 30, 50, 70, 90, 110} { // which is where a frame begins, or an instant before
		require.InDelta(t, n, got[i], 1)
	}
	got = nil
	require.NoError(t, c.Strip(t.Context(), playtest.At(30), playtest.At(60), 2, 1000, 1000, func(_ int, img image.Image) {
		got = append(got, playtest.Nearest(want, img))
	}))
	require.Equal(t, []int{37, 52}, got)
	require.NoError(t, c.Strip(t.Context(), 0, c.Length(), 2, 64, 64, func(_ int, img image.Image) {
		require.Equal(t, image.Rect(0, 0, 64, 36), img.Bounds())
	}))
	var peaks []float32
	require.NoError(t, c.Peaks(t.Context(), 1, func(p []float32) { peaks = p }))
	require.Len(t, peaks, 400)
	for i, v := range peaks[2:398] {
		require.InDelta(t, 0.125, v, 0.02, "%d", i)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Peaks(ctx, 1, nil), context.Canceled)
	require.ErrorIs(t, c.Strip(ctx, 0, c.Length(), 6, 100, 100, nil), context.Canceled)
	_, err = play.OpenClip(filepath.Join(t.TempDir(), "gone.mp4"))
	require.Error(t, err)
}
