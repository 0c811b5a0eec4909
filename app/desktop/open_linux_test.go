package desktop

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where nothing can play a clip, xdg-open ends with a code: that is reported, with what to do.
func TestNoProgramForAFileIsTold(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.mp4")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	opens := func(script string) error {
		err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte("#!/bin/sh\n"+script), 0o700) //nolint:gosec // a program
		require.NoError(t, err)
		return Open(file)
	}
	t.Setenv("PATH", dir)
	require.ErrorContains(t, Open(file), "install xdg-utils")
	require.NoError(t, opens("exit 0"))
	require.ErrorContains(t, opens("exit 3"), "video player")
	require.ErrorContains(t, Open(filepath.Join(dir, "gone.mp4")), "no longer exists")
}
