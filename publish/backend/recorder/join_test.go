package recorder

import (
	"testing"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/require"
)

// With the token to join a room one can publish screen and sound and tell the room of the replay, and do nothing else.
func TestJoinGrantsNoMoreThanSharing(t *testing.T) {
	l := New(Options{URL: "ws://127.0.0.1:1", APIKey: "key", APISecret: "a secret that is long enough for HS256"})
	text, err := l.Join("den", "alice+hindsight-1", "alice", time.Minute)
	require.NoError(t, err)
	v, err := auth.ParseAPIToken(text)
	require.NoError(t, err)
	_, grants, err := v.Verify(l.o.APISecret)
	require.NoError(t, err)
	g := grants.Video
	require.True(t, g.RoomJoin)
	require.Equal(t, "den", g.Room)
	require.True(t, g.GetCanPublish())
	require.True(t, g.GetCanPublishData())
	require.True(t, g.GetCanUpdateOwnMetadata())
	require.False(t, g.GetCanSubscribe())
	require.Equal(t, []livekit.TrackSource{livekit.TrackSource_SCREEN_SHARE, livekit.TrackSource_SCREEN_SHARE_AUDIO},
		g.GetCanPublishSources())
	require.False(t, g.RoomRecord || g.RoomAdmin || g.RoomCreate || g.RoomList)
}
