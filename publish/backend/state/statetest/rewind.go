package statetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// newReplay adds a replay of alice's with a recording.
func newReplay(t *testing.T, s *state.Store) (state.Replay, state.Recording) {
	t.Helper()
	now := time.Now().UTC()
	r := state.Replay{ID: state.NewID(), Identity: "alice", Room: "den", Created: now}
	require.NoError(t, s.AddReplay(t.Context(), r))
	rec := state.Recording{ID: state.NewID(), ReplayID: r.ID, EgressID: state.NewID(), VideoTrack: "TR_v",
		State:   api.StateActive,
		Created: now}
	require.NoError(t, s.AddRecording(t.Context(), rec))
	return r, rec
}

// A watch link opens its replay alone, until it is revoked, expires, or the last token of its owner is revoked.
func WatchLinks(t *testing.T, open func() *state.Store) {
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
	require.ErrorIs(t, err, state.ErrNotFound)
	_, old, ok, err := s.AddWatchLink(ctx, r.ID, "alice", api.ClipsAnyone, time.Now().Add(-time.Second), 2)
	require.NoError(t, err)
	require.True(t, ok)
	_, err = s.WatchLinkWith(ctx, r.ID, old)
	require.ErrorIs(t, err, state.ErrNotFound)
	_, _, ok, err = s.AddWatchLink(ctx, r.ID, "alice", api.ClipsAnyone, later, 2)
	require.NoError(t, err)
	require.False(t, ok, "more than may be")
	require.NoError(t, s.DeleteExpiredLinks(ctx))
	list, err := s.WatchLinks(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, []state.WatchLink{l}, list)

	a := state.Ask{ID: state.NewID(), ReplayID: r.ID,
		LinkID: l.ID, Asker: "a viewer", State: state.Asked, Title: "x", From: r.Created,
		To: r.Created.Add(time.Second), Created: time.Now().UTC()}
	ok, err = s.AddAsk(ctx, a, 1, 9)
	require.NoError(t, err)
	require.True(t, ok)
	require.ErrorIs(t, s.DeleteWatchLink(ctx, other.ID, l.ID), state.ErrNotFound)
	require.NoError(t, s.DeleteWatchLink(ctx, r.ID, l.ID))
	_, err = s.WatchLinkWith(ctx, r.ID, secret)
	require.ErrorIs(t, err, state.ErrNotFound)
	_, err = s.Ask(ctx, r.ID, a.ID)
	require.ErrorIs(t, err, state.ErrNotFound, "a wish outlives its link")

	_, secret, _, err = s.AddWatchLink(ctx, r.ID, "alice", api.ClipsAsk, later, 2)
	require.NoError(t, err)
	require.NoError(t, s.RevokeToken(ctx, token.ID))
	_, err = s.WatchLinkWith(ctx, r.ID, secret)
	require.ErrorIs(t, err, state.ErrNotFound)
}

// Wishes are granted once and in time, and only so many wait.
func Asks(t *testing.T, open func() *state.Store) {
	s, ctx := open(), t.Context()
	r, _ := newReplay(t, s)
	add := func(created time.Time) (state.Ask, bool) {
		t.Helper()
		a := state.Ask{ID: state.NewID(), ReplayID: r.ID,
			LinkID: "l", Asker: "a viewer", State: state.Asked, From: r.Created,
			To: r.Created.Add(time.Second), Created: created.UTC()}
		ok, err := s.AddAsk(ctx, a, 2, 9)
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
	for asker, place := range map[string]bool{"a viewer": false, "another": true} {
		a := one
		a.ID, a.Asker = state.NewID(), asker
		ok, err := s.AddAsk(ctx, a, 9, 2)
		require.NoError(t, err)
		require.Equal(t, place, ok, asker)
		if ok {
			require.NoError(t, s.Deny(ctx, a.ID))
		}
	}
	list, err := s.Asks(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, []state.Ask{one, two}, list)
	list, err = s.AllAsks(ctx)
	require.NoError(t, err)
	require.Len(t, list, 2)
	clip := state.Clip{ID: one.ID, ReplayID: r.ID, Identity: "alice", Room: "den",
		State: api.ClipWaiting, Asked: time.Second,
		Pressed: one.To, Created: time.Now().UTC(), Title: "x", Asker: "a viewer"}
	ok, err = s.Allow(ctx, clip, 0)
	require.NoError(t, err)
	require.False(t, ok, "there is no place for its clip")
	list, err = s.Asks(ctx, r.ID)
	require.NoError(t, err)
	require.Len(t, list, 2, "so it goes on waiting")
	ok, err = s.Allow(ctx, clip, 10)
	require.NoError(t, err)
	require.True(t, ok)
	require.ErrorIs(t, s.Deny(ctx, one.ID), state.ErrNotFound)
	require.NoError(t, s.Deny(ctx, two.ID))
	_, err = s.Allow(ctx, state.Clip{ID: late.ID, Identity: "alice"}, 10)
	require.ErrorIs(t, err, state.ErrNotFound)
	got, err := s.Ask(ctx, r.ID, one.ID)
	require.NoError(t, err)
	require.Equal(t, state.Allowed, got.State)
	made, err := s.AllowedAsks(ctx, r.ID, one.Created.Add(-time.Second))
	require.NoError(t, err)
	require.Equal(t, []state.Ask{got}, made)
	made, err = s.AllowedAsks(ctx, r.ID, one.Created)
	require.NoError(t, err)
	require.Empty(t, made)

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

// A clip that is allowed at once and its wish are kept together: of a clip without a wish nobody would hear.
func AllowedAtOnce(t *testing.T, open func() *state.Store) {
	s, ctx := open(), t.Context()
	r, _ := newReplay(t, s)
	add := func(id string, limit int) (bool, error) {
		now := time.Now().UTC()
		a := state.Ask{ID: id, ReplayID: r.ID, LinkID: "l", State: state.Allowed, From: now.Add(-time.Second), To: now,
			Created: now}
		_, ok, err := s.AddAllowed(ctx, a, state.Clip{ID: id, ReplayID: r.ID, Identity: "alice", State: api.ClipWaiting,
			Asked: time.Second, Pressed: now, Created: now}, limit, time.Hour)
		return ok, err
	}
	kept := func(id string) []bool {
		_, noAsk := s.Ask(ctx, r.ID, id)
		_, noClip := s.Clip(ctx, id)
		return []bool{noAsk == nil, noClip == nil}
	}
	ok, err := add("one", 1)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, []bool{true, true}, kept("one"))
	ok, err = add("two", 1)
	require.NoError(t, err)
	require.False(t, ok, "there is no place for its clip")
	require.Equal(t, []bool{false, false}, kept("two"))

	// Two wishes with one id stand for a database that fails in between.
	_, err = s.AddAsk(ctx, state.Ask{ID: "three", ReplayID: r.ID, State: state.Denied, Created: time.Now()}, 9, 9)
	require.NoError(t, err)
	_, err = add("three", 9)
	require.Error(t, err)
	require.Equal(t, []bool{true, false}, kept("three"))
}

// A pause lasts from the earliest begin to the first end, and is what it is after a restart.
func Pauses(t *testing.T, open func() *state.Store) {
	s, ctx := open(), t.Context()
	r, _ := newReplay(t, s)
	at := func(second int) time.Time { return r.Created.Add(time.Duration(second) * time.Second) }
	require.NoError(t, s.Resume(ctx, r.ID, at(1)))
	require.NoError(t, s.Pause(ctx, r.ID, at(5)))
	require.NoError(t, s.Pause(ctx, r.ID, at(4)))
	require.NoError(t, s.Pause(ctx, r.ID, at(6)))
	list, err := open().Pauses(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, []state.Span{{From: at(4)}}, list)
	require.NoError(t, s.Resume(ctx, r.ID, at(8)))
	require.NoError(t, s.Resume(ctx, r.ID, at(9)))
	require.NoError(t, s.Pause(ctx, r.ID, at(10)))
	require.NoError(t, s.Resume(ctx, r.ID, at(7)))
	list, err = s.Pauses(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, []state.Span{{From: at(4), To: at(8)}, {From: at(10)}}, list)
}

// Whatever comes late or twice, what was paused stays so.
func PausesInAnyOrder(t *testing.T, open func() *state.Store) {
	s, ctx := open(), t.Context()
	for name, c := range map[string]struct {
		calls []int // seconds: of a pause, or less than zero of a resume
		list  [][2]int
	}{
		"in order":                                {[]int{5, -8, 10}, [][2]int{{5, 8}, {10, 0}}},
		"a resume that comes twice":               {[]int{5, -8, 10, -8}, [][2]int{{5, 8}, {10, 0}}},
		"a pause that comes twice":                {[]int{5, -8, 5}, [][2]int{{5, 8}}},
		"a pause before the resume of the last":   {[]int{5, 10, -8}, [][2]int{{5, 8}, {10, 0}}},
		"the same, over":                          {[]int{5, 10, -12, -8}, [][2]int{{5, 8}, {10, 12}}},
		"an earlier end":                          {[]int{5, -8, -7}, [][2]int{{5, 8}}},
		"a resume before its pause":               {[]int{-8, 5}, [][2]int{{5, 0}}},
		"a pause from before another":             {[]int{10, -12, 5}, [][2]int{{5, 12}}},
		"the same with its resume":                {[]int{10, -12, 5, -7}, [][2]int{{5, 7}, {10, 12}}},
		"a resume from before all":                {[]int{10, -7}, [][2]int{{10, 0}}},
		"again where the last one ends":           {[]int{5, -8, 8, -8}, [][2]int{{5, 0}}},
		"a begin that comes late, and its resume": {[]int{10, 5, -12}, [][2]int{{5, 12}}},
	} {
		r, _ := newReplay(t, s)
		at := func(second int) time.Time { return r.Created.Add(time.Duration(second) * time.Second) }
		for _, second := range c.calls {
			if second < 0 {
				require.NoError(t, s.Resume(ctx, r.ID, at(-second)))
			} else {
				require.NoError(t, s.Pause(ctx, r.ID, at(second)))
			}
		}
		var list []state.Span
		for _, p := range c.list {
			span := state.Span{From: at(p[0])}
			if p[1] > 0 {
				span.To = at(p[1])
			}
			list = append(list, span)
		}
		got, err := s.Pauses(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, list, got, name)
	}
}

// Of very many pauses those closest to each other become one: what was paused stays so. Those from before all that is
// left of the replay are forgotten.
func PausesAreFew(t *testing.T, open func() *state.Store) {
	const many = 230
	s, ctx := open(), t.Context()
	r, rec := newReplay(t, s)
	begin := r.Created.Add(-4 * time.Hour)
	from := func(i int) time.Time { return begin.Add(time.Duration(i) * 20 * time.Second) }
	length := func(i int) time.Duration { return time.Duration(2+10*(i%2)) * time.Second }
	for i := range many {
		require.NoError(t, s.Pause(ctx, r.ID, from(i)))
		require.NoError(t, s.Resume(ctx, r.ID, from(i).Add(length(i))))
	}
	list, err := s.Pauses(ctx, r.ID)
	require.NoError(t, err)
	require.Len(t, list, 200)
	for i := range many {
		require.True(t, slices.ContainsFunc(list, func(p state.Span) bool {
			return !p.From.After(from(i)) && !p.To.Before(from(i).Add(length(i)))
		}), "pause %d", i)
	}
	joined := slices.DeleteFunc(slices.Clone(list), func(p state.Span) bool { return p.To.Sub(p.From) < 20*time.Second })
	require.NotEmpty(t, joined)
	for _, p := range joined {
		require.Equal(t, 22*time.Second, p.To.Sub(p.From), "eight seconds between two are the least")
	}

	next := rec
	next.ID, next.EgressID, next.Created = state.NewID(), state.NewID(), from(150).Add(time.Hour)
	require.NoError(t, s.AddRecording(ctx, next))
	require.NoError(t, s.Pause(ctx, r.ID, r.Created))
	require.NoError(t, s.DeleteRecording(ctx, rec.ID))
	require.ErrorIs(t, s.DeleteRecording(ctx, rec.ID), state.ErrNotFound)
	left, err := s.Pauses(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, from(150), left[0].From)
	require.Equal(t, state.Span{From: r.Created}, left[len(left)-1])
}

// When segments begin and end is kept once, whoever is first, as long as their recording; a clock is ahead by the most
// that anybody has seen.
func SegmentTimes(t *testing.T, open func() *state.Store) {
	s, ctx := open(), t.Context()
	_, rec := newReplay(t, s)
	_, other := newReplay(t, s)
	first := state.SegmentTime{Number: 0, First: time.Hour, End: time.Hour + 4*time.Second}
	second := state.SegmentTime{Number: 1, First: first.End, End: first.End + 4*time.Second}
	lost := state.SegmentTime{Number: 2}
	require.NoError(t, s.KeepSegmentTimes(ctx, rec.ID, []state.SegmentTime{first, lost}))
	require.NoError(t, s.KeepSegmentTimes(ctx, rec.ID, []state.SegmentTime{second, {Number: 2, First: 1, End: 2}}))
	require.NoError(t, s.KeepSegmentTimes(ctx, other.ID, []state.SegmentTime{second}))
	require.NoError(t, s.KeepSegmentTimes(ctx, "none", []state.SegmentTime{second}))
	list, err := s.SegmentTimes(ctx, rec.ID, 0)
	require.NoError(t, err)
	require.Equal(t, []state.SegmentTime{first, second, lost}, list)
	list, err = s.SegmentTimes(ctx, rec.ID, 1)
	require.NoError(t, err)
	require.Equal(t, []state.SegmentTime{second, lost}, list)
	require.NoError(t, s.DeleteRecording(ctx, rec.ID))
	list, err = s.SegmentTimes(ctx, rec.ID, 0)
	require.NoError(t, err)
	require.Empty(t, list)

	for _, ahead := range [][2]time.Duration{{7, 7}, {5, 7}, {9, 9}} {
		got, err := s.KeepAhead(ctx, other.ID, ahead[0])
		require.NoError(t, err)
		require.Equal(t, ahead[1], got)
	}
	known, err := s.Recordings(ctx, other.ReplayID)
	require.NoError(t, err)
	require.Equal(t, time.Duration(9), known[0].Ahead)
}

// What a playlist counts on is kept once, whoever is first.
func ShownIsCountedOnce(t *testing.T, open func() *state.Store) {
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
	require.NoError(t, s.CountRecording(ctx, rec.ID, state.Shown{Segments: 5, Jumps: 2, Longest: 3 * time.Second}))
	require.NoError(t, s.CountRecording(ctx, rec.ID, state.Shown{Segments: 1, Jumps: 1, Longest: time.Second}))
	got, err := s.Replay(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, state.Shown{Segments: 6, Jumps: 3, Longest: 3 * time.Second}, got.Pruned)
	list, err := s.Recordings(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, 1, list[0].Shut)
	require.ErrorIs(t, s.CountRecording(ctx, "none", state.Shown{}), state.ErrNotFound)
}
