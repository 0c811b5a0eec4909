package session_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	"github.com/hindsight-app/hindsight/publish/api"
)

// The room knows whether a replay or a recording runs, and while nothing is captured it knows that.
func TestTheRoomKnowsOfTheReplay(t *testing.T) {
	b := start(t, share)
	b.until(t, "live", in(session.Live))
	told := func(what string, fits func(api.RoomState) bool) {
		t.Helper()
		ok := wait.Until(20*time.Second, func() bool { return fits(b.engine.Publisher().Told()) })
		require.True(t, ok, "%s, but was told %+v", what, b.engine.Publisher().Told())
	}
	status := func(seconds float64, server session.ServerState) {
		b.engine.Publisher().SetStatus(session.ShareStatus{State: session.ShareLive, Recording: server,
			ServerSeconds: seconds})
	}
	is := func(want api.RoomState) func(api.RoomState) bool {
		return func(got api.RoomState) bool { return got == want }
	}
	require.NoError(t, b.SetReplay(false))
	status(0, session.ServerOff)
	told("nothing is kept", is(api.RoomState{Replay: api.ReplayOff}))
	status(37.5, session.ServerActive)
	told("what the server keeps counts, in steps while it fills", is(api.RoomState{Replay: api.ReplayOn, Seconds: 30}))
	status(1000, session.ServerActive)
	whole := b.Snapshot().Settings.Replay.Seconds
	told("no more than the length", is(api.RoomState{Replay: api.ReplayOn, Seconds: whole}))
	require.NoError(t, b.SetRecord(true))
	told("a recording", is(api.RoomState{Replay: api.ReplayOn, Seconds: whole, Recording: true}))
	require.NoError(t, b.SetPaused(true))
	told("a pause", func(s api.RoomState) bool { return s.Replay == api.ReplayPaused })

	clip, c := api.RoomClip{ClipID: "one"}, b.Snapshot().Settings.Sharing
	here := session.Place{Backend: c.BackendURL, Room: c.Room}
	require.True(t, b.SharedIn(here))
	for _, other := range []session.Place{{}, {Room: c.Room}, {Backend: c.BackendURL, Room: "another"}} {
		require.ErrorIs(t, b.Announce(clip, other, false), session.ErrElsewhere, "a clip of one room in another")
		require.False(t, b.SharedIn(other))
	}
	require.NoError(t, b.Announce(clip, here, false))
	require.Equal(t, []api.RoomClip{clip}, b.engine.Publisher().Heard())
	require.NoError(t, b.SetShare(false))
	b.until(t, "the share is over", func(s session.Snapshot) bool { return s.Share.State == session.ShareOff })
	require.ErrorIs(t, b.Announce(clip, here, false), session.ErrElsewhere)
}
