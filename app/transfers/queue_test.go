package transfers

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
)

// A change of the settings has what has stopped tried again, but for what another try cannot help.
func TestWhatCannotSucceedIsNotTriedAgain(t *testing.T) {
	q := Open(Options{File: filepath.Join(t.TempDir(), FileName), Log: slog.New(slog.DiscardHandler)})
	defer q.Close()
	for _, final := range []bool{true, false} {
		j := &job{Item: Item{ID: map[bool]string{true: "gone", false: "away"}[final], Kind: Upload, State: Stopped,
			Final: final, Error: "x"}, done: make(chan struct{})}
		close(j.done)
		q.jobs = append(q.jobs, j)
	}
	q.Wake()
	items := q.Items()
	require.Equal(t, Stopped, items[0].State)
	require.True(t, items[0].Final)
	require.Equal(t, Waiting, items[1].State)
	q.Retry("gone")
	require.Equal(t, Waiting, q.Items()[0].State, "the user knows better")
}

// A download that has not begun goes where clips are now; what came of it before does not stay behind.
func TestDownloadsFollowTheClipFolder(t *testing.T) {
	old, now, played := t.TempDir(), t.TempDir(), t.TempDir()
	q := Open(Options{File: filepath.Join(t.TempDir(), FileName), Log: slog.New(slog.DiscardHandler)})
	defer q.Close()
	q.Download("https://a", "one", old, false)
	q.Download("https://a", "two", played, true)
	begun := part(q.jobs[0].Item)
	require.NoError(t, os.WriteFile(begun, []byte("a part"), 0o600))
	q.SetFolder(now)
	require.Equal(t, now, q.jobs[0].Folder)
	require.Equal(t, played, q.jobs[1].Folder)
	require.True(t, wait.Until(20*time.Second, func() bool {
		_, err := os.Lstat(begun)
		return os.IsNotExist(err)
	}), "a part stays behind")
}
