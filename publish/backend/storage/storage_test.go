package storage

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
)

const id = "abcdefghijklmnop"

func open(t *testing.T) (*Local, string) {
	t.Helper()
	dir := t.TempDir()
	l, err := Open(dir, "/as/egress/sees/it")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l, dir
}

func TestRecordingIsReadOn(t *testing.T) {
	l, dir := open(t)
	folder, err := l.NewRecording(id)
	require.NoError(t, err)
	require.Equal(t, "/as/egress/sees/it/"+id, folder)
	b, err := l.ReadPlaylist(id, 0)
	require.NoError(t, err)
	require.Empty(t, b, "no playlist yet is no error")
	real := filepath.Join(dir, "segments", id)
	require.NoError(t, os.WriteFile(filepath.Join(real, recorder.Playlist), []byte("0123456789"), 0o644))
	b, err = l.ReadPlaylist(id, 6)
	require.NoError(t, err)
	require.Equal(t, "6789", string(b))
	require.NoError(t, os.WriteFile(filepath.Join(real, "s_00000.ts"), []byte("ts"), 0o644))
	f, err := l.OpenSegment(id, "s_00000.ts")
	require.NoError(t, err)
	b, err = io.ReadAll(f)
	require.NoError(t, errors.Join(err, f.Close()))
	require.Equal(t, "ts", string(b))
	require.NoError(t, l.Remove(id, "s_00000.ts"))
	require.NoError(t, l.Remove(id, "s_00000.ts"), "removing twice")
	require.NoError(t, l.Remove(id, ""))
	require.NoFileExists(t, real)
}

// No id and no segment name leads out of the folder, not even through a link.
func TestNothingOutsideIsReached(t *testing.T) {
	l, dir := open(t)
	outside := filepath.Join(t.TempDir(), "secret.mp4")
	require.NoError(t, os.WriteFile(outside, []byte("x"), 0o644))
	for _, bad := range []string{"", "..", "../clips", "../../x", "a/b", "/etc", "ABCDEFGH", "abc", "abcdefgh\x00", "abcdefgh.mp4"} {
		_, err := l.OpenClip(bad)
		require.ErrorIs(t, err, fs.ErrNotExist, bad)
		_, err = l.NewRecording(bad)
		require.ErrorIs(t, err, fs.ErrNotExist, bad)
		require.ErrorIs(t, l.Remove(bad, ""), fs.ErrNotExist, bad)
		require.ErrorIs(t, l.RemoveClip(bad), fs.ErrNotExist, bad)
		_, err = l.WriteClip(t.Context(), bad, mp4.Movie{})
		require.ErrorIs(t, err, fs.ErrNotExist, bad)
	}
	_, err := l.NewRecording(id)
	require.NoError(t, err)
	_, err = l.OpenSegment(id, "../../../../../../"+outside)
	require.Error(t, err)
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "clips", id+".mp4")))
	_, err = l.OpenClip(id)
	require.Error(t, err, "a link to the outside")
}

// A clip that a killed process left half written is gone after the next start.
func TestPartialClipsAreRemoved(t *testing.T) {
	l, dir := open(t)
	require.NoError(t, l.Close())
	partial := filepath.Join(dir, "clips", "."+id+".mp4.123"+mp4.TempSuffix)
	require.NoError(t, os.WriteFile(partial, []byte("x"), 0o644))
	l, err := Open(dir, "")
	require.NoError(t, err)
	defer l.Close()
	require.NoFileExists(t, partial)
}

// A recording that nobody has written down is gone; what is not a recording's folder stays.
func TestUnknownRecordingsAreRemoved(t *testing.T) {
	l, dir := open(t)
	const orphan = "ponmlkjihgfedcba"
	for _, id := range []string{id, orphan} {
		_, err := l.NewRecording(id)
		require.NoError(t, err)
	}
	in := func(name string) string { return filepath.Join(dir, "segments", name) }
	require.NoError(t, os.WriteFile(filepath.Join(in(orphan), "s_00000.ts"), []byte("ts"), 0o644))
	require.NoError(t, os.Mkdir(in("lost+found"), 0o700))
	require.NoError(t, l.KeepRecordings([]string{id}))
	require.DirExists(t, in(id))
	require.NoDirExists(t, in(orphan))
	require.DirExists(t, in("lost+found"))
}
