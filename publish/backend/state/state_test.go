package state

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
)

// postgres is the server of all tests here.
var postgres *stack.Postgres

func TestMain(m *testing.M) {
	var err error
	if postgres, err = stack.StartPostgres(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	code := m.Run()
	postgres.Close()
	os.Exit(code)
}

// onBoth runs a test on SQLite and on PostgreSQL. open opens the test's one database, which is empty at first.
func onBoth(t *testing.T, test func(t *testing.T, open func() *Store)) {
	opened := func(t *testing.T, s *Store, err error) *Store {
		require.NoError(t, err)
		t.Cleanup(func() { s.Close() })
		return s
	}
	t.Run("sqlite", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "100% C#? yes&no=1") // SQLite must not read any of it as a URI's parts
		require.NoError(t, os.Mkdir(dir, 0o700))
		test(t, func() *Store {
			s, err := Open(t.Context(), dir)
			require.FileExists(t, filepath.Join(dir, "state.db"))
			return opened(t, s, err)
		})
	})
	t.Run("postgres", func(t *testing.T) {
		url, err := postgres.NewDatabase(t.Context())
		require.NoError(t, err)
		test(t, func() *Store {
			s, err := OpenPostgres(t.Context(), url)
			return opened(t, s, err)
		})
	})
}

// What was kept is there after closing and opening again.
func TestStateSurvivesReopening(t *testing.T) { onBoth(t, survivesReopening) }

func survivesReopening(t *testing.T, open func() *Store) {
	ctx, s := t.Context(), open()
	token, secret, err := s.CreateToken(ctx, "alice", "team-*")
	require.NoError(t, err)
	now := time.Now().UTC()
	replay := Replay{ID: NewID(), Identity: "alice", Room: "team-1", Created: now}
	require.NoError(t, s.AddReplay(ctx, replay))
	rec := Recording{ID: NewID(), ReplayID: replay.ID, EgressID: "EG_1", VideoTrack: "TR_v", AudioTrack: "TR_a",
		State: api.StateActive, Began: now, Created: now}
	require.NoError(t, s.AddRecording(ctx, rec))
	require.NoError(t, s.Close())

	s = open()
	got, err := s.Authenticate(ctx, secret)
	require.NoError(t, err)
	require.Equal(t, token, got)
	require.True(t, got.Allows("team-1"))
	require.False(t, got.Allows("den"))
	running, err := s.Running(ctx)
	require.NoError(t, err)
	require.Equal(t, []Recording{rec}, running)
	ids, err := s.RecordingIDs(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{rec.ID}, ids)
	found, err := s.RecordingWith(ctx, "alice", "team-1", "TR_v", "TR_a")
	require.NoError(t, err)
	require.Equal(t, rec, found)
	_, err = s.Replay(ctx, "bob", replay.ID)
	require.ErrorIs(t, err, ErrNotFound, "another user's replay")
	require.NoError(t, s.DeleteReplay(ctx, replay.ID))
	_, err = s.RecordingOf(ctx, "EG_1")
	require.ErrorIs(t, err, ErrNotFound, "recordings go with their replay")
}

// The limit of waiting clips holds when many ask at once.
func TestWaitingClipsAreLimited(t *testing.T) { onBoth(t, waitingClipsAreLimited) }

func waitingClipsAreLimited(t *testing.T, open func() *Store) {
	ctx, s := t.Context(), open()
	var wg sync.WaitGroup
	taken := make(chan bool, 50)
	for range cap(taken) {
		wg.Go(func() {
			ok, err := s.AddClip(ctx, Clip{ID: NewID(), Identity: "alice", State: api.ClipWaiting, Created: time.Now()}, 7)
			if err != nil {
				t.Error(err)
			}
			taken <- ok
		})
	}
	wg.Wait()
	close(taken)
	n := 0
	for ok := range taken {
		if ok {
			n++
		}
	}
	require.Equal(t, 7, n)
	ok, err := s.AddClip(ctx, Clip{ID: NewID(), Identity: "bob", State: api.ClipWaiting, Created: time.Now()}, 7)
	require.NoError(t, err)
	require.True(t, ok, "one user's clips do not count for another")
}

func TestTokensAreChecked(t *testing.T) { onBoth(t, tokensAreChecked) }

func tokensAreChecked(t *testing.T, open func() *Store) {
	ctx, s := t.Context(), open()
	for _, c := range []struct{ identity, rooms string }{{"", "*"}, {"a\nb", "*"}, {"alice", "[a"}} {
		_, _, err := s.CreateToken(ctx, c.identity, c.rooms)
		require.Error(t, err, "%+v", c)
	}
	token, secret, err := s.CreateToken(ctx, "alice", "")
	require.NoError(t, err)
	require.True(t, token.Allows("any/room"), "no pattern means every room")
	require.NoError(t, s.RevokeToken(ctx, token.ID))
	require.ErrorIs(t, s.RevokeToken(ctx, token.ID), ErrNotFound)
	_, err = s.Authenticate(ctx, secret)
	require.ErrorIs(t, err, ErrNotFound)
}

// Two programs that open an empty database at one moment make its tables once; one that is older than the database
// says so instead of working on it.
func TestMigrationHappensOnce(t *testing.T) { onBoth(t, migratesOnce) }

func migratesOnce(t *testing.T, open func() *Store) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { open() })
	}
	wg.Wait()
	s := open()
	var n int
	require.NoError(t, s.db.QueryRowContext(t.Context(), "SELECT count(*) FROM migrations").Scan(&n))
	require.Equal(t, len(steps), n)
	_, err := s.db.ExecContext(t.Context(), "INSERT INTO migrations (step, at) VALUES (?,?)", len(steps)+1, 0)
	require.NoError(t, err)
	require.ErrorContains(t, s.migrate(t.Context()), "newer version")
}

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
	r, err := s.Replay(ctx, "alice", "r")
	require.NoError(t, err)
	require.Equal(t, "den", r.Room)
}
