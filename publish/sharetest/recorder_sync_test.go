//go:build linux

package sharetest

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// What the real recorder captures from a screen and a sound server arrives at a subscriber at one age, from the first
// second on, with the low-resolution layer, and after the LiveKit server was away. HINDSIGHT_FRAME_RATE is for trials
// by hand.
func TestTheRecordersSoundAndVideoArriveTogether(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	dir := t.TempDir()
	rate, err := strconv.Atoi(cmp.Or(os.Getenv("HINDSIGHT_FRAME_RATE"), "30"))
	require.NoError(t, err)
	lk, err := stack.StartLiveKit(ctx, filepath.Join(dir, "livekit"), stack.LiveKitOptions{})
	require.NoError(t, err)
	killAtEnd(t, lk.Proc)
	backend := publishtest.NewBackend(lk.URL, lk.APIKey, lk.APISecret)
	t.Cleanup(func() { _ = backend.Close() })
	b := &bench{ctx: ctx, dir: dir, lk: lk, backend: backend}
	r := startRecorder(t, b, rate)
	viewer := b.subscribe(t)
	p, err := publish.Start(ctx, b.config(t), r.LowLayer())
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	b.sameAge(t, viewer, rate)

	b.loseServer(t, p)
	viewer = b.subscribe(t)
	b.sameAge(t, viewer, rate)
}

// startRecorder captures a moving pattern and its tones.
func startRecorder(t *testing.T, b *bench, rate int) *capture.Recorder {
	t.Helper()
	desktop, err := stack.StartDesktop(b.ctx, b.dir, stack.DesktopOptions{Width: 640, Height: 360})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, desktop.Close()) })
	sound, err := stack.StartSound(b.ctx, b.dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sound.Close()) })
	t.Setenv("DISPLAY", desktop.Display)
	t.Setenv("XDG_SESSION_TYPE", "x11")
	t.Setenv("PULSE_SERVER", sound.Server)
	pattern, err := stack.StartPattern(b.ctx, stack.PatternOptions{
		Display: desktop.Display, PulseServer: sound.Server, DesktopSink: sound.DesktopSink, MicSink: sound.MicSink,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = pattern.Close() })
	r, err := capture.Open(b.ctx, recorderConfig(t, b, rate))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func recorderConfig(t *testing.T, b *bench, rate int) capture.Config {
	c := capture.Defaults()
	c.Video.Preset, c.Video.FrameRate, c.ClipFolder, c.Log = "performance", rate, filepath.Join(b.dir, "clips"), logTo(t)
	return c
}

// sameAge compares the first three seconds that a viewer gets.
func (b *bench) sameAge(t *testing.T, viewer *publishtest.Subscriber, rate int) {
	t.Helper()
	video, sound := b.tracks(t, viewer)
	const span = 3 * time.Second
	b.eventually(t, func() bool {
		return covers(video, span+time.Second) && covers(sound, span+time.Second) && len(video.Reports()) > 0 &&
			len(sound.Reports()) > 0
	}, "too little arrives")
	begin := video.Units()[0].Arrived
	if s := sound.Units()[0].Arrived; s.After(begin) {
		begin = s
	}
	for from := time.Duration(0); from < span; from += time.Second {
		videoMean, videoMedian, frames := meanAge(t, video, 90000, begin.Add(from))
		soundMean, soundMedian, packets := meanAge(t, sound, media.SampleRate, begin.Add(from))
		t.Logf("from %v on at %d frames/s: video arrives at the mean age of %v (median %v, %d frames), sound of %v (median "+
			"%v,"+
			" %d packets), apart by %v (medians %v)", from, rate, videoMean, videoMedian, frames, soundMean, soundMedian,
			packets,
			videoMean-soundMean, videoMedian-soundMedian)
		require.GreaterOrEqual(t, frames, rate/3, "too little video arrives")
		require.GreaterOrEqual(t, packets, 20, "too little sound arrives")
		require.InDelta(t, 0, (videoMean - soundMean).Seconds(), 0.010, "video and sound arrive apart, from %v on", from)
	}
}

// meanAge is how old what came in one second was when it arrived, by the sender's reports.
func meanAge(t *testing.T, st *publishtest.Stream, rate int, from time.Time) (mean, median time.Duration, count int) {
	t.Helper()
	var ages []time.Duration
	for _, u := range st.Units() {
		if u.Arrived.Before(from) || u.Arrived.After(from.Add(time.Second)) {
			continue
		}
		captured, reported := st.WallTime(u, rate)
		require.True(t, reported)
		age := u.Arrived.Sub(captured)
		ages = append(ages, age)
		mean += age
	}
	require.NotEmpty(t, ages, "nothing arrives")
	slices.Sort(ages)
	return mean / time.Duration(len(ages)), ages[len(ages)/2], len(ages)
}
