package backend_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend"
	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// options are for a service in this process, over a database and a folder of the test's.
func options(db *state.Store, files *storage.Storage, began time.Time) backend.Options {
	fake := &shelftest.Recorder{Says: recorder.Status{EgressID: "EG_1", State: api.StateActive, Began: began}}
	return backend.Options{State: db, Tokens: fake, Recorder: fake, Storage: files, Clips: files,
		Cutter: &buffers.Remuxer{Storage: files, Clips: files}, JobRecorder: fake, JobFiles: files}
}

// run starts it.
func run(t testing.TB, o backend.Options) *backend.Server {
	t.Helper()
	s, err := backend.New(o)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// shared is a PostgreSQL and a folder, for several services.
type shared struct {
	server  *stack.Postgres
	address string
	home    string
	files   *storage.Storage
	db      *state.Store
	shelf   *shelftest.Shelf
}

// newShared has a replay of 20 s in it.
func newShared(t *testing.T) *shared {
	t.Helper()
	ctx := t.Context()
	s := &shared{home: t.TempDir()}
	var err error
	s.server, err = stack.StartPostgres(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { s.server.Close() })
	s.address, err = s.server.NewDatabase(ctx)
	require.NoError(t, err)
	s.files, err = storage.Open(s.home, "")
	require.NoError(t, err)
	t.Cleanup(func() { s.files.Close() })
	s.db = s.open(t, s.address)
	s.shelf = shelftest.On(t, s.db, s.files, 10, time.Now().Add(-20*time.Second))
	return s
}

// open is another connection to the database.
func (s *shared) open(t *testing.T, address string) *state.Store {
	t.Helper()
	db, err := state.OpenPostgres(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// order asks for a clip of ten seconds.
func (s *shared) order(t *testing.T) state.Clip {
	t.Helper()
	return s.shelf.Order(t, "alice", 10*time.Second, s.shelf.Began.Add(15*time.Second), time.Now())
}
