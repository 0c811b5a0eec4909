package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/token"
)

// Only what was saved before is a sign that somebody has chosen to be captured. A token is none: it can be set before
// the first start.
func TestSignsOfAnEarlierVersion(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HINDSIGHT_CONFIG_DIR", dir)
	t.Setenv("HINDSIGHT_TOKEN", "")
	asked := func() bool {
		s, c, problems := config.Open(dir)
		require.Empty(t, problems)
		return s.FirstRun() && !(s.Absent() && usedBefore(dir, c))
	}
	require.True(t, asked())
	tokens := &token.Store{File: token.Open(dir).File, NoKeyring: true}
	require.True(t, config.ApplyToFile(dir, config.Patch{}.WithToken("hs_x"), tokens).OK())
	require.FileExists(t, tokens.File)
	require.True(t, asked(), "a token that was set is taken for consent")
	require.NoError(t, os.WriteFile(filepath.Join(dir, links.FileName), []byte("{}"), 0o600))
	require.False(t, asked())
}
