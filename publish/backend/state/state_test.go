package state

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A database of the first version, which counted its steps elsewhere, is taken over with what it holds.
func TestFirstDatabasesAreTakenOver(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	old, err := sql.Open("sqlite", filepath.Join(dir, "state.db"))
	require.NoError(t, err)
	defer old.Close()
	for _, statement := range []string{steps[0], "PRAGMA user_version = 1",
		"INSERT INTO replays (id, identity, room, created) VALUES ('r', 'alice', 'den', 1)"} {
		_, err = old.ExecContext(ctx, statement)
		require.NoError(t, err)
	}
	s, err := Open(ctx, dir)
	require.NoError(t, err)
	defer s.Close()
	r, err := s.Replay(ctx, "r")
	require.NoError(t, err)
	require.Equal(t, "den", r.Room)
}

// A service that was killed has its leases again at once: SQLite serves one service only.
func TestLeasesOutliveAKill(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	for range 2 {
		s, err := Open(ctx, dir)
		require.NoError(t, err)
		ok, err := s.Lease(ctx, "keeper", time.Hour)
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, s.Close())
	}
}
