package clip_test

import (
	"context"
	"errors"
	"image"
	"image/gif"
	_ "image/jpeg" // for image.Decode
	_ "image/png"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/cmd/devstack/mounts"
)

// A file says how it came about, and other programs read its images as before.
func TestFilesSayHowTheyCameAbout(t *testing.T) {
	r := request(t, t.TempDir())
	r.Poster = true
	saved, err := clip.Save(t.Context(), r)
	require.NoError(t, err)
	require.NoError(t, clip.Illustrate(t.Context(), saved.Path, r))
	rec, err := clip.NewRecording(r)
	require.NoError(t, err)
	for _, p := range r.Video {
		require.NoError(t, rec.Add(p))
	}
	recorded, err := rec.Close(nil)
	require.NoError(t, err)
	trimmed, err := clip.Trim(t.Context(), clip.TrimRequest{Path: saved.Path, From: time.Second})
	require.NoError(t, err)
	want := map[string]clip.Kind{saved.Path: clip.Replay, recorded.Path: clip.Recorded, trimmed.Path: clip.Trimmed}
	for _, c := range []clip.Clip{saved, recorded, trimmed} {
		require.Equal(t, want[c.Path], c.Kind)
	}
	list, err := clip.List(r.Folder)
	require.NoError(t, err)
	for _, c := range list {
		require.Equal(t, want[c.Path], c.Kind)
	}
	img := image.NewGray(image.Rect(0, 0, 300, 200))
	for _, f := range []clip.Format{clip.PNG, clip.JPEG} {
		path, err := clip.SaveImage(r.Folder, "shot", "", time.Now(), img, f)
		require.NoError(t, err)
		want[path] = clip.Screenshot
		file, err := os.Open(path)
		require.NoError(t, err)
		back, kind, err := image.Decode(file)
		require.NoError(t, errors.Join(err, file.Close()))
		require.Equal(t, string(f), kind)
		require.Equal(t, img.Bounds(), back.Bounds())
	}
	for _, poster := range []string{saved.Path, recorded.Path} {
		want[poster[:len(poster)-4]+".jpg"] = clip.PosterImage
	}
	animation := filepath.Join(r.Folder, "animation.gif")
	f, err := os.Create(animation)
	require.NoError(t, err)
	require.NoError(t, errors.Join(gif.Encode(f, img, nil), f.Close()))
	audio := filepath.Join(r.Folder, "audio.wav")
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=0.1", "-bitexact", audio)
	for _, path := range []string{animation, audio} {
		require.NoError(t, clip.MarkExport(path))
		want[path] = clip.Trimmed
		run(t, "ffmpeg", "-v", "error", "-xerror", "-i", path, "-f", "null", "-")
	}
	old := filepath.Join(r.Folder, "Hindsight 2026-11-22 10-11-13 (2).png") // of a release without marks
	require.NoError(t, os.WriteFile(old, []byte("x"), 0o600))
	want[old] = clip.Screenshot
	require.NoError(t, os.WriteFile(filepath.Join(r.Folder, "mine.png"), []byte("x"), 0o600))
	own, others, err := clip.Files(r.Folder)
	require.NoError(t, err)
	got := map[string]clip.Kind{}
	for _, f := range own {
		got[f.Path] = f.Kind
	}
	require.Equal(t, want, got)
	require.Equal(t, clip.Others{Files: 1, Bytes: 1}, others)
}

// What the clip folder does not take goes to the fallback, which is said; where that takes nothing either, the folder's
// error is.
func TestThePlaceOfClips(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	full, fallback := mounts.Small(t, "16k"), filepath.Join(t.TempDir(), "fallback")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for folder, want := range map[string]string{
		full: "the disk with " + full + " is full", file: file + " is not a folder",
		"/proc/nowhere": "/proc/nowhere cannot be used"} {
		c, err := clip.Place{Folder: folder, Fallback: fallback}.Save(t.Context(), request(t, ""))
		require.NoError(t, err)
		require.Equal(t, fallback, filepath.Dir(c.Path))
		require.Equal(t, want, c.Instead)
		_, err = clip.Place{Folder: folder, Fallback: "/proc/nowhere"}.Save(t.Context(), request(t, ""))
		require.ErrorContains(t, err, folder)
	}
	c, err := clip.Place{Folder: fallback, Fallback: full}.Save(t.Context(), request(t, ""))
	require.NoError(t, err)
	require.Empty(t, c.Instead)
	rec, err := clip.Place{Folder: file, Fallback: fallback}.NewRecording(t.Context(), request(t, ""))
	require.NoError(t, err)
	for _, p := range redVideo(t) {
		require.NoError(t, rec.Add(p))
	}
	c, err = rec.Close(nil)
	require.NoError(t, err)
	require.Equal(t, file+" is not a folder", c.Instead)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = clip.Place{Folder: full, Fallback: fallback}.Save(ctx, request(t, ""))
	require.ErrorIs(t, err, context.Canceled, "who gives up gets nothing")
}

// A mount point is found from below, also through a link, and it is seen when nothing is mounted there anymore.
func TestMounts(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	point, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	require.NoError(t, syscall.Mount("tmpfs", point, "tmpfs", 0, ""))
	folder := filepath.Join(point, "a", "b")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.Symlink(folder, link))
	for _, at := range []string{folder, point, link} {
		mount, err := clip.MountOf(at)
		require.NoError(t, err)
		require.Equal(t, point, mount)
	}
	require.True(t, clip.Mounted(point))
	require.True(t, clip.Mounted("/"))
	p := clip.Place{Folder: link, Mount: point}
	require.NoError(t, p.CheckAway())
	require.NoError(t, syscall.Unmount(point, 0))
	require.False(t, clip.Mounted(point))
	require.ErrorIs(t, p.CheckAway(), clip.ErrAway)
	require.NoError(t, os.Mkdir(filepath.Join(point, "a"), 0o700))
	require.NoError(t, clip.Place{Folder: point, Mount: point}.CheckAway(), "what has files is used")
	_, err := clip.MountOf(filepath.Join(point, "nowhere"))
	require.Error(t, err)
}
