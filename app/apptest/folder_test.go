package apptest_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/app/storage"
)

// testFolder saves while the clip folder cannot be used. The clip is in the videos folder then, comes into the clip
// folder when that can be used, and goes with it to another one.
func testFolder(t *testing.T, m *machine) {
	dir := t.TempDir()
	folder, next := filepath.Join(dir, "clips"), filepath.Join(dir, "next")
	require.NoError(t, os.WriteFile(folder, nil, 0o600))
	r := m.start(t, dir, "XDG_VIDEOS_DIR="+filepath.Join(dir, "videos"))
	r.until(t, "the replay runs", buffering)
	r.call(t, control.Request{Command: control.Save, Seconds: 1}, nil)
	saved := r.saved(t, 1)
	require.Equal(t, filepath.Join(dir, "videos", "Hindsight"), filepath.Dir(saved))
	s, err := r.status(t.Context())
	require.NoError(t, err)
	require.Equal(t, folder+" is not a folder", s.LastSave.Clip.Instead)

	at := func(path string) func(session.Snapshot) bool {
		return func(s session.Snapshot) bool { return s.LastSave.Clip.Path == path }
	}
	require.NoError(t, os.Remove(folder))
	came := filepath.Join(folder, filepath.Base(saved))
	r.until(t, "the clip comes into its folder", at(came))
	require.FileExists(t, came)

	r.call(t, control.Request{Command: control.Move, Path: next}, nil)
	gone := filepath.Join(next, filepath.Base(saved))
	require.Equal(t, next, r.until(t, "the clip moves", at(gone)).Folder)
	require.FileExists(t, gone)
	var u storage.Usage
	require.Eventually(t, func() bool {
		r.call(t, control.Request{Command: control.Storage}, &u)
		_, err := os.Stat(came)
		return u.Move == nil && os.IsNotExist(err)
	}, time.Minute, 50*time.Millisecond)
	require.Equal(t, 1, u.Parts[0].Files)
	require.NoFileExists(t, saved)
}
