package mp4_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// Where a name is reserved first, as on FAT, nothing stays under it when the file does not get it.
func TestPublishThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "clip.mp4")
	require.Error(t, mp4.Publish(filepath.Join(dir, "not there"), path))
	require.NoFileExists(t, path)
}

// writtenContext ends once anything is in the folder's file, which is when all was written: less is buffered.
type writtenContext struct {
	context.Context
	folder string
}

func (c writtenContext) Err() error {
	files, _ := os.ReadDir(c.folder)
	for _, f := range files {
		if i, err := f.Info(); err == nil && i.Size() > 0 {
			return context.DeadlineExceeded
		}
	}
	return nil
}

// A file that takes too long to reach the disk gets no name: it was given up, and may be elsewhere.
func TestGivenUpWhileItReachesTheDisk(t *testing.T) {
	dir := t.TempDir()
	m := mp4.Movie{End: time.Second, Tracks: []mp4.Track{{Kind: mp4.H264, Samples: videoSamples(t, 1, "64x48")}}}
	_, err := mp4.WriteFile(writtenContext{t.Context(), dir}, filepath.Join(dir, "clip.mp4"), m)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files)
}
