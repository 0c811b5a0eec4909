//go:build linux

package sharetest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/client"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// The whole way with the real parts: publisher, LiveKit, Track Composite egress, backend, server clip.
func TestWithTheRealService(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute) // the recorder may have to be built
	defer cancel()
	dir := t.TempDir()
	redis, err := stack.StartRedis(ctx, filepath.Join(dir, "redis"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = redis.Close() })
	port, err := stack.FreePort()
	require.NoError(t, err)
	lk, err := stack.StartLiveKit(ctx, filepath.Join(dir, "livekit"), stack.LiveKitOptions{
		RedisAddr: redis.Addr, WebhookURL: "http://" + net127(port) + stack.WebhookPath,
	})
	require.NoError(t, err)
	killAtEnd(t, lk.Proc)
	egress, err := stack.StartEgress(ctx, filepath.Join(dir, "egress"), stack.EgressOptions{RedisAddr: redis.Addr,
		LiveKit: lk})
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the recorder's last words:\n%s", egress.Tail(6000))
		}
		_ = egress.Close()
	})
	service, err := stack.StartBackend(ctx, filepath.Join(dir, "backend"), stack.BackendOptions{LiveKit: lk, Port: port})
	require.NoError(t, err)
	t.Cleanup(func() { _ = service.Close() })

	src, err := publishtest.NewSource(ctx, dir, publishtest.SourceOptions{Width: 1280, Height: 720, BitrateKbps: 3000})
	require.NoError(t, err)
	t.Cleanup(func() { _ = src.Close() })
	b := &bench{ctx: ctx, dir: dir, lk: lk, src: src}
	p, err := publish.Start(ctx, publish.Config{BackendURL: service.URL, UserToken: service.Token, Room: room,
		Log: logTo(t)}, src)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	b.eventually(t, func() bool {
		st := p.Status()
		return st.Recording == publish.RecordingActive && st.ServerSeconds >= 12
	}, "the server does not record: %+v", p.Status())

	id, err := p.Save(ctx, 8, time.Now(), "")
	require.NoError(t, err)
	clip, err := p.WaitClip(ctx, id)
	require.NoError(t, err)
	require.InDelta(t, 8, clip.Seconds, 1)
	c, err := client.New(service.URL, service.Token)
	require.NoError(t, err)
	file := filepath.Join(dir, "clip.mp4")
	download(ctx, t, c, clip.ClipID, file)
	info, err := capturetest.Probe(ctx, file)
	require.NoError(t, err)
	require.Len(t, info.Streams, 2)
	video, _ := info.Only("video")
	require.Equal(t, []any{"h264", 1280, 720}, []any{video.Codec, video.Width, video.Height})
	sound, _ := info.Only("audio")
	require.Equal(t, "aac", sound.Codec)
	left, right, err := publishtest.ToneLevels(ctx, file, publishtest.DesktopTone, publishtest.MicrophoneTone)
	require.NoError(t, err)
	for _, level := range append(left, right...) {
		require.InDelta(t, -14, level, 2, "a tone is missing in the server's clip")
	}
	require.NoError(t, p.Close(ctx))
	require.Equal(t, publish.RecordingOff, p.Status().Recording)
}

func download(ctx context.Context, t *testing.T, c *client.Client, id, path string) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	_, err = c.Video(ctx, id, f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}
