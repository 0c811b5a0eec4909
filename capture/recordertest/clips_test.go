package recordertest

import (
	"context"
	"encoding/json"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// chapters are what ffprobe finds: seconds and title.
func chapters(t *testing.T, path string) map[string]float64 {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_chapters", "-of", "json", path).Output()
	require.NoError(t, err)
	var p struct {
		Chapters []struct {
			StartTime string `json:"start_time"`
			Tags      struct{ Title string }
		}
	}
	require.NoError(t, json.Unmarshal(out, &p))
	found := map[string]float64{}
	for _, c := range p.Chapters {
		at, err := strconv.ParseFloat(c.StartTime, 64)
		require.NoError(t, err)
		found[c.Tags.Title] = at
	}
	return found
}

// playsFully decodes a clip and compares its frames with its length.
func playsFully(t *testing.T, path string, seconds float64) {
	t.Helper()
	frames, err := capturetest.Frames(context.Background(), path)
	require.NoError(t, err)
	require.Greater(t, len(frames), int(seconds*30)/3, "a machine without time to spare loses some")
	require.LessOrEqual(t, len(frames), int(seconds*30)+2)
	info, err := capturetest.Probe(context.Background(), path)
	require.NoError(t, err)
	require.InDelta(t, seconds, info.Seconds, 0.05)
	_, sound := info.Only("audio")
	require.True(t, sound)
}

func TestMarksPastAndFuture(t *testing.T) {
	newBench(t, 640, 360)
	c := config(t)
	c.Replay, c.Continue, c.ClipName, c.Poster = 5*time.Second, true, "{app} {seconds}", true
	r := openRecorder(t, c)
	waitBuffered(t, r, 4*time.Second)
	r.Mark("goal")
	marked := r.Now()
	waitBuffered(t, r, 5*time.Second)
	r.Mark("")

	// The past is longer than what the ring still holds when the future has come.
	press := r.Now()
	saved, err := r.Save(context.Background(), capture.SaveRequest{Length: 4 * time.Second, Press: press,
		After: 6 * time.Second, App: "Pong"})
	require.NoError(t, err)
	require.InDelta(t, 10, saved.Seconds, 0.05)
	require.Equal(t, "Pong 10.mp4", filepath.Base(saved.Path))
	playsFully(t, saved.Path, saved.Seconds)
	got := chapters(t, saved.Path)
	require.InDelta(t, (marked - press + 4*time.Second).Seconds(), got["goal"], 0.2)
	require.Contains(t, got, "Mark 2")
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(c.ClipFolder, "Pong 10.jpg"))
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, "the image beside the clip")

	// The next clip begins where this one ends. A moment of future makes the save wait for frames that are on their
	// way.
	next := r.Now()
	second, err := r.Save(context.Background(), capture.SaveRequest{Press: next, After: time.Millisecond})
	require.NoError(t, err)
	require.InDelta(t, (next - press - 6*time.Second).Seconds(), second.Seconds, 0.3)
	_, err = r.Save(context.Background(), capture.SaveRequest{Press: press + 6*time.Second})
	require.ErrorIs(t, err, capture.ErrNothingNew)

	// A save that is flushed gets what is there.
	flush := make(chan struct{})
	close(flush)
	third, err := r.Save(context.Background(), capture.SaveRequest{After: time.Hour, Flush: flush})
	require.NoError(t, err)
	require.Less(t, third.Seconds, 60.0)
}

// A clip for somebody else has what was shared: the mix, without the user's marks and the tracks it is mixed of.
func TestAClipForOthersHasNoMarksAndOneTrack(t *testing.T) {
	newBench(t, 640, 360)
	c := config(t)
	c.Replay, c.SeparateSound = 5*time.Second, true
	r := openRecorder(t, c)
	waitBuffered(t, r, 2*time.Second)
	r.Mark("salary talk")
	waitBuffered(t, r, 3*time.Second)
	for _, apart := range []bool{false, true} {
		saved, err := r.Save(context.Background(), capture.SaveRequest{Length: 3 * time.Second, Apart: apart})
		require.NoError(t, err)
		info, err := capturetest.Probe(context.Background(), saved.Path)
		require.NoError(t, err)
		_, one := info.Only("audio")
		require.Equal(t, apart, one)
		if apart {
			require.Empty(t, chapters(t, saved.Path))
		} else {
			require.Contains(t, chapters(t, saved.Path), "salary talk")
		}
	}
}

func TestRecordingBesideTheReplayAndWithoutIt(t *testing.T) {
	newBench(t, 640, 360)
	c := config(t)
	c.Replay = 0
	r := openRecorder(t, c)
	require.Eventually(t, func() bool {
		img := r.Look(t.Context(), 320, 320, false)
		return img != nil && img.Bounds().Size() == image.Pt(320, 180)
	}, 30*time.Second, 20*time.Millisecond, "what the screen shows")
	require.Zero(t, r.Video().Width, "nobody wants it, so nothing is encoded")
	rec, err := r.Record("Pong")
	require.NoError(t, err)
	long := func(d time.Duration) func() bool { return func() bool { return rec.Status().Length > d } }
	require.Eventually(t, long(2*time.Second), time.Minute, 20*time.Millisecond)
	r.Mark("half time")
	c.Replay = 10 * time.Second
	require.NoError(t, r.Apply(c))
	waitBuffered(t, r, 2*time.Second)
	_, err = r.Save(context.Background(), capture.SaveRequest{Length: time.Second})
	require.NoError(t, err)
	status := rec.Status()
	require.FileExists(t, status.Path)
	require.Positive(t, status.Bytes)
	saved, err := rec.Stop()
	require.NoError(t, err)
	require.Equal(t, status.Path, saved.Path)
	require.Greater(t, saved.Seconds, status.Length.Seconds()-0.01)
	playsFully(t, saved.Path, saved.Seconds)
	info, err := capturetest.Probe(context.Background(), saved.Path)
	require.NoError(t, err)
	sound, _ := info.Only("audio")
	require.InDelta(t, saved.Seconds, sound.Start+sound.Seconds, 0.03, "sound to the end")
	require.InDelta(t, 2.1, chapters(t, saved.Path)["half time"], 0.5)
	again, err := rec.Stop()
	require.NoError(t, err)
	require.Equal(t, saved, again)

	// What is running when the recorder closes is finished properly.
	rec, err = r.Record("")
	require.NoError(t, err)
	require.Eventually(t, long(time.Second), time.Minute, 20*time.Millisecond)
	require.NoError(t, r.Close())
	last, err := rec.Stop()
	require.NoError(t, err)
	playsFully(t, last.Path, last.Seconds)
	_, err = r.Record("")
	require.Error(t, err)
	// Nothing lost: three files, no remains of any.
	entries, err := os.ReadDir(c.ClipFolder)
	require.NoError(t, err)
	require.Len(t, entries, 3)
}

// A process that is killed leaves a recording that plays.
func TestRecordingSurvivesAKill(t *testing.T) {
	if folder := os.Getenv("HINDSIGHT_TEST_RECORD"); folder != "" {
		c := config(t)
		c.ClipFolder = folder
		r, err := capture.Open(context.Background(), c)
		require.NoError(t, err)
		rec, err := r.Record("killed")
		require.NoError(t, err)
		require.Eventually(t, func() bool { return rec.Status().Length > 6*time.Second }, time.Minute, 20*time.Millisecond)
		require.NoError(t, os.WriteFile(filepath.Join(folder, "ready"), nil, 0o644))
		select {} // until it is killed
	}
	newBench(t, 640, 360)
	folder := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), "HINDSIGHT_TEST_RECORD="+folder)
	require.NoError(t, child.Start())
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(folder, "ready")); return err == nil },
		time.Minute, 20*time.Millisecond)
	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	list, err := clip.List(folder)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.True(t, list[0].Ours)
	require.Greater(t, list[0].Seconds, 4.5)
	playsFully(t, list[0].Path, list[0].Seconds)
}

func TestScreenshot(t *testing.T) {
	newBench(t, 640, 360)
	c := config(t)
	r := openRecorder(t, c)
	waitBuffered(t, r, time.Second)
	for _, format := range []clip.Format{clip.PNG, clip.JPEG} {
		path, err := r.Screenshot(context.Background(), "Pong", format)
		require.NoError(t, err)
		f, err := os.Open(path)
		require.NoError(t, err)
		defer f.Close()
		if format == clip.PNG {
			img, err := png.Decode(f)
			require.NoError(t, err)
			require.Equal(t, 640, img.Bounds().Dx())
			require.Equal(t, 360, img.Bounds().Dy())
		}
		require.Equal(t, map[clip.Format]string{clip.PNG: ".png", clip.JPEG: ".jpg"}[format], filepath.Ext(path))
	}
	list, err := clip.List(c.ClipFolder)
	require.NoError(t, err)
	require.Empty(t, list, "screenshots are no clips")
}
