package statetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Who sees a few rooms gets all that is in them, however much there is in others, by looks into an index and not at
// what others have.
func RoomsAreListedByThemselves(t *testing.T, open func() *state.Store) {
	ctx := t.Context()
	s := open()
	now := time.Now().UTC().Truncate(time.Microsecond)
	add := func(identity, room string, age int) {
		ok, err := s.AddClip(ctx, state.Clip{ID: state.NewID(), ReplayID: "r", Identity: identity, Room: room,
			State: api.ClipWaiting, Created: now.Add(-time.Duration(age) * time.Minute)}, 1000)
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, s.AddJob(ctx, state.Job{ID: state.NewID(), Identity: identity, EgressID: state.NewID(),
			State:   api.StateEnded,
			Created: now.Add(-time.Duration(age) * time.Minute), Fingerprint: state.NewID(),
			Request: api.RecordingRequest{RoomName: room}}))
	}
	for i := range 100 {
		add("bob", "other", i)
	}
	add("bob", "team-a", 200)
	add("carol", "team-b", 150)
	add("alice", "team-b", 170)
	add("alice", "elsewhere", 160)
	in := func(room string) bool { return strings.HasPrefix(room, "team-") }
	var got, takes []string
	clips, err := s.ClipsIn(ctx, in, "alice", now.Add(time.Hour), 10)
	require.NoError(t, err)
	for _, c := range clips {
		got = append(got, c.Identity+" "+c.Room)
	}
	want := []string{"carol team-b", "alice elsewhere", "alice team-b", "bob team-a"}
	require.Equal(t, want, got)
	recordings, err := s.JobsIn(ctx, in, "alice", 10)
	require.NoError(t, err)
	for _, r := range recordings {
		takes = append(takes, r.Identity+" "+r.Request.RoomName)
	}
	require.Equal(t, want, takes)
	clips, err = s.ClipsIn(ctx, in, "alice", now.Add(-165*time.Minute), 1)
	require.NoError(t, err)
	require.Len(t, clips, 1)
	require.Equal(t, "alice", clips[0].Identity)
}
