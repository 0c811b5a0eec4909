package leases

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
)

// A start may take longer than its lease's term, which is renewed in the meantime; work whose lease cannot be renewed
// ends.
func TestLeasesAreRenewedOrEndTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := shelftest.New(t, 1, time.Now()).DB
		l := New(db, slog.Default())
		held, done, err := l.Alone(t.Context(), "x")
		require.NoError(t, err)
		pass(3 * startTerm)
		require.NoError(t, held.Err())
		_, _, ok, err := l.AloneNow(t.Context(), "x")
		require.NoError(t, err)
		require.False(t, ok)
		done()
		_, done, ok, err = l.AloneNow(t.Context(), "x")
		require.NoError(t, err)
		require.True(t, ok)
		done()

		held, done, err = l.Alone(t.Context(), "x")
		require.NoError(t, err)
		require.NoError(t, db.Close())
		pass(startTerm)
		require.ErrorIs(t, context.Cause(held), ErrLost)
		done()
	})
}

// pass waits on the clock of a synctest bubble, which costs no time.
func pass(d time.Duration) { <-time.NewTimer(d).C }

func TestKeyedMutexForgetsKeys(t *testing.T) {
	var k keyedMutex
	first := k.lock("a")
	second := k.lock("b") // another key does not wait
	second()
	got := make(chan func())
	go func() { got <- k.lock("a") }()
	first()
	(<-got)()
	require.Empty(t, k.locks)
}
