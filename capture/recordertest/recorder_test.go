package recordertest

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// bench is a virtual desktop with sound and the test pattern.
type bench struct {
	desktop *stack.Desktop
	sound   *stack.Sound
	pattern *stack.Pattern
}

func newBench(t *testing.T, width, height int) *bench {
	t.Helper()
	ctx := context.Background()
	d, err := stack.StartDesktop(ctx, t.TempDir(), stack.DesktopOptions{Width: width, Height: height})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	s, err := stack.StartSound(ctx, t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	t.Setenv("DISPLAY", d.Display)
	t.Setenv("XDG_SESSION_TYPE", "x11")
	t.Setenv("PULSE_SERVER", s.Server)
	p, err := stack.StartPattern(ctx, stack.PatternOptions{Display: d.Display, PulseServer: s.Server,
		DesktopSink: s.DesktopSink, MicSink: s.MicSink})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return &bench{d, s, p}
}

func config(t *testing.T) capture.Config {
	c := capture.Defaults()
	c.Video.Preset = "performance"
	c.ClipFolder = t.TempDir()
	c.Replay = 30 * time.Second
	c.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	return c
}

func openRecorder(t *testing.T, c capture.Config) *capture.Recorder {
	t.Helper()
	r, err := capture.Open(context.Background(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()); require.NoError(t, r.Close()) })
	return r
}

func waitBuffered(t *testing.T, r *capture.Recorder, d time.Duration) {
	t.Helper()
	require.Eventually(t, func() bool { return r.Status().Buffered >= d }, d+60*time.Second, 50*time.Millisecond, "%+v",
		r.Status())
}

// The whole engine on real input: lengths, streams, both tones, no clipping, flash and click in step.
func TestSavedClipIsExactAndInStep(t *testing.T) {
	newBench(t, 1280, 720)
	r := openRecorder(t, config(t))
	waitBuffered(t, r, 18*time.Second)
	c, err := r.Save(context.Background(), capture.SaveRequest{Length: 15 * time.Second})
	require.NoError(t, err)
	ctx := context.Background()
	info, err := capturetest.Probe(ctx, c.Path)
	require.NoError(t, err)
	require.InDelta(t, 15, info.Seconds, 1.0/30+0.001)
	v, ok := info.Only("video")
	require.True(t, ok)
	require.Equal(t, "h264", v.Codec)
	require.Equal(t, 1280, v.Width)
	require.Equal(t, 720, v.Height)
	a, ok := info.Only("audio")
	require.True(t, ok)
	require.Equal(t, "aac", a.Codec)
	require.Equal(t, 2, a.Channels)
	for _, hz := range []float64{stack.DesktopHz, stack.MicHz} {
		db, err := capturetest.ToneDB(ctx, c.Path, hz)
		require.NoError(t, err)
		require.InDelta(t, -20, db, 1.5, "%v Hz", hz)
	}
	peak, err := capturetest.PeakDB(ctx, c.Path)
	require.NoError(t, err)
	require.Less(t, peak, -0.2)
	frames, err := capturetest.Frames(ctx, c.Path)
	require.NoError(t, err)
	require.InDelta(t, 15*30, len(frames), 1)
	step, err := capturetest.MeasureStep(ctx, c.Path, stack.ClickHz)
	require.NoError(t, err)
	t.Logf("sound minus video: mean %.1f ms, %.1f to %.1f over %d events; saved in %.0f ms; %+v", step.MeanMS, step.MinMS,
		step.MaxMS, step.Events, c.SaveMS, r.Status())
	require.GreaterOrEqual(t, step.Events, 10)
	require.InDelta(t, 0, step.MeanMS, 16)
}
