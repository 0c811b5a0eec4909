package recordertest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/media"
)

// For levels neither the screen nor an encoder of video is opened; both come when they are wanted, and go again.
func TestLevelsAreOfTheSoundAlone(t *testing.T) {
	newBench(t, 320, 240)
	c := config(t)
	c.Replay, c.SoundOnly, c.Video.Encoder = 0, true, "no encoder"
	r := openRecorder(t, c)
	heard := func(s capture.Status) bool {
		return s.Desktop.State == media.Running && s.Desktop.PeakDB > -60 &&
			s.Mic.State == media.Running && s.Mic.PeakDB > -60
	}
	s := until(t, r, "levels", heard)
	require.Equal(t, media.Off, s.Screen.State)
	require.Empty(t, s.Encoder)
	require.Zero(t, s.Frames)

	c.Replay, c.SoundOnly = 30*time.Second, false
	require.Error(t, r.Apply(c), "the encoder is tried before it is needed")
	require.Equal(t, media.Off, r.Status().Screen.State)
	c.Video.Encoder = ""
	require.NoError(t, r.Apply(c))
	waitBuffered(t, r, time.Second)
	require.Equal(t, media.Running, r.Status().Screen.State)
	c.Replay, c.SoundOnly = 0, true
	require.NoError(t, r.Apply(c))
	require.Equal(t, media.Off, r.Status().Screen.State)
	until(t, r, "levels again", heard)
}
