package recorder

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
)

// The real egress records exactly the two tracks as Track Composite, and refuses what is not the participant's.
func TestTrackCompositeOnRealStack(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	redis, err := stack.StartRedis(ctx, t.TempDir())
	require.NoError(t, err)
	defer redis.Close()
	lk, err := stack.StartLiveKit(ctx, t.TempDir(), stack.LiveKitOptions{RedisAddr: redis.Addr})
	require.NoError(t, err)
	defer lk.Close()
	egress, err := stack.StartEgress(ctx, t.TempDir(), stack.EgressOptions{RedisAddr: redis.Addr, LiveKit: lk})
	require.NoError(t, err)
	defer func() {
		egress.Close()
		if t.Failed() {
			t.Logf("the recorder's last words:\n%s", egress.Tail(3000))
		}
	}()

	r := New(Options{URL: lk.URL, APIKey: lk.APIKey, APISecret: lk.APISecret})
	require.NoError(t, r.Ping(ctx))
	loop, err := backendtest.NewLoop(ctx, t.TempDir(), 1280, 720, 30)
	require.NoError(t, err)
	token, err := r.Join("room", "alice+hindsight", "Alice", time.Minute)
	require.NoError(t, err)
	pub, err := backendtest.Publish(lk.URL, token, loop)
	require.NoError(t, err)
	defer pub.Close()

	folder := t.TempDir()
	req := Request{Room: "room", Identities: []string{"alice", "alice+hindsight"}, VideoTrack: pub.VideoID,
		AudioTrack: pub.AudioID, Folder: folder}
	for name, wrong := range map[string]func(*Request){
		"other identity": func(r *Request) { r.Identities = []string{"bob"} },
		"swapped kinds":  func(r *Request) { r.VideoTrack, r.AudioTrack = r.AudioTrack, r.VideoTrack },
		"no such track":  func(r *Request) { r.AudioTrack = "TR_none" },
		"no such room":   func(r *Request) { r.Room = "elsewhere" },
	} {
		bad := req
		wrong(&bad)
		_, err := r.Start(ctx, bad)
		require.Truef(t, errors.Is(err, ErrTrack) || errors.Is(err, ErrForeign), "%s: %v", name, err)
	}

	s, err := r.Start(ctx, req)
	require.NoError(t, err)
	require.Equal(t, api.StateStarting, s.State)
	playlist := filepath.Join(folder, Playlist)
	require.Eventually(t, func() bool {
		b, _ := os.ReadFile(playlist)
		return strings.Count(string(b), "#EXTINF") >= 2
	}, 90*time.Second, 100*time.Millisecond, "two segments in the playlist")
	s, err = r.Status(ctx, s.EgressID)
	require.NoError(t, err)
	require.Equal(t, api.StateActive, s.State)
	require.False(t, s.Began.IsZero())

	list, err := r.egress.ListEgress(ctx, &livekit.ListEgressRequest{EgressId: s.EgressID})
	require.NoError(t, err)
	composite := list.Items[0].GetTrackComposite()
	require.NotNil(t, composite, "the egress is not of type Track Composite")
	require.Equal(t, pub.VideoID, composite.VideoTrackId)
	require.Equal(t, pub.AudioID, composite.AudioTrackId)

	writing, err := r.Writing(ctx, filepath.Base(folder))
	require.NoError(t, err)
	require.Equal(t, []string{s.EgressID}, writing)
	writing, err = r.Writing(ctx, "other")
	require.NoError(t, err)
	require.Empty(t, writing)
	require.NoError(t, r.Stop(ctx, s.EgressID))
	require.Eventually(t, func() bool {
		now, err := r.Status(ctx, s.EgressID)
		return err == nil && now.State == api.StateEnded
	}, 60*time.Second, 100*time.Millisecond, "the egress ends")
	require.NoError(t, r.Stop(ctx, s.EgressID), "stopping twice")
}
