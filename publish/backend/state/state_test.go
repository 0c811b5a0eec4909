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
	token, secret, err := s.CreateToken(ctx, "alice", "team-*", Publish, View)
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
	require.NoError(t, s.SetPruned(ctx, rec.ID, 3))
	before := rec
	rec.Pruned, rec.Began = 3, now.Add(time.Second)
	require.NoError(t, s.UpdateRecording(ctx, before, rec))
	require.ErrorIs(t, s.UpdateRecording(ctx, before, before), ErrNotFound, "somebody else was quicker")
	ids, err := s.RecordingIDs(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{rec.ID}, ids)
	found, err := s.RecordingWith(ctx, "alice", "team-1", "TR_v", "TR_a")
	require.NoError(t, err)
	require.Equal(t, rec, found)
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
	for _, c := range []struct{ identity, rooms string }{{"", "*"}, {"a\nb", "*"}, {"alice", "[a"},
		{"bob+hindsight-x", "*"}} {
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
	r, err := s.Replay(ctx, "r")
	require.NoError(t, err)
	require.Equal(t, "den", r.Room)
}

// A link leads to its clip until it expires, is deleted, or its clip goes; a clip has only so many.
func TestLinks(t *testing.T) { onBoth(t, linksLead) }

func linksLead(t *testing.T, open func() *Store) {
	ctx, s := t.Context(), open()
	clip := Clip{ID: NewID(), ReplayID: NewID(), Identity: "alice", Room: "den", State: api.ClipWaiting,
		Created: time.Now()}
	ok, err := s.AddClip(ctx, clip, 5)
	require.NoError(t, err)
	require.True(t, ok)
	soon := time.Now().Add(time.Hour)
	first, secret, ok, err := s.AddLink(ctx, clip.ID, "alice", soon, 2)
	require.NoError(t, err)
	require.True(t, ok)
	_, late, ok, err := s.AddLink(ctx, clip.ID, "alice", time.Now(), 2)
	require.NoError(t, err)
	require.True(t, ok)
	_, _, ok, err = s.AddLink(ctx, clip.ID, "alice", soon, 2)
	require.NoError(t, err)
	require.False(t, ok, "a third link")
	got, err := s.LinkWith(ctx, secret)
	require.NoError(t, err)
	require.Equal(t, first, got)
	_, err = s.LinkWith(ctx, late)
	require.ErrorIs(t, err, ErrNotFound, "expired")
	require.NoError(t, s.DeleteExpiredLinks(ctx))
	links, err := s.Links(ctx, clip.ID)
	require.NoError(t, err)
	require.Equal(t, []Link{first}, links)
	require.ErrorIs(t, s.DeleteLink(ctx, "other", first.ID), ErrNotFound, "by way of another clip")
	require.NoError(t, s.DeleteLink(ctx, clip.ID, first.ID))
	_, err = s.LinkWith(ctx, secret)
	require.ErrorIs(t, err, ErrNotFound, "revoked")

	_, err = s.Poster(ctx, clip.ID)
	require.ErrorIs(t, err, ErrNotFound)
	require.NoError(t, s.SetPoster(ctx, clip.ID, []byte{1}))
	require.NoError(t, s.SetPoster(ctx, clip.ID, []byte{2, 3}))
	poster, err := s.Poster(ctx, clip.ID)
	require.NoError(t, err)
	require.Equal(t, []byte{2, 3}, poster)
	_, secret, _, err = s.AddLink(ctx, clip.ID, "alice", soon, 2)
	require.NoError(t, err)
	require.NoError(t, s.DeleteClip(ctx, clip.ID))
	_, err = s.LinkWith(ctx, secret)
	require.ErrorIs(t, err, ErrNotFound, "links go with their clip")
	_, err = s.Poster(ctx, clip.ID)
	require.ErrorIs(t, err, ErrNotFound, "and so does the poster")
}

// Lists of clips go on where they ended, and what a user takes is counted.
func TestClipsAreListedAndCounted(t *testing.T) { onBoth(t, listsClips) }

func listsClips(t *testing.T, open func() *Store) {
	ctx, s := t.Context(), open()
	now := time.Now().UTC()
	for i, who := range []string{"alice", "bob", "alice"} {
		c := Clip{ID: NewID(), Identity: who, State: api.ClipWaiting, Created: now.Add(time.Duration(i) * time.Second)}
		ok, err := s.AddClip(ctx, c, 9)
		require.NoError(t, err)
		require.True(t, ok)
		c.State, c.Bytes = api.ClipReady, int64(10*(i+1))
		require.NoError(t, s.FinishClip(ctx, c))
	}
	all, err := s.AllClips(ctx, now.Add(time.Hour), 2)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "bob", all[1].Identity)
	rest, err := s.AllClips(ctx, all[1].Created, 2)
	require.NoError(t, err)
	require.Len(t, rest, 1)
	own, err := s.ClipsOf(ctx, "alice", now.Add(time.Hour), 9)
	require.NoError(t, err)
	require.Len(t, own, 2)
	old, err := s.OldClips(ctx, now.Add(time.Second), 9)
	require.NoError(t, err)
	require.Equal(t, rest, old)
	n, bytes, err := s.Used(ctx, "alice")
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.EqualValues(t, 40, bytes)
}

// What one backend holds no other one takes, until it gives it back or the time is up.
func TestLeases(t *testing.T) {
	ctx := t.Context()
	url, err := postgres.NewDatabase(ctx)
	require.NoError(t, err)
	var backends []*Store
	for range 2 {
		s, err := OpenPostgres(ctx, url)
		require.NoError(t, err)
		defer s.Close()
		backends = append(backends, s)
	}
	lease := func(i int, d time.Duration) bool {
		ok, err := backends[i].Lease(ctx, "keeper", d)
		require.NoError(t, err)
		return ok
	}
	require.True(t, lease(0, time.Hour))
	require.True(t, lease(0, time.Hour), "renewed")
	require.False(t, lease(1, time.Hour))
	require.NoError(t, backends[1].Release(ctx, "keeper"), "what it has not")
	require.False(t, lease(1, time.Hour))
	require.NoError(t, backends[0].Release(ctx, "keeper"))
	require.True(t, lease(1, 10*time.Millisecond))
	require.Eventually(t, func() bool { return lease(0, time.Hour) }, 30*time.Second, 10*time.Millisecond,
		"its time is up")
	require.False(t, lease(1, time.Hour))
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

// What callers send as names is not found, whatever its bytes; it is no error of the database.
func TestNamesOfStrangeBytes(t *testing.T) { onBoth(t, findsNoStrangeNames) }

func findsNoStrangeNames(t *testing.T, open func() *Store) {
	s := open()
	for _, name := range []string{"\x00", "a\xffb", "?", "$1", "'; DROP TABLE clips; --", "\u0000"} {
		_, err := s.Clip(t.Context(), name)
		require.ErrorIs(t, err, ErrNotFound, "%q", name)
	}
}

// What notes say is restored once; what is known already stays as it is.
func TestRestore(t *testing.T) { onBoth(t, restores) }

func restores(t *testing.T, open func() *Store) {
	ctx, s := t.Context(), open()
	now := time.Now().UTC()
	replay := Replay{ID: NewID(), Identity: "alice", Room: "den", Created: now, Stopped: now.Add(time.Minute)}
	rec := Recording{ID: NewID(), ReplayID: replay.ID, EgressID: "EG_1", VideoTrack: "TR_v", State: api.StateEnded,
		Began:   now,
		Created: now, Ended: now.Add(time.Minute)}
	job := Job{ID: NewID(), Identity: "alice", EgressID: "EG_2", State: api.StateEnded, Created: now, Stopped: now,
		Ended:   now,
		Request: api.RecordingRequest{RoomName: "den", Type: api.TypeTrack}}
	clip := Clip{ID: NewID(), ReplayID: replay.ID, Identity: "alice", Room: "den", State: api.ClipReady,
		Asked:   time.Minute,
		Pressed: now, Created: now, From: now.Add(-time.Minute), To: now, Bytes: 5,
		Gaps: []Span{{now.Add(-30 * time.Second), now.Add(-20 * time.Second)}}}
	var count Restored
	for range 2 {
		for _, n := range []Note{{Replay: &replay, Recording: &rec}, {Job: &job}, {Clip: &clip}} {
			b, err := n.Write()
			require.NoError(t, err)
			n, err = ReadNote(b)
			require.NoError(t, err)
			if n.Clip != nil {
				n.Poster = []byte("picture")
			}
			require.NoError(t, s.Restore(ctx, n, &count))
		}
	}
	require.Equal(t, Restored{1, 1, 1, 1, 1}, count)
	gotReplay, err := s.Replay(ctx, replay.ID)
	require.NoError(t, err)
	require.Equal(t, replay, gotReplay)
	pauses, err := s.Pauses(ctx, replay.ID)
	require.NoError(t, err)
	require.Len(t, pauses, 1, "viewers see nothing of what may have been recorded in a pause")
	require.True(t, pauses[0].From.Equal(now) && pauses[0].To.After(now))
	gotRec, err := s.RecordingOf(ctx, "EG_1")
	require.NoError(t, err)
	require.Equal(t, rec, gotRec)
	gotJob, err := s.Job(ctx, job.ID)
	require.NoError(t, err)
	require.Equal(t, job, gotJob)
	gotClip, err := s.Clip(ctx, clip.ID)
	require.NoError(t, err)
	require.Equal(t, clip, gotClip)
	poster, err := s.Poster(ctx, clip.ID)
	require.NoError(t, err)
	require.Equal(t, "picture", string(poster))
	for _, bad := range []string{"", "{}", `{"version":2,"clip":{}}`, `{"version":1}`, `{"version":1,"recording":{}}`,
		`{"version":1,"replay":{"ID":"a"},"recording":{"ReplayID":"b"}}`} {
		_, err := ReadNote([]byte(bad))
		require.Error(t, err, bad)
	}
}
