package recordertest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// What the desktop plays reaches the microphone 60 ms later, as from loudspeakers. In the clip the microphone has its
// own sound alone.
func TestClipsAreWithoutEcho(t *testing.T) {
	b := newBench(t, 320, 180)
	out, err := b.sound.Pactl(t.Context(), "load-module", "module-loopback", "source="+b.sound.DesktopMonitor,
		"sink="+b.sound.MicSink,
		"latency_msec=60", "source_dont_move=true", "sink_dont_move=true")
	require.NoError(t, err, out)
	c := config(t)
	c.SeparateSound, c.Mic.CancelEcho, c.Mic.Suppress = true, true, false
	r := openRecorder(t, c)
	mic := func(length time.Duration, hz float64) float64 {
		saved, err := r.Save(context.Background(), capture.SaveRequest{Length: length})
		require.NoError(t, err)
		db, err := capturetest.ToneDB(context.Background(), track(t, saved.Path, 2), hz)
		require.NoError(t, err)
		return db
	}
	waitBuffered(t, r, 12*time.Second)
	left, own := mic(4*time.Second, stack.DesktopHz), mic(4*time.Second, stack.MicHz)
	c.Mic.CancelEcho = false
	require.NoError(t, r.Apply(c))
	waitBuffered(t, r, r.Status().Buffered+6*time.Second)
	echo := mic(3*time.Second, stack.DesktopHz)
	t.Logf("the echo of %.1f dB becomes %.1f dB, own sound is %.1f dB", echo, left, own)
	require.Less(t, left, echo-12)
	require.InDelta(t, -20, own, 3)
}
