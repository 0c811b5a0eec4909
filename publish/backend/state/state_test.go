package state

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
)

// What was kept is there after closing and opening again.
func TestStateSurvivesReopening(t *testing.T) {
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "100% C#? yes&no=1") // SQLite must not read any of it as a URI's parts
	require.NoError(t, os.Mkdir(dir, 0o700))
	s, err := Open(ctx, dir)
	require.NoError(t, err)
	token, secret, err := s.CreateToken(ctx, "alice", "team-*")
	require.NoError(t, err)
	now := time.Now().UTC()
	replay := Replay{ID: NewID(), Identity: "alice", Room: "team-1", Created: now}
	require.NoError(t, s.AddReplay(ctx, replay))
	rec := Recording{ID: NewID(), ReplayID: replay.ID, EgressID: "EG_1", VideoTrack: "TR_v", AudioTrack: "TR_a",
		State: api.StateActive, Began: now, Created: now}
	require.NoError(t, s.AddRecording(ctx, rec))
	require.NoError(t, s.Close())
	require.FileExists(t, filepath.Join(dir, "state.db"))

	s, err = Open(ctx, dir)
	require.NoError(t, err)
	defer s.Close()
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
func TestWaitingClipsAreLimited(t *testing.T) {
	ctx := t.Context()
	s, err := Open(ctx, t.TempDir())
	require.NoError(t, err)
	defer s.Close()
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

func TestTokensAreChecked(t *testing.T) {
	ctx := t.Context()
	s, err := Open(ctx, t.TempDir())
	require.NoError(t, err)
	defer s.Close()
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
