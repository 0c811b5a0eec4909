package state

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A second service on a SQLite folder is refused until the first has ended; other programs work beside it.
func TestOneServiceOnAFolder(t *testing.T) {
	folder := t.TempDir()
	open := func() *Store {
		s, err := Open(t.Context(), folder)
		require.NoError(t, err)
		t.Cleanup(func() { s.Close() })
		return s
	}
	first, second := open(), open()
	require.NoError(t, first.Serve())
	require.NoError(t, first.Serve(), "twice")
	err := second.Serve()
	require.ErrorIs(t, err, ErrServed)
	require.ErrorContains(t, err, folder)
	require.ErrorContains(t, err, "--data")
	_, _, err = second.CreateToken(t.Context(), "alice", "*", Publish)
	require.NoError(t, err)
	require.NoError(t, first.Close())
	require.NoError(t, second.Serve())
	require.NoError(t, second.Close())
}

// What was committed survives a power loss (sqlite.org/pragma.html, synchronous: 2 is FULL).
func TestCommitsReachTheDisk(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	var level int
	require.NoError(t, s.pool.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&level))
	require.GreaterOrEqual(t, level, 2)
	_, err = s.Lease(t.Context(), "x", time.Second)
	require.NoError(t, err)
}
