package mounts_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/mounts"
)

func TestASmallFileSystemIsSoonFull(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	file := filepath.Join(mounts.Small(t, "64k"), "file")
	require.NoError(t, os.WriteFile(file, make([]byte, 32<<10), 0o600))
	require.ErrorIs(t, os.WriteFile(file, make([]byte, 128<<10), 0o600), syscall.ENOSPC)
}
