package storage

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/recorder"
)

// Whatever the umask, and also where an older version let everybody in: this user and its group, of which the
// recorder is, reach recordings; others reach nothing.
func TestOnlyTheGroupReachesRecordings(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, segments), 0o711))
	require.NoError(t, os.Chmod(filepath.Join(dir, segments), 0o777)) // #nosec G302 -- as it was
	s, err := Open(dir, "")
	require.NoError(t, err)
	defer s.Close()
	const id = "abcdefgh12345678"
	_, err = s.NewRecording(t.Context(), id)
	require.NoError(t, err)
	require.NoError(t, s.WriteFile(t.Context(), id, recorder.Playlist, []byte("#EXTM3U")))
	for path, want := range map[string]fs.FileMode{
		segments:            fs.ModeDir | fs.ModeSetgid | 0o750,
		segments + "/" + id: fs.ModeDir | fs.ModeSetgid | 0o770,
		clips:               fs.ModeDir | 0o700,
		segments + "/" + id + "/" + recorder.Playlist: 0o640,
	} {
		info, err := os.Stat(filepath.Join(dir, path))
		require.NoError(t, err)
		require.Equal(t, want, info.Mode(), path)
	}
}
