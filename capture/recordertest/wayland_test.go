package recordertest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// newWayland is a Sway desktop with PipeWire and the portal, and the test pattern on it.
func newWayland(t *testing.T, width, height int) (*stack.Wayland, *stack.Pattern) {
	t.Helper()
	ctx := context.Background()
	w, err := stack.StartWayland(ctx, t.TempDir(), stack.WaylandOptions{Width: width, Height: height})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	for _, entry := range w.Env {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	p, err := stack.StartPattern(ctx, stack.PatternOptions{Display: w.Display, PulseServer: w.Sound.Server,
		DesktopSink: w.Sound.DesktopSink, MicSink: w.Sound.MicSink})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return w, p
}

// The whole engine on Wayland and PipeWire: the portal's frames with their own times, PipeWire's sound.
func TestWaylandClipIsExact(t *testing.T) {
	newWayland(t, 640, 360) // Sway and Xwayland draw without a GPU: two cores have no time for more
	c := config(t)
	c.Video.TokenFile = filepath.Join(t.TempDir(), "state", "token")
	r := openRecorder(t, c)
	waitBuffered(t, r, 18*time.Second)
	saved, err := r.Save(context.Background(), capture.SaveRequest{Length: 15 * time.Second})
	require.NoError(t, err)
	ctx := context.Background()
	info, err := capturetest.Probe(ctx, saved.Path)
	require.NoError(t, err)
	require.InDelta(t, 15, info.Seconds, 1.0/30+0.001)
	v := info.Streams[slices.IndexFunc(info.Streams, func(s capturetest.Stream) bool { return s.Codec == "h264" })]
	require.Equal(t, []int{640, 360}, []int{v.Width, v.Height})
	for _, hz := range []float64{stack.DesktopHz, stack.MicHz} {
		db, err := capturetest.ToneDB(ctx, saved.Path, hz)
		require.NoError(t, err)
		t.Logf("%v Hz at %.1f dB", hz, db)
		// -20 dB where PipeWire has time; without real-time rights on a busy machine the tone is broken up by its gaps.
		require.Greater(t, db, -40.0, "%v Hz", hz)
	}
	decoded, err := capturetest.Frames(ctx, saved.Path)
	require.NoError(t, err)
	require.InDelta(t, 15*30, len(decoded), 1)
	step, err := capturetest.MeasureStep(ctx, saved.Path, stack.ClickHz)
	require.NoError(t, err)
	t.Logf("sound minus video: mean %.1f ms, %.1f to %.1f over %d events; %+v", step.MeanMS, step.MinMS, step.MaxMS,
		step.Events, r.Status())
	// This is only logged: the pattern is no instrument here. A flash goes through Xwayland and waits for Sway's next
	// frame, which without a GPU may take long, and PipeWire plays in periods of 21 ms. The X11 tests hold the bar.
	token, err := os.ReadFile(c.Video.TokenFile)
	require.NoError(t, err)
	require.NotEmpty(t, strings.TrimSpace(string(token)), "the desktop's permission is kept")
}

// The output changes its size, nothing moves anymore, the portal crashes and comes back: frames continue.
func TestWaylandTroubles(t *testing.T) {
	w, p := newWayland(t, 1280, 720)
	ctx := context.Background()
	c := config(t)
	c.Video.TokenFile = filepath.Join(t.TempDir(), "token")
	look := func(r *capture.Recorder, still bool) func() bool {
		return func() bool { return r.Look(ctx, 320, 320, still) != nil }
	}
	before := c
	before.Replay = 0
	preview := openRecorder(t, before)
	require.Eventually(t, look(preview, false), 30*time.Second, 20*time.Millisecond, "a preview before anything is kept")
	require.Zero(t, preview.Video().Width)
	require.NoError(t, preview.Close())
	r := openRecorder(t, c)
	waitBuffered(t, r, 2*time.Second)
	out, err := w.Sway(ctx, "output HEADLESS-1 resolution 800x600")
	require.NoError(t, err, out)
	require.Eventually(t, func() bool {
		s := r.Status()
		return s.Width == 1280 && s.Height == 720 &&
			s.Screen.State == media.Running
	},
		60*time.Second, 50*time.Millisecond, "the new size is fitted in")

	require.NoError(t, p.Close())
	began := r.Now()
	frames := r.Status().Frames
	require.Eventually(t, func() bool { return r.Now()-began > 4*time.Second }, time.Minute, 50*time.Millisecond)
	saved, err := r.Save(ctx, capture.SaveRequest{Length: 3 * time.Second})
	require.NoError(t, err)
	decoded, err := capturetest.Frames(ctx, saved.Path)
	require.NoError(t, err)
	require.InDelta(t, 90, len(decoded), 2, "a still screen is held")
	t.Logf("%d frames came in 4 s from a still screen", r.Status().Frames-frames)

	require.True(t, look(r, true)(), "and what stands still")

	w.StopPortal()
	require.Eventually(t, func() bool { return r.Status().Screen.State == media.Failed }, 60*time.Second,
		20*time.Millisecond)
	require.NotEmpty(t, r.Status().Screen.Error)
	require.NoError(t, w.StartPortal(ctx))
	require.Eventually(t, func() bool { return r.Status().Screen.State == media.Running }, 60*time.Second,
		50*time.Millisecond)
	_, err = r.Save(ctx, capture.SaveRequest{Length: 2 * time.Second})
	require.NoError(t, err)
	for _, check := range capture.Doctor(ctx, "", c.Video.TokenFile) {
		require.True(t, check.OK, "%+v", check)
		if check.Name == "screen" {
			require.Contains(t, check.Detail, "portal (version 4), because the session is Wayland")
		}
	}
}
