package statetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// A code signs in once, and not for long. A session ends with its token, after a time without use, and in any case
// after some days; only the newest of a user are kept.
func Sessions(t *testing.T, open func() *state.Store) {
	ctx, s, now := t.Context(), open(), time.Now()
	token, _, err := s.CreateToken(ctx, "bob", "", state.View)
	require.NoError(t, err)
	code, expires, err := s.AddCode(ctx, token, now)
	require.NoError(t, err)
	require.Equal(t, now.Add(state.CodeLife), expires)
	_, _, _, err = s.SignIn(ctx, code, now.Add(state.CodeLife))
	require.ErrorIs(t, err, state.ErrNotFound)
	begin := func() string {
		code, _, err := s.AddCode(ctx, token, now)
		require.NoError(t, err)
		_, secret, _, err := s.SignIn(ctx, strings.ToLower(code)+" ", now)
		require.NoError(t, err)
		_, _, _, err = s.SignIn(ctx, code, now)
		require.ErrorIs(t, err, state.ErrNotFound)
		return secret
	}
	is := func(secret string, after time.Duration) error {
		_, _, err := s.Session(ctx, secret, now.Add(after))
		return err
	}
	idle := begin()
	require.NoError(t, is(idle, state.SessionIdle-time.Second))
	require.NoError(t, is(idle, 2*state.SessionIdle-2*time.Second))
	require.ErrorIs(t, is(idle, 3*state.SessionIdle), state.ErrNotFound)
	long := begin()
	for at := time.Duration(0); at < state.SessionLife; at += state.SessionIdle / 2 {
		require.NoError(t, is(long, at))
	}
	require.ErrorIs(t, is(long, state.SessionLife), state.ErrNotFound)
	out := begin()
	require.NoError(t, s.SignOut(ctx, out))
	require.ErrorIs(t, is(out, 0), state.ErrNotFound)

	kept := begin()
	for n := 0; n < 100 && is(kept, 0) == nil; n++ {
		now = now.Add(time.Second)
		begin()
	}
	require.ErrorIs(t, is(kept, 0), state.ErrNotFound)
	last := begin()
	require.NoError(t, is(last, 0))
	code, _, err = s.AddCode(ctx, token, now)
	require.NoError(t, err)
	require.NoError(t, s.RevokeToken(ctx, token.ID))
	require.ErrorIs(t, is(last, 0), state.ErrNotFound)
	_, _, _, err = s.SignIn(ctx, code, now)
	require.ErrorIs(t, err, state.ErrNotFound)

	// One of an identity provider is as its token was, and ends with it.
	token = state.Token{Identity: "carol", Issuer: "https://id", ID: "1", Rooms: "d*", Scopes: []state.Scope{state.View},
		Expires: now.Add(time.Hour).UTC()}
	secret := begin()
	got, expires, err := s.Session(ctx, secret, now)
	require.NoError(t, err)
	require.Equal(t, token.Expires.UnixNano(), expires.UnixNano())
	require.Equal(t, []any{token.Owner(), token.Rooms, token.Scopes}, []any{got.Owner(), got.Rooms, got.Scopes})
	require.ErrorIs(t, is(secret, time.Hour), state.ErrNotFound)
}

// A search goes through what somebody sees and nothing else, page by page, without one twice or left out.
func FindClips(t *testing.T, open func() *state.Store) {
	ctx, s, now := t.Context(), open(), time.Now()
	for i := range 12 {
		c := state.Clip{ID: fmt.Sprintf("c%02d", i), Identity: []string{"alice", "bob"}[i%2], Room: []string{"den", "lab",
			"dojo"}[i%3], State: api.ClipReady, Created: now.Add(time.Duration(-i/2) * time.Second), Title: "x"}
		require.NoError(t, s.Restore(ctx, state.Note{Clip: &c}, &state.Restored{}))
	}
	find := func(q state.ClipQuery) (found []string) {
		for {
			clips, next, err := s.FindClips(ctx, q)
			require.NoError(t, err)
			require.LessOrEqual(t, len(clips), q.Limit)
			for _, c := range clips {
				found = append(found, c.ID)
			}
			if next == "" {
				return found
			}
			q.After = next
		}
	}
	inDen := func(room string) bool { return room == "den" }
	for limit := 1; limit < 13; limit += 3 {
		require.Len(t, find(state.ClipQuery{All: true, Limit: limit}), 12)
		require.Equal(t, []string{"c00", "c02", "c04", "c06", "c08", "c10"},
			find(state.ClipQuery{Owner: "alice", Limit: limit}))
		require.Equal(t, []string{"c00", "c01", "c03", "c05", "c06", "c07", "c09", "c11"},
			find(state.ClipQuery{Owner: "bob", In: inDen, Limit: limit}))
		require.Equal(t, []string{"c00", "c03"}, find(state.ClipQuery{Owner: "carol", In: inDen, Limit: limit,
			Since: now.Add(-time.Second)}))
		require.Equal(t, []string{"c04"}, find(state.ClipQuery{All: true, Limit: limit,
			Match: func(c state.Clip) bool { return c.ID == "c04" }}))
		require.Empty(t, find(state.ClipQuery{Owner: "carol", In: func(string) bool { return false }, Limit: limit}))
	}
	require.NoError(t, s.SetPoster(ctx, "c01", []byte("x")))
	posters, err := s.Posters(ctx, []string{"c00", "c01", "c02"})
	require.NoError(t, err)
	require.Equal(t, map[string]bool{"c01": true}, posters)
	_, _, _, err = s.AddLink(ctx, "c02", "alice", now.Add(time.Hour), 9)
	require.NoError(t, err)
	_, _, _, err = s.AddLink(ctx, "c04", "alice", now.Add(-time.Hour), 9)
	require.NoError(t, err)
	links, err := s.ClipLinksOf(ctx, "alice", 0, 9)
	require.NoError(t, err)
	require.Len(t, links, 1)
	require.Equal(t, []string{"c02", "x"}, []string{links[0].ClipID, links[0].Clip.Title})
	for id, is := range map[string]api.State{"runs": api.StateActive, "ended": api.StateEnded} {
		require.NoError(t, s.AddReplay(ctx, state.Replay{ID: id, Identity: "alice", Room: "den", Created: now}))
		require.NoError(t, s.AddRecording(ctx, state.Recording{ID: id, ReplayID: id, EgressID: id, State: is, Created: now}))
	}
	for who, until := range map[string]time.Time{"bob": now.Add(time.Hour), "alice": now.Add(-time.Hour)} {
		_, _, _, err = s.AddWatchLink(ctx, "runs", who, api.ClipsAsk, until, 9)
		require.NoError(t, err)
	}
	watch, err := s.WatchLinksOf(ctx, "alice", 9)
	require.NoError(t, err)
	require.Len(t, watch, 1)
	require.Equal(t, "bob", watch[0].Identity, "it is one to alice's replay")
	running, err := s.RunningReplays(ctx, 9)
	require.NoError(t, err)
	require.Len(t, running, 1)
	require.Equal(t, "runs", running[0].ID)
}

// A search over many clips reads them in pieces, and keeps nobody waiting for the database.
func FindClipsKeepsNobodyWaiting(t *testing.T, open func() *state.Store) {
	const clips = 1200 // more than two pieces
	ctx, s, now := t.Context(), open(), time.Now()
	for i := range clips {
		c := state.Clip{ID: fmt.Sprintf("c%04d", i), Identity: "alice", Room: "den", State: api.ClipReady,
			Created: now.Add(time.Duration(-i/7) * time.Second)}
		require.NoError(t, s.Restore(ctx, state.Note{Clip: &c}, &state.Restored{}))
	}
	calls, last := 0, ""
	found, next, err := s.FindClips(ctx, state.ClipQuery{Owner: "alice", Limit: clips, Match: func(c state.Clip) bool {
		require.Greater(t, c.ID, last)
		last = c.ID
		calling, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		got, err := s.Clip(calling, c.ID)
		require.NoError(t, err)
		require.Equal(t, c, got)
		calls++
		return calls%2 == 0
	}})
	require.NoError(t, err)
	require.Equal(t, []any{clips / 2, clips, ""}, []any{len(found), calls, next})
	// So does one through clips of others.
	inDen := func(room string) bool { return room == "den" }
	found, next, err = s.FindClips(ctx, state.ClipQuery{Owner: "bob", In: inDen, Limit: clips - 1})
	require.NoError(t, err)
	require.Equal(t, clips-1, len(found))
	require.NotEmpty(t, next)
	require.True(t, slices.IsSortedFunc(found, func(a, b state.Clip) int { return strings.Compare(a.ID, b.ID) }))
	found, next, err = s.FindClips(ctx, state.ClipQuery{Owner: "bob", In: inDen, Limit: clips, After: next})
	require.NoError(t, err)
	require.Equal(t, []any{1, "c1199", ""}, []any{len(found), found[0].ID, next})
}
