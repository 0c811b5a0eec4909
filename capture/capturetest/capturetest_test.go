package capturetest_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/capturetest"
)

// synthesise makes a file with a flash every 1.0137 s, out of step with the frames, and clicks late by the given time.
func synthesise(t *testing.T, lateMS float64, extra ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "known.mp4")
	flash := "if(lt(mod(T+0.5137,1.0137),0.12),235,40)"
	click := fmt.Sprintf("0.1*sin(2*PI*440*t)+0.05*sin(2*PI*880*t)+"+
		"if(lt(mod(t+0.5137-%g,1.0137),0.01),0.5*sin(2*PI*5000*(mod(t+0.5137-%g,1.0137))),0)", lateMS/1000, lateMS/1000)
	args := []string{"-v", "error", "-f", "lavfi", "-i", "color=black:s=16x16:r=30:d=16,geq=lum='" + flash +
		"':cb=128:cr=128,scale=128:72"}
	args = append(args, extra...)
	args = append(args, "-f", "lavfi", "-i", "aevalsrc='"+click+"':s=48000:d=16", "-c:v", "libx264", "-preset",
		"ultrafast", "-c:a", "aac", "-aac_coder", "fast", "-b:a", "192k", path)
	out, err := exec.Command("ffmpeg", args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

func TestKnownOffsetsAreFound(t *testing.T) {
	ctx := context.Background()
	for _, late := range []float64{0, 40, -70} {
		s, err := capturetest.MeasureStep(ctx, synthesise(t, late), 5000)
		require.NoError(t, err)
		require.GreaterOrEqual(t, s.Events, 14)
		require.InDelta(t, late, s.MeanMS, 2, "%+v", s)
		require.InDelta(t, late, s.MinMS, 500.0/30+1, "half a frame is the grain of one event")
		require.InDelta(t, late, s.MaxMS, 500.0/30+1, "half a frame is the grain of one event")
	}
	s, err := capturetest.MeasureStep(ctx, synthesise(t, 0, "-itsoffset", "0.1"), 5000)
	require.NoError(t, err)
	require.InDelta(t, 100, s.MeanMS, 3, "sound that starts late")
}

func TestTonesAndProbe(t *testing.T) {
	ctx := context.Background()
	path := synthesise(t, 0)
	// ffmpeg spreads one channel over two at -3 dB each.
	for hz, want := range map[float64]float64{440: -23, 880: -29} {
		db, err := capturetest.ToneDB(ctx, path, hz)
		require.NoError(t, err)
		require.InDelta(t, want, db, 0.7)
	}
	db, err := capturetest.ToneDB(ctx, path, 660)
	require.NoError(t, err)
	require.Less(t, db, -45.0)
	info, err := capturetest.Probe(ctx, path)
	require.NoError(t, err)
	require.InDelta(t, 16, info.Seconds, 0.05)
	v, ok := info.Only("video")
	require.True(t, ok)
	require.Equal(t, 128, v.Width)
	require.InDelta(t, 30, v.FPS, 0.01)
	a, ok := info.Only("audio")
	require.True(t, ok)
	require.Equal(t, "aac", a.Codec)
	_, err = capturetest.Probe(ctx, "/does/not/exist.mp4")
	require.Error(t, err)
}
