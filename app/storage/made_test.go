package storage

import (
	"bytes"
	"image"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// made writes a clip of about this many bytes as Hindsight does, of one frame.
func made(t *testing.T, folder, name string, kind clip.Kind, size int) string {
	t.Helper()
	video := [][]byte{{0x67, 0x42, 0xc0, 0x0a, 0xda, 0x79, 0x0a, 0x1a, 0x80, 0x80, 0x80, 0x83, 0xc4, 0x89, 0xa8},
		{0x68, 0xce, 0x3c, 0x80}, append([]byte{0x65}, bytes.Repeat([]byte(name), size/len(name))...)}
	path := filepath.Join(folder, name)
	require.NoError(t, os.MkdirAll(folder, 0o755))
	_, err := mp4.WriteFile(t.Context(), path, mp4.Movie{End: time.Second, Origin: string(kind), Tracks: []mp4.Track{{
		Kind: mp4.H264, Samples: []mp4.Sample{{Duration: time.Second, Sync: true, NALs: video}}}}})
	require.NoError(t, err)
	return path
}

// shot writes a screenshot as Hindsight does.
func shot(t *testing.T, folder string, f clip.Format) string {
	t.Helper()
	path, err := clip.SaveImage(folder, "Shot {app}", string(f), time.Now(), image.NewGray(image.Rect(0, 0, 64, 36)), f)
	require.NoError(t, err)
	return path
}

func names(t *testing.T, folder string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// What Hindsight made is not mixed up with other files, and counts by how it came about.
func TestMeasure(t *testing.T) {
	folder, recovery := t.TempDir(), t.TempDir()
	made(t, folder, "a.mp4", clip.Replay, 1000)
	b := made(t, folder, "b.mp4", clip.Recorded, 2000)
	made(t, folder, "c.mp4", clip.Trimmed, 3000)
	made(t, folder, "old.mp4", "", 4000) // of a release before
	shot(t, folder, clip.PNG)
	shot(t, folder, clip.JPEG)
	require.NoError(t, clip.Star(b, true))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "mine.png"), []byte("\x89PNG\r\n\x1a\n and so on"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "mine.mp4"), []byte("no movie"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, ".hindsight-1.partial"), make([]byte, 500), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "folder.mp4"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(recovery, "1.gop"), make([]byte, 700), 0o600))
	u, err := Measure(folder, recovery)
	require.NoError(t, err)
	for i, want := range []struct {
		kind  clip.Kind
		files int
		least int64
	}{{clip.Replay, 2, 5000}, {clip.Recorded, 1, 2000}, {clip.Trimmed, 1, 3000}, {clip.Screenshot, 2, 100}} {
		require.Equal(t, want.kind, u.Parts[i].Kind)
		require.Equal(t, want.files, u.Parts[i].Files, want.kind)
		require.Greater(t, u.Parts[i].Bytes, want.least, want.kind)
	}
	require.Equal(t, Part{Files: 1, Bytes: u.Parts[1].Bytes}, u.Starred)
	require.Equal(t, clip.Others{Files: 2, Bytes: 26}, u.Others)
	require.EqualValues(t, 700, u.Recovery)
	require.Greater(t, u.Total, u.Free)
	files, bytes := u.Clips()
	require.Equal(t, 4, files)
	all, more := u.All()
	require.Equal(t, 6, all)
	require.Greater(t, more, bytes)

	u, err = Measure(filepath.Join(folder, "not", "there"), filepath.Join(recovery, "nowhere"))
	require.NoError(t, err)
	require.Zero(t, u.Recovery)
	require.Greater(t, u.Total, int64(0), "of the disk on which it would be")
}

// What a limit would delete is what it deletes.
func TestExcessIsWhatGoes(t *testing.T) {
	folder := t.TempDir()
	var paths []string
	for i, name := range []string{"1.mp4", "2.mp4", "3.mp4", "4.mp4"} {
		path := made(t, folder, name, clip.Replay, 100_000)
		at := time.Now().Add(time.Duration(i-10) * time.Hour)
		require.NoError(t, os.Chtimes(path, at, at))
		paths = append(paths, path)
	}
	require.NoError(t, clip.Star(paths[0], true))
	limit := int64(250_000)
	would, err := Excess(folder, limit, paths[1])
	require.NoError(t, err)
	gone, err := clip.Prune(folder, limit, paths[1])
	require.NoError(t, err)
	require.Equal(t, gone, would)
	require.Equal(t, []string{paths[2], paths[3]}, []string{gone[0].Path, gone[1].Path})
	require.Equal(t, []string{"1.mp4", "2.mp4"}, names(t, folder))
}
