package statetest

import (
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// What was kept is there after closing and opening again.
func StateSurvivesReopening(t *testing.T, open func() *state.Store) {
	ctx, s := t.Context(), open()
	token, secret, err := s.CreateToken(ctx, "alice", "team-*", state.Publish, state.View)
	require.NoError(t, err)
	now := time.Now().UTC()
	replay := state.Replay{ID: state.NewID(), Identity: "alice", Room: "team-1", Created: now}
	require.NoError(t, s.AddReplay(ctx, replay))
	rec := state.Recording{ID: state.NewID(), ReplayID: replay.ID, EgressID: "EG_1", VideoTrack: "TR_v",
		AudioTrack: "TR_a", State: api.StateActive, Began: now, Created: now}
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
	require.Equal(t, []state.Recording{rec}, running)
	require.NoError(t, s.SetPruned(ctx, rec.ID, 3))
	before := rec
	rec.Pruned, rec.Began = 3, now.Add(time.Second)
	require.NoError(t, s.UpdateRecording(ctx, before, rec))
	require.ErrorIs(t, s.UpdateRecording(ctx, before, before), state.ErrNotFound, "somebody else was quicker")
	ids, err := s.RecordingIDs(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{rec.ID}, ids)
	found, err := s.RecordingWith(ctx, "alice", "team-1", "TR_v", "TR_a")
	require.NoError(t, err)
	require.Equal(t, rec, found)
	require.NoError(t, s.DeleteReplay(ctx, replay.ID))
	_, err = s.RecordingOf(ctx, "EG_1")
	require.ErrorIs(t, err, state.ErrNotFound, "recordings go with their replay")
}

// The limit of waiting clips holds when many ask at once.
func WaitingClipsAreLimited(t *testing.T, open func() *state.Store) {
	ctx, s := t.Context(), open()
	var wg sync.WaitGroup
	taken := make(chan bool, 50)
	for range cap(taken) {
		wg.Go(func() {
			ok, err := s.AddClip(ctx, state.Clip{ID: state.NewID(), Identity: "alice", State: api.ClipWaiting,
				Created: time.Now()}, 7)
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
	ok, err := s.AddClip(ctx, state.Clip{ID: state.NewID(), Identity: "bob", State: api.ClipWaiting,
		Created: time.Now()}, 7)
	require.NoError(t, err)
	require.True(t, ok, "one user's clips do not count for another")
}

func TokensAreChecked(t *testing.T, open func() *state.Store) {
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
	require.ErrorIs(t, s.RevokeToken(ctx, token.ID), state.ErrNotFound)
	_, err = s.Authenticate(ctx, secret)
	require.ErrorIs(t, err, state.ErrNotFound)
}

// Two programs that open an empty database at one moment make its tables once; one that is older than the database
// says so instead of working on it. beside is the same database for statements of the test's own.
func MigrationHappensOnce(t *testing.T, open func() (*state.Store, error), beside *sql.DB) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := open()
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { s.Close() })
		})
	}
	wg.Wait()
	var n, last int
	row := beside.QueryRowContext(t.Context(), "SELECT count(*), max(step) FROM migrations")
	require.NoError(t, row.Scan(&n, &last))
	require.Positive(t, n)
	require.Equal(t, last, n, "each step once")
	_, err := beside.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO migrations (step, at) VALUES (%d, 0)", n+1))
	require.NoError(t, err)
	_, err = open()
	require.ErrorContains(t, err, "newer version")
}

// A link leads to its clip until it expires, is deleted, or its clip goes; a clip has only so many.
func Links(t *testing.T, open func() *state.Store) {
	ctx, s := t.Context(), open()
	clip := state.Clip{ID: state.NewID(), ReplayID: state.NewID(), Identity: "alice", Room: "den", State: api.ClipWaiting,
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
	require.ErrorIs(t, err, state.ErrNotFound, "expired")
	require.NoError(t, s.DeleteExpiredLinks(ctx))
	links, err := s.Links(ctx, clip.ID)
	require.NoError(t, err)
	require.Equal(t, []state.Link{first}, links)
	require.ErrorIs(t, s.DeleteLink(ctx, "other", first.ID), state.ErrNotFound, "by way of another clip")
	require.NoError(t, s.DeleteLink(ctx, clip.ID, first.ID))
	_, err = s.LinkWith(ctx, secret)
	require.ErrorIs(t, err, state.ErrNotFound, "revoked")

	_, err = s.Poster(ctx, clip.ID)
	require.ErrorIs(t, err, state.ErrNotFound)
	require.NoError(t, s.SetPoster(ctx, clip.ID, []byte{1}))
	require.NoError(t, s.SetPoster(ctx, clip.ID, []byte{2, 3}))
	poster, err := s.Poster(ctx, clip.ID)
	require.NoError(t, err)
	require.Equal(t, []byte{2, 3}, poster)
	_, secret, _, err = s.AddLink(ctx, clip.ID, "alice", soon, 2)
	require.NoError(t, err)
	require.NoError(t, s.DeleteClip(ctx, clip.ID))
	_, err = s.LinkWith(ctx, secret)
	require.ErrorIs(t, err, state.ErrNotFound, "links go with their clip")
	_, err = s.Poster(ctx, clip.ID)
	require.ErrorIs(t, err, state.ErrNotFound, "and so does the poster")
}

// Lists of clips go on where they ended, and what a user takes is counted.
func ClipsAreListedAndCounted(t *testing.T, open func() *state.Store) {
	ctx, s := t.Context(), open()
	now := time.Now().UTC()
	for i, who := range []string{"alice", "bob", "alice"} {
		c := state.Clip{ID: state.NewID(), Identity: who, State: api.ClipWaiting,
			Created: now.Add(time.Duration(i) * time.Second)}
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

// What callers send as names is not found, whatever its bytes; it is no error of the database.
func NamesOfStrangeBytes(t *testing.T, open func() *state.Store) {
	s := open()
	for _, name := range []string{"\x00", "a\xffb", "?", "$1", "'; DROP TABLE clips; --", "\u0000"} {
		_, err := s.Clip(t.Context(), name)
		require.ErrorIs(t, err, state.ErrNotFound, "%q", name)
	}
}

// What notes say is restored once; what is known already stays as it is.
func Restore(t *testing.T, open func() *state.Store) {
	ctx, s := t.Context(), open()
	now := time.Now().UTC()
	replay := state.Replay{ID: state.NewID(), Identity: "alice", Room: "den", Created: now, Stopped: now.Add(time.Minute)}
	rec := state.Recording{ID: state.NewID(), ReplayID: replay.ID, EgressID: "EG_1", VideoTrack: "TR_v",
		State: api.StateEnded, Began: now, Created: now, Ended: now.Add(time.Minute)}
	job := state.Job{ID: state.NewID(), Identity: "alice", EgressID: "EG_2", State: api.StateEnded, Created: now,
		Stopped: now, Ended: now, Request: api.RecordingRequest{RoomName: "den", Type: api.TypeTrack}}
	clip := state.Clip{ID: state.NewID(), ReplayID: replay.ID, Identity: "alice", Room: "den", State: api.ClipReady,
		Asked:   time.Minute,
		Pressed: now, Created: now, From: now.Add(-time.Minute), To: now, Bytes: 5,
		Gaps: []state.Span{{From: now.Add(-30 * time.Second), To: now.Add(-20 * time.Second)}}}
	var count state.Restored
	for range 2 {
		for _, n := range []state.Note{{Replay: &replay, Recording: &rec}, {Job: &job}, {Clip: &clip}} {
			b, err := n.Write()
			require.NoError(t, err)
			n, err = state.ReadNote(b)
			require.NoError(t, err)
			if n.Clip != nil {
				n.Poster = []byte("picture")
			}
			require.NoError(t, s.Restore(ctx, n, &count))
		}
	}
	require.Equal(t, state.Restored{Replays: 1, Recordings: 1, Jobs: 1, Clips: 1, Posters: 1}, count)
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
		_, err := state.ReadNote([]byte(bad))
		require.Error(t, err, bad)
	}
}
