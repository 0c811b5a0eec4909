package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
)

// A setting that is changed before the first start is no consent to be captured.
func TestSettingsBeforeTheFirstStart(t *testing.T) {
	set := func(dir, key, value string) {
		p, r := config.Parse([]config.Assignment{{Key: key, Value: value}})
		require.True(t, r.OK())
		require.True(t, config.ApplyToFile(dir, p, nil).OK())
	}
	first := func(dir string) bool {
		s, _, problems := config.Open(dir)
		require.Empty(t, problems)
		return s.FirstRun()
	}
	dir := t.TempDir()
	require.True(t, first(dir))
	set(dir, "sharing.room", "studio")
	require.True(t, first(dir))
	set(dir, "sharing.room", "den")
	require.True(t, first(dir))
	set(dir, "app.first_run_done", "true")
	require.False(t, first(dir))
	set(dir, "sharing.room", "studio")
	require.False(t, first(dir))
}
