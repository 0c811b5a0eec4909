package recordertest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// until waits for a status.
func until(t *testing.T, r *capture.Recorder, what string, holds func(capture.Status) bool) capture.Status {
	t.Helper()
	require.Eventually(t, func() bool { return holds(r.Status()) }, 60*time.Second, 20*time.Millisecond, what)
	return r.Status()
}

// whole saves the last seconds and checks that the clip plays from its first to its last frame without a hole.
func whole(t *testing.T, r *capture.Recorder, length time.Duration) {
	t.Helper()
	c, err := r.Save(context.Background(), capture.SaveRequest{Length: length})
	require.NoError(t, err)
	require.Greater(t, c.Seconds, length.Seconds()*0.8)
	frames, err := capturetest.Frames(context.Background(), c.Path)
	require.NoError(t, err)
	for i := 1; i < len(frames); i++ {
		require.Less(t, frames[i].At-frames[i-1].At, 1.0, "a hole after frame %d of %d", i, len(frames))
	}
	require.InDelta(t, c.Seconds, frames[len(frames)-1].At, 0.2, "the last frame")
}

// What goes wrong with displays: another resolution, a monitor that is unplugged and comes back, a display that sleeps.
func TestDisplayTroubles(t *testing.T) {
	ctx := context.Background()
	d, err := stack.StartDesktop(ctx, t.TempDir(), stack.DesktopOptions{Outputs: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	run := func(name string, args ...string) {
		t.Helper()
		out, err := d.Command(ctx, name, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	run("xrandr", "--output", "DUMMY0", "--mode", "800x600", "--addmode", "DUMMY1", "640x480")
	p, err := stack.StartPattern(ctx, stack.PatternOptions{Display: d.Display})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	t.Setenv("DISPLAY", d.Display)
	c := config(t)
	c.Desktop.Enabled, c.Mic.Enabled = false, false
	r := openRecorder(t, c)
	capturing := func(width, height int) func(capture.Status) bool {
		return func(s capture.Status) bool {
			return s.Screen.State == media.Running && s.Width == width && s.Height == height
		}
	}
	more := func(d time.Duration) { t.Helper(); waitBuffered(t, r, r.Status().Buffered+d) }

	until(t, r, "the screen", capturing(800, 600))
	waitBuffered(t, r, 2*time.Second)
	run("xrandr", "--output", "DUMMY0", "--mode", "1024x768")
	until(t, r, "another resolution is fitted in", capturing(800, 600))
	more(time.Second)
	whole(t, r, 3*time.Second)

	run("xrandr", "--output", "DUMMY1", "--mode", "640x480", "--right-of", "DUMMY0")
	c.Video.Target = capture.Target{Monitor: "DUMMY1"}
	require.NoError(t, r.Apply(c))
	until(t, r, "the second monitor", capturing(640, 480))
	run("xrandr", "--output", "DUMMY1", "--off")
	s := until(t, r, "it is told", func(s capture.Status) bool { return s.Screen.Reason == media.Disconnected })
	require.Equal(t, media.Waiting, s.Screen.State, "it is no failure of the recorder")
	require.Contains(t, s.Screen.Error, "DUMMY1 is not connected")
	shown := s.Frames + s.Repeated
	s = until(t, r, "the last frame is held", func(s capture.Status) bool { return s.Frames+s.Repeated > shown+60 })
	whole(t, r, 4*time.Second)
	run("xrandr", "--output", "DUMMY1", "--mode", "640x480", "--right-of", "DUMMY0")
	s = until(t, r, "it is back", capturing(640, 480))
	require.Empty(t, s.Screen.Error)
	more(2 * time.Second)

	c.Video.Target, c.Video.FollowSize = capture.Target{}, true
	require.NoError(t, r.Apply(c))
	until(t, r, "the whole screen", capturing(1664, 768))
	run("xset", "s", "activate")
	run("xrandr", "--output", "DUMMY1", "--off", "--output", "DUMMY0", "--off")
	more(time.Second) // whether the server keeps its screen or takes it away
	run("xrandr", "--output", "DUMMY0", "--mode", "800x600")
	run("xset", "s", "reset")
	until(t, r, "awake", capturing(800, 600))
	more(time.Second)
	whole(t, r, 8*time.Second)
}

// A pause is not in the clip, and what was before it is not forgotten; viewers see the last frame.
func TestPauseKeepsWhatWasBefore(t *testing.T) {
	newBench(t, 640, 360)
	c := config(t)
	c.Replay = 20 * time.Second
	r := openRecorder(t, c)
	heard := func(s capture.Status) bool {
		return s.Screen.State == media.Running && s.Desktop.State == media.Running
	}
	begin := until(t, r, "all runs", heard).Buffered
	rec, err := r.Record("")
	require.NoError(t, err)
	waitBuffered(t, r, begin+4*time.Second)
	c.Paused = true
	require.NoError(t, r.Apply(c))
	r.Mark("while paused")
	s := r.Status()
	require.Equal(t, []media.SourceState{media.Paused, media.Paused, media.Paused},
		[]media.SourceState{s.Screen.State, s.Desktop.State, s.Mic.State})
	frames := s.Frames + s.Repeated
	until(t, r, "the last frame is held for viewers",
		func(s capture.Status) bool { return s.Frames+s.Repeated > frames+10*30 })
	require.Less(t, r.Status().Buffered, s.Buffered+time.Second, "the pause is not kept")
	before := rec.Status().Length
	require.Less(t, before, s.Buffered-begin+2*time.Second, "nor recorded")
	whole(t, r, 4*time.Second)
	c.Paused = false
	require.NoError(t, r.Apply(c))
	frames = until(t, r, "all runs again", heard).Frames
	until(t, r, "two seconds more", func(s capture.Status) bool { return s.Frames >= frames+60 })
	recorded, err := rec.Stop()
	require.NoError(t, err)
	require.InDelta(t, r.Status().Buffered-begin, recorded.Seconds*1e9, 2e9, "recorded is what was kept")
	playsFully(t, recorded.Path, recorded.Seconds)
	require.InDelta(t, before.Seconds(), chapters(t, recorded.Path)["while paused"], 1)
	clip, err := r.Save(context.Background(), capture.SaveRequest{Length: 6 * time.Second})
	require.NoError(t, err)
	whole(t, r, 6*time.Second)
	db, err := capturetest.ToneDB(context.Background(), clip.Path, stack.DesktopHz)
	require.NoError(t, err)
	require.Greater(t, db, -23.0, "sound before and after")
}
