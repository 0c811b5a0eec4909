package clip_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
)

func TestNames(t *testing.T) {
	folder := t.TempDir()
	r := request(t, folder)
	r.Start = 2 * time.Second
	for _, c := range []struct{ template, app, want string }{
		{"", "", "Hindsight 2026-11-22 10-11-12"},
		{"{app} {seconds}s {date}_{time}", "Fire/fox: \"News\"", "Fire-fox- -News- 1s 2026-11-22_10-11-12"},
		{"{app}", "", "Screen"},
		{"{app}", "..", "Screen (2)"},
		{"{app}", "../../etc\n", "-..-etc-"},
		{"{app}", strings.Repeat("ü", 200), strings.Repeat("ü", 30)},
		{"{app} x", "{time}", "-time- x"},
	} {
		r.Name, r.App = c.template, c.app
		got, err := clip.Save(context.Background(), r)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(folder, c.want+".mp4"), got.Path)
	}
	for template, ok := range map[string]bool{
		"": true, "{date}": true, "Clip {app} ({seconds} s)": true, "{day}": false, "a/b": false, "..": false, "a\nb": false,
		".hidden": false, "{date": false, strings.Repeat("x", 200): false, "Überblick {time}": true, "what?": false,
	} {
		require.Equal(t, ok, clip.CheckName(template) == nil, "%q: %v", template, clip.CheckName(template))
	}
}

func FuzzNames(f *testing.F) {
	f.Add("{app} {date}", "a/b")
	f.Fuzz(func(t *testing.T, template, app string) {
		if clip.CheckName(template) != nil {
			return
		}
		name := clip.Name(template, app, time.Unix(0, 0), time.Second)
		if filepath.Base(name) != name && name != "" || len(name) > 200 || strings.HasPrefix(name, ".") ||
			strings.ContainsAny(name, "/\\\x00\n") {
			t.Fatalf("%q and %q become %q", template, app, name)
		}
	})
}

func TestCoverInAndBesideTheClip(t *testing.T) {
	r := request(t, t.TempDir())
	r.Poster = true
	c, err := clip.Save(context.Background(), r)
	require.NoError(t, err)
	require.NoError(t, clip.Illustrate(context.Background(), c.Path, r))
	inside, err := exec.Command("ffmpeg", "-v", "error", "-i", c.Path, "-map", "0:v:1", "-c", "copy", "-f", "image2pipe",
		"-").Output()
	require.NoError(t, err)
	beside, err := os.ReadFile(strings.TrimSuffix(c.Path, ".mp4") + ".jpg")
	require.NoError(t, err)
	for _, b := range [][]byte{inside, beside} {
		img, err := jpeg.Decode(bytes.NewReader(b))
		require.NoError(t, err)
		require.Equal(t, image.Rect(0, 0, 480, 270), img.Bounds())
		red, green, blue, _ := img.At(240, 135).RGBA()
		require.Greater(t, red>>8, uint32(230))
		require.Less(t, green>>8+blue>>8, uint32(40))
	}
	require.NoError(t, clip.Remove(c.Path))
	entries, err := os.ReadDir(r.Folder)
	require.NoError(t, err)
	require.Empty(t, entries, "the image goes with its clip")

	// An image of the user's own that has the same name stays as it is, twice.
	mine := filepath.Join(r.Folder, "Hindsight 2026-11-22 10-11-12.jpg")
	require.NoError(t, os.WriteFile(mine, inside, 0o644))
	c, err = clip.Save(context.Background(), r)
	require.NoError(t, err)
	require.NoError(t, clip.Illustrate(context.Background(), c.Path, r))
	require.NoError(t, clip.Remove(c.Path))
	now, err := os.ReadFile(mine)
	require.NoError(t, err)
	require.Equal(t, inside, now)
}

func TestPruneTakesOnlyWhatItMay(t *testing.T) {
	folder := t.TempDir()
	r := request(t, folder)
	r.Poster = true
	var paths []string
	var size int64
	for i := range 5 {
		r.Name = fmt.Sprintf("clip %d", i)
		c, err := clip.Save(context.Background(), r)
		require.NoError(t, err)
		require.NoError(t, clip.Illustrate(context.Background(), c.Path, r))
		at := time.Now().Add(time.Duration(i-100) * time.Minute)
		require.NoError(t, os.Chtimes(c.Path, at, at))
		paths, size = append(paths, c.Path), c.Bytes
	}
	// The oldest of all is not ours, the oldest of ours has a star.
	foreign := filepath.Join(folder, "foreign.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-i", paths[0], "-map", "0:0", "-c", "copy",
		foreign).CombinedOutput()
	require.NoError(t, err, "%s", out)
	old := time.Now().Add(-1000 * time.Hour)
	require.NoError(t, os.Chtimes(foreign, old, old))
	require.NoError(t, clip.Star(paths[0], true))
	require.ErrorContains(t, clip.Star(foreign, true), "only clips that Hindsight made")

	gone, err := clip.Prune(folder, 5*size)
	require.NoError(t, err)
	require.Empty(t, gone)
	gone, err = clip.Prune(folder, 3*size)
	require.NoError(t, err)
	require.Len(t, gone, 2)
	require.NoFileExists(t, paths[1])
	require.NoFileExists(t, strings.TrimSuffix(paths[1], ".mp4")+".jpg")
	require.NoFileExists(t, paths[2])
	// What was made for viewers goes before the user's own, however new it is.
	r.Name, r.ForViewer = "for a viewer", true
	viewers, err := clip.Save(context.Background(), r)
	require.NoError(t, err)
	require.True(t, viewers.ForViewer)
	gone, err = clip.Prune(folder, 3*size)
	require.NoError(t, err)
	require.Len(t, gone, 1)
	require.Equal(t, viewers.Path, gone[0].Path)
	require.Equal(t, clip.Replay, gone[0].Kind)
	gone, err = clip.Prune(folder, 1, paths[4])
	require.NoError(t, err)
	require.Len(t, gone, 1)
	for _, p := range []string{paths[0], paths[4], foreign} {
		require.FileExists(t, p)
	}
}
