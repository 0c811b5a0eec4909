package statetest

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Of the codes of a user the newest sign in.
func CodesAreFew(t *testing.T, open func() *state.Store) {
	ctx, s, now := t.Context(), open(), time.Now()
	token, _, err := s.CreateToken(ctx, "alice", "")
	require.NoError(t, err)
	other, _, err := s.CreateToken(ctx, "bob", "")
	require.NoError(t, err)
	bobs, _, err := s.AddCode(ctx, other, now)
	require.NoError(t, err)
	var codes []string
	for i := range 23 {
		code, _, err := s.AddCode(ctx, token, now.Add(time.Duration(i)*time.Millisecond))
		require.NoError(t, err)
		codes = append(codes, code)
	}
	for i, code := range codes {
		_, _, _, err := s.SignIn(ctx, code, now.Add(time.Second))
		if i < 3 {
			require.ErrorIs(t, err, state.ErrNotFound, i)
		} else {
			require.NoError(t, err, i)
		}
	}
	_, _, _, err = s.SignIn(ctx, bobs, now)
	require.NoError(t, err)
}

// Of the clips of a user that have failed the newest are kept.
func FailedClipsAreFew(t *testing.T, open func() *state.Store) {
	ctx, s, now := t.Context(), open(), time.Now().UTC()
	add := func(id, owner string, to api.ClipState, second int) {
		c := state.Clip{ID: id, Identity: owner, Room: "den", State: api.ClipWaiting,
			Created: now.Add(time.Duration(second) * time.Second)}
		ok, err := s.AddClip(ctx, c, 9)
		require.NoError(t, err)
		require.True(t, ok)
		c.State = to
		require.NoError(t, s.FinishClip(ctx, c))
	}
	add("good", "alice", api.ClipReady, -2)
	add("bobs", "bob", api.ClipFailed, -1)
	for i := range 103 {
		add("bad"+strconv.Itoa(i), "alice", api.ClipFailed, i)
	}
	list, err := s.ClipsOf(ctx, "alice", now.Add(time.Hour), 999)
	require.NoError(t, err)
	require.Equal(t, 101, len(list))
	require.Equal(t, []string{"bad102", "bad3", "good"}, []string{list[0].ID, list[99].ID, list[100].ID})
	gone, err := s.DeletedClips(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"bad0", "bad1", "bad2"}, gone)
	_, err = s.Clip(ctx, "bobs")
	require.NoError(t, err)
}

// Of the wishes of a replay that were granted the newest are kept.
func AllowedAsksAreFew(t *testing.T, open func() *state.Store) {
	ctx, s := t.Context(), open()
	r, _ := newReplay(t, s)
	add := func(id string, is state.AskState, second int) {
		ok, err := s.AddAsk(ctx, state.Ask{ID: id, ReplayID: r.ID, LinkID: "l", State: is,
			Created: r.Created.Add(time.Duration(second) * time.Millisecond)}, 9999, 9999)
		require.NoError(t, err)
		require.True(t, ok)
	}
	add("waits", state.Asked, 0)
	for i := range 503 {
		add(strconv.Itoa(i), state.Allowed, i)
	}
	for id, kept := range map[string]bool{"waits": true, "0": false, "2": false, "3": true, "502": true} {
		_, err := s.Ask(ctx, r.ID, id)
		require.Equal(t, kept, err == nil, "%s: %v", id, err)
	}
}
