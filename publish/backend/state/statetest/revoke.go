package statetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// With the last token of a user ends what runs for that user, and nobody can watch by a link anymore; before that, and
// for others, everything continues.
func RevokingEndsWhatRuns(t *testing.T, open func() *state.Store) {
	ctx, s := t.Context(), open()
	laptop, _, err := s.CreateToken(ctx, "alice", "")
	require.NoError(t, err)
	desktop, _, err := s.CreateToken(ctx, "alice", "")
	require.NoError(t, err)
	secrets := map[string]string{}
	for _, who := range []string{"alice", "bob"} {
		require.NoError(t, s.AddReplay(ctx, state.Replay{ID: who, Identity: who, Room: "den", Created: time.Now()}))
		require.NoError(t, s.AddJob(ctx, state.Job{ID: who, Identity: who, EgressID: who, State: api.StateActive,
			Created: time.Now()}))
		_, err := s.AddClip(ctx, state.Clip{ID: who, Identity: who, State: api.ClipWaiting, Created: time.Now()}, 9)
		require.NoError(t, err)
		var ok bool
		_, secrets[who], ok, err = s.AddLink(ctx, who, who, time.Now().Add(time.Hour), 9)
		require.NoError(t, err)
		require.True(t, ok)
	}
	runs := func(who string) []bool {
		stopped, err := s.Stopped(ctx, who)
		require.NoError(t, err)
		job, err := s.Job(ctx, who)
		require.NoError(t, err)
		_, err = s.LinkWith(ctx, secrets[who])
		return []bool{!stopped, job.Stopped.IsZero(), err == nil}
	}
	all, none := []bool{true, true, true}, []bool{false, false, false}
	before := time.Now().Add(-time.Second)
	require.NoError(t, s.RevokeToken(ctx, laptop.ID))
	require.Equal(t, all, runs("alice"))
	require.NoError(t, s.RevokeToken(ctx, desktop.ID))
	require.Equal(t, none, runs("alice"))
	require.Equal(t, all, runs("bob"))
	_, err = s.Clip(ctx, "alice")
	require.NoError(t, err)
	revoked, err := s.RevokedSince(ctx, before)
	require.NoError(t, err)
	require.Len(t, revoked, 2)
	require.ErrorIs(t, s.RevokeToken(ctx, desktop.ID), state.ErrNotFound)
	revoked, err = s.RevokedSince(ctx, time.Now().Add(time.Second))
	require.NoError(t, err)
	require.Empty(t, revoked)
}
