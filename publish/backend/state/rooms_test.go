package state

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// What there is in a room is found by looks into an index, not at what others have.
func TestRoomsAreListedFromAnIndex(t *testing.T) {
	ctx := t.Context()
	s, err := Open(ctx, t.TempDir())
	require.NoError(t, err)
	defer s.Close()
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
