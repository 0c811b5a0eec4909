package clip_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

func TestTrimIsAClipOfItsOwn(t *testing.T) {
	folder := t.TempDir()
	r := request(t, folder)
	r.Chapters = []mp4.Chapter{{At: 2 * time.Second, Title: "goal"}}
	whole, err := clip.Save(context.Background(), r)
	require.NoError(t, err)
	before, err := os.ReadFile(whole.Path)
	require.NoError(t, err)
	for _, want := range []string{"Hindsight 2026-11-22 10-11-12 (trimmed).mp4",
		"Hindsight 2026-11-22 10-11-12 (trimmed) (2).mp4"} {
		c, err := clip.Trim(context.Background(), clip.TrimRequest{Path: whole.Path, From: 1500 * time.Millisecond,
			To: 2500 * time.Millisecond})
		require.NoError(t, err)
		require.Equal(t, filepath.Join(folder, want), c.Path)
		require.InDelta(t, 1, c.Seconds, 1e-3)
		require.Equal(t, 320, c.Width)
		require.True(t, c.Ours)
		require.True(t, c.Created.Equal(r.Created), "it shows what happened then")
		st, err := os.Stat(c.Path)
		require.NoError(t, err)
		require.Equal(t, st.Size(), c.Bytes)
		require.ErrorIs(t, mp4.SetCover(c.Path, []byte{1}), mp4.ErrNoCoverSpace, "it has a cover")
		out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0",
			c.Path).Output()
		require.NoError(t, err)
		require.Contains(t, string(out), "mjpeg")
	}
	out := filepath.Join(t.TempDir(), "end.mp4")
	c, err := clip.Trim(context.Background(), clip.TrimRequest{Path: whole.Path, From: 2 * time.Second, Out: out})
	require.NoError(t, err)
	require.Equal(t, out, c.Path)
	require.InDelta(t, 1, c.Seconds, 1e-3)
	after, err := os.ReadFile(whole.Path)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestTrimRefusesWhatIsNotThere(t *testing.T) {
	folder := t.TempDir()
	whole, err := clip.Save(context.Background(), request(t, folder))
	require.NoError(t, err)
	text := filepath.Join(folder, "notes.mp4")
	require.NoError(t, os.WriteFile(text, []byte("no movie"), 0o644))
	for want, r := range map[string]clip.TrimRequest{
		"is 0:03 long; it cannot be trimmed from 0:03":   {Path: whole.Path, From: 3 * time.Second},
		"is 0:03 long; it cannot be trimmed to 1:02.25":  {Path: whole.Path, To: time.Minute + 2250*time.Millisecond},
		"is 0:03 long; it cannot be trimmed from -0:01":  {Path: whole.Path, From: -time.Second},
		"is 0:03 long; it cannot be trimmed to 1:00:00":  {Path: whole.Path, To: time.Hour},
		"there is nothing between 0:02 and 0:01":         {Path: whole.Path, From: 2 * time.Second, To: time.Second},
		"there is nothing between 0:02 and 0:02":         {Path: whole.Path, From: 2 * time.Second, To: 2 * time.Second},
		"notes.mp4 cannot be trimmed: it is not an MP4":  {Path: text},
		"gone.mp4 cannot be trimmed":                     {Path: filepath.Join(folder, "gone.mp4")},
		filepath.Base(folder) + " cannot be trimmed: it": {Path: folder},
	} {
		_, err := clip.Trim(context.Background(), r)
		require.ErrorContains(t, err, want)
		require.ErrorAs(t, err, &clip.InputError{})
	}
	for want, out := range map[string]string{"already exists": text,
		"there is no folder": filepath.Join(text, "a.mp4")} {
		_, err = clip.Trim(context.Background(), clip.TrimRequest{Path: whole.Path, From: time.Second, Out: out})
		require.ErrorContains(t, err, want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = clip.Trim(ctx, clip.TrimRequest{Path: whole.Path, From: time.Second})
	require.ErrorIs(t, err, context.Canceled)
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing is left behind")
}

func TestTrimOfARecording(t *testing.T) {
	r := request(t, t.TempDir())
	rec, err := clip.NewRecording(r)
	require.NoError(t, err)
	for _, p := range r.Video {
		require.NoError(t, rec.Add(p))
	}
	trim := clip.TrimRequest{Path: rec.Path(), From: 500 * time.Millisecond, To: 1500 * time.Millisecond}
	_, err = clip.Trim(context.Background(), trim)
	require.ErrorContains(t, err, "it is still being recorded")
	left, err := os.ReadFile(rec.Path()) // by a crash
	require.NoError(t, err)
	crashed := filepath.Join(t.TempDir(), "crashed.mp4")
	require.NoError(t, os.WriteFile(crashed, left, 0o600))
	part, err := clip.Trim(context.Background(), clip.TrimRequest{Path: crashed, From: trim.From, To: trim.To})
	require.NoError(t, err)
	require.InDelta(t, 1, part.Seconds, 1e-3)
	info, err := mp4.Inspect(crashed)
	require.NoError(t, err)
	require.Equal(t, string(clip.Recorded), info.Origin)
	_, err = rec.Close(nil)
	require.NoError(t, err)
	c, err := clip.Trim(context.Background(), trim)
	require.NoError(t, err)
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v:0", "-count_frames", "-show_entries",
		"stream=nb_read_frames", "-of", "csv=p=0", c.Path).Output()
	require.NoError(t, err)
	require.Equal(t, "30", strings.Trim(string(out), ",\n"))
}

// The cover is what the new clip shows first, and not the hidden keyframe before it.
func TestTrimHasACoverOfItsBegin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "red then blue.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i",
		"color=red:s=320x180:r=30:d=1.5[a];color=blue:s=320x180:r=30:d=1.5[b];[a][b]concat", "-c:v", "libx264", "-bf", "0",
		"-pix_fmt", "yuv420p", "-x264-params", "keyint=30:scenecut=0", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	c, err := clip.Trim(context.Background(), clip.TrimRequest{Path: path, From: 1600 * time.Millisecond})
	require.NoError(t, err)
	cover, err := exec.Command("ffmpeg", "-v", "error", "-i", c.Path, "-map", "0:v", "-map", "-0:V", "-f", "rawvideo",
		"-pix_fmt", "rgb24", "-s", "1x1", "-").Output()
	require.NoError(t, err)
	require.Len(t, cover, 3)
	require.Less(t, cover[0], byte(60))
	require.Greater(t, cover[2], byte(190))
}
