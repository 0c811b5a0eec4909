package state

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
)

func TestRoomsAreListedByThemselves(t *testing.T) { onBoth(t, listsRooms) }

// Who sees a few rooms gets all that is in them, however much there is in others, by looks into an index and not at
// what others have.
func listsRooms(t *testing.T, open func() *Store) {
	ctx := t.Context()
	s := open()
	now := time.Now().UTC().Truncate(time.Microsecond)
	add := func(identity, room string, age int) {
		ok, err := s.AddClip(ctx, Clip{ID: NewID(), ReplayID: "r", Identity: identity, Room: room, State: api.ClipWaiting,
			Created: now.Add(-time.Duration(age) * time.Minute)}, 1000)
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, s.AddJob(ctx, Job{ID: NewID(), Identity: identity, EgressID: NewID(), State: api.StateEnded,
			Created: now.Add(-time.Duration(age) * time.Minute), Fingerprint: NewID(), Request: api.RecordingRequest{RoomName: room}}))
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
	if s.db.postgres {
		return // its planner reads small tables whole
	}
	for query, args := range map[string][]any{clipsInRoom: {"team-a", 1, 1}, jobsInRoom: {"team-a", 1},
		"SELECT min(room) FROM clips WHERE room > ?": {"a"}, "SELECT min(room) FROM takes WHERE room > ?": {"a"}} {
		plan, err := all(ctx, s, func(r scanner) (string, error) {
			var id, parent, unused int
			var detail string
			return detail, r.Scan(&id, &parent, &unused, &detail)
		}, "EXPLAIN QUERY PLAN "+query, args...)
		require.NoError(t, err)
		require.Regexp(t, "SEARCH .* USING .*INDEX (clips|takes)_room", fmt.Sprint(plan))
	}
}
