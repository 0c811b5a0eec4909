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

// With the last token that manages end the links that it has made to what is others', and what waits through them.
func RevokedManagersLinksEnd(t *testing.T, open func() *state.Store) {
	ctx, s, later := t.Context(), open(), time.Now().Add(time.Hour)
	boss, _, err := s.CreateToken(ctx, "boss", "", state.Manage)
	require.NoError(t, err)
	spare, _, err := s.CreateToken(ctx, "boss", "den", state.Publish, state.Manage)
	require.NoError(t, err)
	_, _, err = s.CreateToken(ctx, "boss", "", state.Publish)
	require.NoError(t, err)
	r, _ := newReplay(t, s)
	_, err = s.AddClip(ctx, state.Clip{ID: "clip", Identity: "alice", State: api.ClipWaiting, Created: time.Now()}, 9)
	require.NoError(t, err)
	type made struct{ link, watch, ask string }
	by := map[string]made{}
	for _, who := range []string{"boss", "alice"} {
		_, link, _, err := s.AddLink(ctx, "clip", who, later, 9)
		require.NoError(t, err)
		l, watch, _, err := s.AddWatchLink(ctx, r.ID, who, api.ClipsAsk, later, 9)
		require.NoError(t, err)
		_, err = s.AddAsk(ctx, state.Ask{ID: who, ReplayID: r.ID, LinkID: l.ID, State: state.Asked,
			Created: time.Now()}, 9, 9)
		require.NoError(t, err)
		by[who] = made{link, watch, who}
	}
	works := func(m made) []bool {
		_, link := s.LinkWith(ctx, m.link)
		_, watch := s.WatchLinkWith(ctx, r.ID, m.watch)
		_, ask := s.Ask(ctx, r.ID, m.ask)
		return []bool{link == nil, watch == nil, ask == nil}
	}
	require.Equal(t, []bool{true, true, true}, works(by["boss"]))
	_, err = s.AddClip(ctx, state.Clip{ID: "own", Identity: "boss", State: api.ClipWaiting, Created: time.Now()}, 9)
	require.NoError(t, err)
	_, own, _, err := s.AddLink(ctx, "own", "boss", later, 9)
	require.NoError(t, err)
	require.NoError(t, s.AddReplay(ctx, state.Replay{ID: "own", Identity: "boss", Room: "den", Created: time.Now()}))
	_, ownWatch, _, err := s.AddWatchLink(ctx, "own", "boss", api.ClipsAsk, later, 9)
	require.NoError(t, err)
	require.NoError(t, s.RevokeToken(ctx, boss.ID))
	require.Equal(t, []bool{true, true, true}, works(by["boss"]), "another token manages")
	require.NoError(t, s.RevokeToken(ctx, spare.ID))
	_, err = s.LinkWith(ctx, own)
	require.NoError(t, err, "the user still has a token, and may share what is his own")
	_, err = s.WatchLinkWith(ctx, "own", ownWatch)
	require.NoError(t, err)
	require.Equal(t, []bool{false, false, false}, works(by["boss"]))
	require.Equal(t, []bool{true, true, true}, works(by["alice"]))
}

// All that opens the server without a user's token ends, and with it what was asked for through it; tokens stay.
func SharedIsRevoked(t *testing.T, open func() *state.Store) {
	ctx, s, now := t.Context(), open(), time.Now()
	token, secret, err := s.CreateToken(ctx, "alice", "")
	require.NoError(t, err)
	r, _ := newReplay(t, s)
	_, err = s.AddClip(ctx, state.Clip{ID: "clip", Identity: "alice", State: api.ClipWaiting, Created: now}, 9)
	require.NoError(t, err)
	_, link, _, err := s.AddLink(ctx, "clip", "alice", now.Add(time.Hour), 9)
	require.NoError(t, err)
	l, watch, _, err := s.AddWatchLink(ctx, r.ID, "alice", api.ClipsAsk, now.Add(time.Hour), 9)
	require.NoError(t, err)
	_, err = s.AddAsk(ctx, state.Ask{ID: "ask", ReplayID: r.ID, LinkID: l.ID, State: state.Asked, Created: now}, 9, 9)
	require.NoError(t, err)
	used, _, err := s.AddCode(ctx, token, now)
	require.NoError(t, err)
	_, cookie, _, err := s.SignIn(ctx, used, now)
	require.NoError(t, err)
	code, _, err := s.AddCode(ctx, token, now)
	require.NoError(t, err)
	_, invitation, err := s.Invite(ctx, "bob", "*", now.Add(time.Hour))
	require.NoError(t, err)
	done, err := s.RevokeShared(ctx)
	require.NoError(t, err)
	require.Equal(t, state.Revoked{Links: 2, SignIns: 2, Invitations: 1}, done)
	for what, opens := range map[string]func() error{
		"link":       func() error { _, err := s.LinkWith(ctx, link); return err },
		"watch link": func() error { _, err := s.WatchLinkWith(ctx, r.ID, watch); return err },
		"wish":       func() error { _, err := s.Ask(ctx, r.ID, "ask"); return err },
		"session":    func() error { _, _, err := s.Session(ctx, cookie, now); return err },
		"code":       func() error { _, _, _, err := s.SignIn(ctx, code, now); return err },
		"invitation": func() error { _, _, err := s.Accept(ctx, invitation); return err },
	} {
		require.ErrorIs(t, opens(), state.ErrNotFound, what)
	}
	_, err = s.Authenticate(ctx, secret)
	require.NoError(t, err)
	done, err = s.RevokeShared(ctx)
	require.NoError(t, err)
	require.Zero(t, done)
}
