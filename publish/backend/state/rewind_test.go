package state

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
)

// newReplay adds a replay of alice's with a recording.
func newReplay(t *testing.T, s *Store) (Replay, Recording) {
	t.Helper()
	now := time.Now().UTC()
	r := Replay{ID: NewID(), Identity: "alice", Room: "den", Created: now}
	require.NoError(t, s.AddReplay(t.Context(), r))
	rec := Recording{ID: NewID(), ReplayID: r.ID, EgressID: NewID(), VideoTrack: "TR_v", State: api.StateActive,
		Created: now}
	require.NoError(t, s.AddRecording(t.Context(), rec))
	return r, rec
}

// A watch link opens its replay alone, until it is revoked, expires, or the last token of its owner is revoked.
func TestWatchLinks(t *testing.T) { onBoth(t, watchLinks) }

func watchLinks(t *testing.T, open func() *Store) {
	s, ctx := open(), t.Context()
	r, _ := newReplay(t, s)
	other, _ := newReplay(t, s)
	token, _, err := s.CreateToken(ctx, "alice", "*")
	require.NoError(t, err)
	later := time.Now().Add(time.Hour)
	l, secret, ok, err := s.AddWatchLink(ctx, r.ID, "alice", api.ClipsAsk, later, 2)
	require.NoError(t, err)
	require.True(t, ok)
	got, err := s.WatchLinkWith(ctx, r.ID, secret)
	require.NoError(t, err)
	require.Equal(t, l, got)
	_, err = s.WatchLinkWith(ctx, other.ID, secret)
	require.ErrorIs(t, err, ErrNotFound)
	_, old, ok, err := s.AddWatchLink(ctx, r.ID, "alice", api.ClipsAnyone, time.Now().Add(-time.Second), 2)
	require.NoError(t, err)
	require.True(t, ok)
	_, err = s.WatchLinkWith(ctx, r.ID, old)
	require.ErrorIs(t, err, ErrNotFound)
	_, _, ok, err = s.AddWatchLink(ctx, r.ID, "alice", api.ClipsAnyone, later, 2)
	require.NoError(t, err)
	require.False(t, ok, "more than may be")
	require.NoError(t, s.DeleteExpiredLinks(ctx))
	list, err := s.WatchLinks(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, []WatchLink{l}, list)

	a := Ask{ID: NewID(), ReplayID: r.ID, LinkID: l.ID, Asker: "a viewer", State: Asked, Title: "x", From: r.Created,
		To: r.Created.Add(time.Second), Created: time.Now().UTC()}
	ok, err = s.AddAsk(ctx, a, 1)
	require.NoError(t, err)
	require.True(t, ok)
	require.ErrorIs(t, s.DeleteWatchLink(ctx, other.ID, l.ID), ErrNotFound)
	require.NoError(t, s.DeleteWatchLink(ctx, r.ID, l.ID))
	_, err = s.WatchLinkWith(ctx, r.ID, secret)
	require.ErrorIs(t, err, ErrNotFound)
	_, err = s.Ask(ctx, r.ID, a.ID)
	require.ErrorIs(t, err, ErrNotFound, "a wish outlives its link")

	_, secret, _, err = s.AddWatchLink(ctx, r.ID, "alice", api.ClipsAsk, later, 2)
	require.NoError(t, err)
	require.NoError(t, s.RevokeToken(ctx, token.ID))
	_, err = s.WatchLinkWith(ctx, r.ID, secret)
	require.ErrorIs(t, err, ErrNotFound)
}

// Wishes are granted once and in time, and only so many wait.
func TestAsks(t *testing.T) { onBoth(t, asks) }

func asks(t *testing.T, open func() *Store) {
	s, ctx := open(), t.Context()
	r, _ := newReplay(t, s)
	add := func(created time.Time) (Ask, bool) {
		t.Helper()
		a := Ask{ID: NewID(), ReplayID: r.ID, LinkID: "l", Asker: "a viewer", State: Asked, From: r.Created,
			To: r.Created.Add(time.Second), Created: created.UTC()}
		ok, err := s.AddAsk(ctx, a, 2)
		require.NoError(t, err)
		return a, ok
	}
	late, ok := add(time.Now().Add(-(api.AskSeconds + 1) * time.Second))
	require.True(t, ok)
	require.True(t, late.Over(time.Now()))
	one, ok := add(time.Now())
	require.True(t, ok)
	two, ok := add(time.Now())
	require.True(t, ok)
	_, ok = add(time.Now())
	require.False(t, ok, "more than may be")
	list, err := s.Asks(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, []Ask{one, two}, list)
	list, err = s.AllAsks(ctx)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.NoError(t, s.Decide(ctx, one.ID, Allowed))
	require.ErrorIs(t, s.Decide(ctx, one.ID, Denied), ErrNotFound)
	require.ErrorIs(t, s.Decide(ctx, late.ID, Allowed), ErrNotFound)
	got, err := s.Ask(ctx, r.ID, one.ID)
	require.NoError(t, err)
	require.Equal(t, Allowed, got.State)

	clip := Clip{ID: one.ID, ReplayID: r.ID, Identity: "alice", Room: "den", State: api.ClipWaiting, Asked: time.Second,
		Pressed: one.To, Created: time.Now().UTC(), Title: "x", Asker: "a viewer"}
	ok, err = s.AddClip(ctx, clip, 10)
	require.NoError(t, err)
	require.True(t, ok)
	same, err := s.Clip(ctx, clip.ID)
	require.NoError(t, err)
	require.Equal(t, clip, same)
	for range 2 {
		require.NoError(t, s.LinkAsked(ctx, one.ID, "alice", "secret", time.Now().Add(time.Hour)))
	}
	links, err := s.Links(ctx, one.ID)
	require.NoError(t, err)
	require.Len(t, links, 1)
	_, err = s.LinkWith(ctx, "secret")
	require.NoError(t, err)
}

// A pause lasts from the earliest begin to the first end, and is what it is after a restart.
func TestPauses(t *testing.T) { onBoth(t, pauses) }

func pauses(t *testing.T, open func() *Store) {
	s, ctx := open(), t.Context()
	r, _ := newReplay(t, s)
	at := func(second int) time.Time { return r.Created.Add(time.Duration(second) * time.Second) }
	require.NoError(t, s.Resume(ctx, r.ID, at(1)))
	require.NoError(t, s.Pause(ctx, r.ID, at(5)))
	require.NoError(t, s.Pause(ctx, r.ID, at(4)))
	require.NoError(t, s.Pause(ctx, r.ID, at(6)))
	list, err := open().Pauses(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, []Span{{From: at(4)}}, list)
	require.NoError(t, s.Resume(ctx, r.ID, at(8)))
	require.NoError(t, s.Resume(ctx, r.ID, at(9)))
	require.NoError(t, s.Pause(ctx, r.ID, at(10)))
	require.NoError(t, s.Resume(ctx, r.ID, at(7))) // clocks are corrected
	list, err = s.Pauses(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, []Span{{at(4), at(8)}, {at(10), at(10).Add(1)}}, list)
}

// What a playlist counts on is kept once, whoever is first.
func TestShownIsCountedOnce(t *testing.T) { onBoth(t, shownIsCountedOnce) }

func shownIsCountedOnce(t *testing.T, open func() *Store) {
	s, ctx := open(), t.Context()
	r, rec := newReplay(t, s)
	for _, n := range []int{0, 7} {
		got, err := s.ShutRecording(ctx, rec.ID, n)
		require.NoError(t, err)
		require.Zero(t, got)
	}
	for _, late := range []time.Duration{3, 9} {
		got, err := s.KeepLate(ctx, rec.ID, late)
		require.NoError(t, err)
		require.Equal(t, time.Duration(3), got)
	}
	require.NoError(t, s.CountRecording(ctx, rec.ID, Shown{5, 2, 3 * time.Second}))
	require.NoError(t, s.CountRecording(ctx, rec.ID, Shown{1, 1, time.Second}))
	got, err := s.Replay(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, Shown{6, 3, 3 * time.Second}, got.Pruned)
	list, err := s.Recordings(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, 1, list[0].Shut)
	require.ErrorIs(t, s.CountRecording(ctx, "none", Shown{}), ErrNotFound)
}
