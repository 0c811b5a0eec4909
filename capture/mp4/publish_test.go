package mp4_test

import (
	"path/filepath"
	"testing"

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
