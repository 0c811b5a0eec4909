package atomicfile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/atomicfile"
	"github.com/hindsight-app/hindsight/cmd/devstack/mounts"
)

// A full disk leaves the old file as it was, and nothing beside it.
func TestFullDisk(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	dir := mounts.Small(t, "64k")
	path := filepath.Join(dir, "book")
	require.NoError(t, atomicfile.Write(path, []byte("precious"), 0o600))
	require.ErrorIs(t, atomicfile.Write(path, bytes.Repeat([]byte("x"), 1<<20), 0o600), syscall.ENOSPC)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "precious", string(got))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.NoError(t, atomicfile.Write(path, []byte("newer"), 0o600))
}
