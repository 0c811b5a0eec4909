package autostart_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/desktop/autostart"
)

func TestTheFileComesAndGoes(t *testing.T) {
	dir := t.TempDir()
	e := autostart.Entry{Path: filepath.Join(dir, "autostart", "app.hindsight.Hindsight.desktop"), Settings: "/home/a"}
	require.NoError(t, e.Set(false))
	require.NoDirExists(t, filepath.Dir(e.Path), "off by default leaves nothing")
	require.NoError(t, e.Set(true))
	require.NoError(t, e.Set(true))
	text, err := os.ReadFile(e.Path)
	require.NoError(t, err)
	require.Contains(t, string(text), "\nExec=hindsight --hidden\n")
	other := autostart.Entry{Path: e.Path, Settings: "/home/b"}
	var edited *autostart.EditedError
	require.ErrorAs(t, other.Set(false), &edited, "the file of other settings")
	require.FileExists(t, e.Path)
	require.NoError(t, e.Set(false))
	require.NoFileExists(t, e.Path)
	require.NoError(t, e.Set(false))
}

func TestAnEditedFileIsRespected(t *testing.T) {
	e := autostart.Entry{Path: filepath.Join(t.TempDir(), "app.hindsight.Hindsight.desktop")}
	require.NoError(t, e.Set(true))
	text, err := os.ReadFile(e.Path)
	require.NoError(t, err)
	mine := strings.Replace(string(text), "Exec=hindsight", "Exec=nice hindsight", 1)
	require.NoError(t, os.WriteFile(e.Path, []byte(mine), 0o600))
	for _, on := range []bool{true, false} {
		var edited *autostart.EditedError
		require.ErrorAs(t, e.Set(on), &edited)
		require.ErrorContains(t, e.Set(on), e.Path)
		kept, err := os.ReadFile(e.Path)
		require.NoError(t, err)
		require.Equal(t, mine, string(kept))
	}
}
