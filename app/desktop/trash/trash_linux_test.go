package trash

import (
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/mounts"
)

// noted is what a file of the trash says, as the specification has it.
func noted(t *testing.T, info string) (path string, deleted time.Time) {
	t.Helper()
	raw, err := os.ReadFile(info)
	require.NoError(t, err)
	lines := strings.Split(string(raw), "\n")
	require.Equal(t, "[Trash Info]", lines[0])
	escaped, found := strings.CutPrefix(lines[1], "Path=")
	require.True(t, found)
	path, err = url.PathUnescape(escaped)
	require.NoError(t, err)
	at, found := strings.CutPrefix(lines[2], "DeletionDate=")
	require.True(t, found)
	deleted, err = time.ParseInLocation("2006-01-02T15:04:05", at, time.Local)
	require.NoError(t, err)
	return path, deleted
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// A file goes to the trash under a name of its own, with what is needed to bring it back, and comes back to where it
// was without taking the place of another.
func TestFilesComeBack(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", filepath.Join(dir, "data"))
	home := filepath.Join(dir, "data", "Trash")
	path := filepath.Join(dir, "clips", "100 % ä.mp4")
	var all []Trashed
	for _, text := range []string{"one", "two"} {
		write(t, path, text)
		x, err := Put(path)
		require.NoError(t, err)
		require.True(t, x.Restorable())
		require.NoFileExists(t, path)
		all = append(all, x)
	}
	for name, text := range map[string]string{"100 % ä.mp4": "one", "100 % ä.2.mp4": "two"} {
		got, err := os.ReadFile(filepath.Join(home, "files", name))
		require.NoError(t, err)
		require.Equal(t, text, string(got))
		was, deleted := noted(t, filepath.Join(home, "info", name+".trashinfo"))
		require.Equal(t, path, was)
		require.WithinDuration(t, time.Now(), deleted, time.Minute)
	}
	require.NoError(t, all[1].Restore())
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "two", string(got))
	require.ErrorContains(t, all[0].Restore(), "another file of that name")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "clips")))
	require.NoError(t, all[0].Restore(), "the folder is made")
	require.ErrorContains(t, all[1].Restore(), "another file")
	require.NoError(t, os.Remove(path))
	require.ErrorContains(t, all[1].Restore(), "no longer in the trash")
	for _, d := range []string{"files", "info"} {
		left, err := os.ReadDir(filepath.Join(home, d))
		require.NoError(t, err)
		require.Empty(t, left)
	}
	_, err = Put(path)
	require.ErrorContains(t, err, "no longer exists")
}

// A file on another drive goes to that drive's trash, and is noted by its path from the top of the drive. A shared
// trash is used where it has the sticky bit and is no link.
func TestAnotherDriveHasItsOwnTrash(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	t.Setenv("XDG_DATA_HOME", filepath.Join(t.TempDir(), "data"))
	drive := mounts.Small(t, "256k")
	user := strconv.Itoa(os.Getuid())
	own, shared := filepath.Join(drive, ".Trash-"+user), filepath.Join(drive, ".Trash")
	path := filepath.Join(drive, "clips", "a.mp4")
	try := func(want string) {
		t.Helper()
		write(t, path, "x")
		x, err := Put(path)
		require.NoError(t, err)
		require.FileExists(t, filepath.Join(want, "files", "a.mp4"))
		was, _ := noted(t, filepath.Join(want, "info", "a.mp4.trashinfo"))
		require.Equal(t, "clips/a.mp4", was)
		require.NoError(t, x.Restore())
		require.FileExists(t, path)
	}
	try(own)
	require.NoError(t, os.Mkdir(shared, 0o777))
	try(own)
	require.NoError(t, os.Chmod(shared, 0o777|os.ModeSticky))
	try(filepath.Join(shared, user))
	require.NoError(t, os.RemoveAll(shared))
	require.NoError(t, os.Symlink(t.TempDir(), shared))
	try(own)
	require.NoError(t, os.RemoveAll(own))
	write(t, own, "in the way")
	_, err := Put(path)
	require.ErrorIs(t, err, ErrNoTrash)
	require.FileExists(t, path)
}
