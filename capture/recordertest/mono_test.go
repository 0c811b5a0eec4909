package recordertest

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// A microphone that the sound server delivers on the left only is heard on both ears of the clip once it is mono.
func TestAMonoMicrophoneIsHeardOnBothEars(t *testing.T) {
	b := newBench(t, 320, 180)
	out, err := b.sound.Pactl(t.Context(), "set-source-volume", b.sound.MicSource, "100%", "0%")
	require.NoError(t, err, out)
	c := config(t)
	r := openRecorder(t, c)
	// ears are the levels of the microphone's tone on the left and on the right of what is heard from now on, in dB.
	ears := func() (left, right float64) {
		from := r.Status().Buffered
		waitBuffered(t, r, from+4*time.Second)
		saved, err := r.Save(t.Context(), capture.SaveRequest{Length: 2 * time.Second})
		require.NoError(t, err)
		return meter(t, saved.Path, "FL"), meter(t, saved.Path, "FR")
	}
	left, right := ears()
	t.Logf("as heard: left %.1f dB, right %.1f dB", left, right)
	require.InDelta(t, -20, left, 1.5)
	require.Less(t, right, -50.0)
	c.Mic.Mono = true
	require.NoError(t, r.Apply(c))
	left, right = ears()
	t.Logf("mono: left %.1f dB, right %.1f dB", left, right)
	require.InDelta(t, -26, left, 1.5)
	require.InDelta(t, left, right, 0.5)
}

// ear is the level of the microphone's tone on one side of a clip, in dB.
func meter(t *testing.T, clip, side string) float64 {
	t.Helper()
	one := filepath.Join(t.TempDir(), side+".wav")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", clip, "-af",
		"pan=stereo|c0="+side+"|c1="+side, "-vn", one).CombinedOutput()
	require.NoError(t, err, string(out))
	db, err := capturetest.ToneDB(t.Context(), one, stack.MicHz)
	require.NoError(t, err)
	return db
}
