package clip_test

import (
	"context"
	"image"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// moving is a request for four seconds of a moving pattern, with keyframes at 0, 1, 2 and 3 s.
func moving(t *testing.T, folder string) clip.Request {
	t.Helper()
	video, err := capturetest.Packets(t.Context(), 4*time.Second)
	require.NoError(t, err)
	return clip.Request{Folder: folder, Video: video, End: 4 * time.Second, Width: 320, Height: 180,
		Created: time.Date(2026, 11, 22, 10, 11, 12, 0, time.Local), App: "Pong"}
}

// What a clip shows under the pointer are its keyframes, in their order, as many as were asked for.
func TestKeyframesOfAClip(t *testing.T) {
	r := moving(t, t.TempDir())
	r.Start = 500 * time.Millisecond // hides the first keyframe
	c, err := clip.Save(context.Background(), r)
	require.NoError(t, err)
	for n, want := range map[int]int{1: 1, 2: 2, 20: 3} {
		frames, err := clip.Keyframes(context.Background(), c.Path, n, 160)
		require.NoError(t, err)
		require.Len(t, frames, want, "of %d", n)
		for i, f := range frames {
			require.Equal(t, image.Rect(0, 0, 160, 90), f.Bounds())
			for _, other := range frames[:i] {
				require.NotEqual(t, other, f, "the pattern moves")
			}
		}
	}
	require.NoError(t, os.WriteFile(c.Path, []byte("no movie"), 0o644))
	_, err = clip.Keyframes(context.Background(), c.Path, 3, 160)
	require.Error(t, err)
}

// The image that stands for a clip is its cover, and the first frame before there is one; that of a screenshot is the
// screenshot.
func TestCoverOfAClip(t *testing.T) {
	r := moving(t, t.TempDir())
	c, err := clip.Save(context.Background(), r)
	require.NoError(t, err)
	first, err := clip.Cover(context.Background(), c.Path, 160)
	require.NoError(t, err)
	require.NoError(t, clip.Illustrate(context.Background(), c.Path, r))
	cover, err := clip.Cover(context.Background(), c.Path, 160)
	require.NoError(t, err)
	require.Equal(t, first.Bounds(), cover.Bounds())
	require.Equal(t, 160, cover.Bounds().Dx())
	middle, err := clip.Keyframes(context.Background(), c.Path, 4, 160)
	require.NoError(t, err)
	require.Less(t, difference(cover, middle[2]), difference(cover, first), "it shows the middle")
	shot, err := clip.SaveImage(r.Folder, "", "", r.Created, first, clip.PNG)
	require.NoError(t, err)
	img, err := clip.Cover(context.Background(), shot, 80)
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, 80, 45), img.Bounds())
}

// difference is how far two images of one size are from each other.
func difference(a, b image.Image) (sum uint64) {
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			r, _, _, _ := a.At(x, y).RGBA()
			s, _, _, _ := b.At(x, y).RGBA()
			sum += uint64(max(r, s) - min(r, s))
		}
	}
	return sum
}

// Files say whose window they show and how they came about, and so do clips that are cut from them.
func TestFilesNoteTheirProgramAndKind(t *testing.T) {
	folder := t.TempDir()
	r := moving(t, folder)
	saved, err := clip.Save(context.Background(), r)
	require.NoError(t, err)
	require.NoError(t, clip.Star(saved.Path, true))
	_, err = clip.Trim(context.Background(), clip.TrimRequest{Path: saved.Path, From: time.Second})
	require.NoError(t, err)
	r.Name = "recorded"
	rec, err := clip.NewRecording(r)
	require.NoError(t, err)
	for _, p := range r.Video {
		require.NoError(t, rec.Add(p))
	}
	_, err = rec.Close(nil)
	require.NoError(t, err)
	list, err := clip.List(folder)
	require.NoError(t, err)
	kinds := map[clip.Kind]bool{}
	for _, c := range list {
		require.Equal(t, "Pong", c.Program, c.Path)
		require.Equal(t, c.Kind != clip.Recorded, c.Starred, "the star is still read: %s", c.Path)
		kinds[c.Kind] = true
	}
	require.Equal(t, map[clip.Kind]bool{clip.Replay: true, clip.Trimmed: true, clip.Recorded: true}, kinds)
}

// A renamed clip keeps what it holds and takes the image beside it along; no other file is ever replaced.
func TestRename(t *testing.T) {
	folder := t.TempDir()
	r := moving(t, folder)
	r.Poster = true
	c, err := clip.Save(context.Background(), r)
	require.NoError(t, err)
	require.NoError(t, clip.Illustrate(context.Background(), c.Path, r))
	before, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	path, err := clip.Rename(c.Path, " match: the end? ")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(folder, "match- the end-.mp4"), path)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NoFileExists(t, c.Path)
	require.Equal(t, filepath.Join(folder, "match- the end-.jpg"), clip.Poster(path))
	other := filepath.Join(folder, "taken.mp4")
	require.NoError(t, os.WriteFile(other, []byte("other"), 0o644))
	_, err = clip.Rename(path, "taken")
	require.ErrorContains(t, err, "there is a clip called taken already")
	_, err = clip.Rename(path, " .. ")
	require.ErrorContains(t, err, "needs a name")
	require.FileExists(t, path)
}
