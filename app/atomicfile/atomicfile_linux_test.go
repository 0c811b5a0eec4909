package atomicfile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/atomicfile"
)

// A full disk leaves the old file as it was, and nothing beside it.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"), "this test mounts a small disk and needs root")
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
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
