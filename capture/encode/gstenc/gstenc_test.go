package gstenc

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/media"
)

// sink keeps what an encoder delivers.
type sink struct {
	mu     sync.Mutex
	units  []time.Duration
	failed error
}

func (s *sink) output() engine.VideoOutput {
	return engine.VideoOutput{
		Unit: func(_ []byte, pts time.Duration) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.units = append(s.units, pts)
		},
		Failed: func(err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.failed = err
		},
	}
}

func (s *sink) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.units)
}

func stream(w, h int) engine.VideoStream {
	return engine.VideoStream{Width: w, Height: h, FrameRate: 30, KeyInterval: 60, BitrateKbps: 1000,
		Preset: media.Balanced, Matrix: 6, SurfaceSize: w * h * 3 / 2}
}

// start opens an element with one surface.
func startElement(t *testing.T, e element, s *sink) (*video, engine.Surface) {
	t.Helper()
	v, err := e.open(stream(320, 180), s.output())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()); require.NoError(t, v.Close()) })
	surface, err := v.Surface()
	require.NoError(t, err)
	return v, surface
}

// An encoder that fails while it runs says so, after what it has encoded before.
func TestAnElementThatFailsWhileRunning(t *testing.T) {
	var got sink
	v, surface := startElement(t, element{
		name: "identity", format: engine.I420, setup: "error-after=10 ! x264enc bitrate={kbps} key-int-max={gop} " +
			"tune=zerolatency speed-preset=ultrafast",
	}, &got)
	for n := range 20 {
		if v.Push(surface, time.Duration(n)*time.Second/30, false) != nil {
			break
		}
	}
	require.Eventually(t, func() bool { return got.failure() != nil }, 30*time.Second, time.Millisecond)
	require.ErrorContains(t, got.failure(), "Failed after iterations as requested")
	require.Less(t, got.count(), 10)
}

// A property that the installed version does not have is left out.
func TestUnknownPropertiesAreLeftOut(t *testing.T) {
	x := elements[slices.IndexFunc(elements, func(e element) bool { return e.name == "x264enc" })]
	x.setup += " no-such-thing=1 nor-this=2"
	var got sink
	v, surface := startElement(t, x, &got)
	require.NoError(t, v.Push(surface, time.Second, true))
	require.Eventually(t, func() bool { return got.count() == 1 }, 30*time.Second, time.Millisecond)
	require.NoError(t, got.failure())
}

// A surface is free again when the encoder has let go of all that was pushed of it, and keeps what it shows.
func TestSurfacesComeBack(t *testing.T) {
	x := elements[slices.IndexFunc(elements, func(e element) bool { return e.name == "x264enc" })]
	var got sink
	v, surface := startElement(t, x, &got)
	require.True(t, surface.Free())
	require.NoError(t, surface.Write(func(dst []byte) error { dst[7] = 99; return nil }))
	for n := range 5 {
		require.NoError(t, v.Push(surface, time.Duration(n)*time.Second/30, n == 2))
	}
	require.Eventually(t, func() bool { return got.count() == 5 && surface.Free() }, 30*time.Second, time.Millisecond)
	require.NoError(t, surface.Write(func(dst []byte) error { require.EqualValues(t, 99, dst[7]); return nil }))
	other, foreign := startElement(t, x, &got)
	_ = other
	require.NoError(t, v.SetBitrate(500))
	require.NoError(t, v.Push(foreign, time.Second, false), "memory of another encoder of this maker is as good")
	require.ErrorIs(t, v.Push(nil, time.Second, false), errForeign)
}

// What is not there says what to install, or for hardware nothing.
func TestMissingElements(t *testing.T) {
	require.NoError(t, installed("appsink", "")())
	require.Equal(t, engine.ErrNotInstalled, installed("nosuchelement", "")())
	err := installed("nosuchelement", "a-package")()
	require.True(t, errors.Is(err, engine.ErrNotInstalled))
	require.EqualError(t, err, "nosuchelement is not installed; install a-package")
	_, err = element{name: "nosuchelement"}.open(stream(64, 64), (&sink{}).output())
	require.ErrorContains(t, err, `"nosuchelement" is missing`)
}
