package stack

import (
	"context"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/require"
)

// Two servers run at once beside one Redis, and a participant joins a room on each over loopback.
func TestTwoLiveKitServersAtOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	redis, err := StartRedis(ctx, t.TempDir())
	require.NoError(t, err)
	defer redis.Close()
	for _, addr := range []string{redis.Addr, ""} {
		lk, err := StartLiveKit(ctx, t.TempDir(), LiveKitOptions{RedisAddr: addr})
		require.NoError(t, err)
		defer lk.Close()
		room, err := lksdk.ConnectToRoom(lk.URL, lksdk.ConnectInfo{
			APIKey: lk.APIKey, APISecret: lk.APISecret, RoomName: "a", ParticipantIdentity: "one",
		}, lksdk.NewRoomCallback())
		require.NoError(t, err)
		rooms := lksdk.NewRoomServiceClient(lk.HTTPURL, lk.APIKey, lk.APISecret)
		list, err := rooms.ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: "a"})
		require.NoError(t, err)
		require.Len(t, list.Participants, 1)
		room.Disconnect()
	}
}
