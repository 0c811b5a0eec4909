package statetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/state"
)

func Invitations(t *testing.T, open func() *state.Store) {
	ctx, s := t.Context(), open()
	soon := time.Now().Add(time.Hour)
	_, _, err := s.Invite(ctx, "", "", soon)
	require.ErrorContains(t, err, "the identity must have")
	i, code, err := s.Invite(ctx, "alice", "team-*", soon, state.View, state.Publish)
	require.NoError(t, err)
	require.Regexp(t, `^hsi_[a-z2-7]{26}$`, code)
	_, err = s.Authenticate(ctx, code)
	require.ErrorIs(t, err, state.ErrNotFound, "a code is no token")
	pending, err := s.Invitations(ctx)
	require.NoError(t, err)
	require.Len(t, pending, 1)
	require.Equal(t, i.ID, pending[0].ID)
	require.Equal(t, []state.Scope{state.View, state.Publish}, pending[0].Scopes)

	// Of those who come at once with the same code, one gets a token.
	var made atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			token, secret, err := s.Accept(ctx, code)
			if err != nil {
				return
			}
			made.Add(1)
			again, err := s.Authenticate(ctx, secret)
			if err != nil || again.ID != token.ID || again.Identity != "alice" || again.Rooms != "team-*" ||
				!again.Has(state.View) {
				t.Errorf("the token is %+v, %v", again, err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, made.Load())
	tokens, err := s.Tokens(ctx)
	require.NoError(t, err)
	require.Len(t, tokens, 1)
	_, _, err = s.Accept(ctx, code)
	require.ErrorIs(t, err, state.ErrNotFound)

	_, late, err := s.Invite(ctx, "bob", "", time.Now().Add(-time.Second))
	require.NoError(t, err)
	_, _, err = s.Accept(ctx, late)
	require.ErrorIs(t, err, state.ErrNotFound)
	require.NoError(t, s.DeleteExpiredInvitations(ctx))
	i, code, err = s.Invite(ctx, "bob", "", soon)
	require.NoError(t, err)
	require.NoError(t, s.DeleteInvitation(ctx, i.ID))
	require.ErrorIs(t, s.DeleteInvitation(ctx, i.ID), state.ErrNotFound)
	_, _, err = s.Accept(ctx, code)
	require.ErrorIs(t, err, state.ErrNotFound)
}
