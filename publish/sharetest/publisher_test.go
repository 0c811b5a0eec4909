//go:build linux

package sharetest

import (
	"context"
	"log/slog"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

const room = "cinema"

// bench is a LiveKit server, a backend and a source.
type bench struct {
	ctx     context.Context
	dir     string
	lk      *stack.LiveKit
	backend *publishtest.Backend
	src     *publishtest.Source
}

func newBench(t *testing.T, o publishtest.SourceOptions) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	dir := t.TempDir()
	lk, err := stack.StartLiveKit(ctx, filepath.Join(dir, "livekit"), stack.LiveKitOptions{})
	require.NoError(t, err)
	killAtEnd(t, lk.Proc)
	backend := publishtest.NewBackend(lk.URL, lk.APIKey, lk.APISecret)
	t.Cleanup(func() { _ = backend.Close() })
	src, err := publishtest.NewSource(ctx, dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = src.Close() })
	return &bench{ctx: ctx, dir: dir, lk: lk, backend: backend, src: src}
}

// killAtEnd ends a LiveKit server with the test. A gentle end would wait for its participants.
func killAtEnd(t *testing.T, p *stack.Proc) {
	t.Cleanup(func() {
		_ = p.Signal(syscall.SIGKILL)
		_ = p.Close()
	})
}

func (b *bench) config(t *testing.T) publish.Config {
	return publish.Config{BackendURL: b.backend.URL(), UserToken: publishtest.UserToken, Room: room,
		Log: logTo(t)}
}

func logTo(t *testing.T) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

func (b *bench) publish(t *testing.T) *publish.Publisher {
	t.Helper()
	p, err := publish.Start(b.ctx, b.config(t), b.src)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	return p
}

func (b *bench) subscribe(t *testing.T) *publishtest.Subscriber {
	t.Helper()
	s, err := publishtest.Subscribe(b.ctx, b.lk.URL, b.lk.APIKey, b.lk.APISecret, room)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// watch joins as a viewer who gets video and sound.
func (b *bench) watch(t *testing.T) (video, sound *publishtest.Stream) {
	t.Helper()
	return b.tracks(t, b.subscribe(t))
}

// tracks waits until a viewer gets video and sound.
func (b *bench) tracks(t *testing.T, viewer *publishtest.Subscriber) (video, sound *publishtest.Stream) {
	t.Helper()
	video, err := viewer.Wait(b.ctx, media.Video)
	require.NoError(t, err)
	sound, err = viewer.Wait(b.ctx, media.Opus)
	require.NoError(t, err)
	return video, sound
}

// eventually polls until f holds or the bench's time is over.
func (b *bench) eventually(t *testing.T, f func() bool, msg string, args ...any) {
	t.Helper()
	require.NoErrorf(t, wait.Poll(b.ctx, f), msg, args...)
}

func TestViewersGetVideoAndSound(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{})
	p := b.publish(t)
	st := p.Status()
	require.Equal(t, publish.StateLive, st.State)
	require.Equal(t, publish.RecordingActive, st.Recording)

	video, sound := b.watch(t)
	require.Equal(t, st.VideoSID, video.Info.Sid)
	require.Equal(t, st.AudioSID, sound.Info.Sid)
	require.Equal(t, st.Identity, video.Identity)
	require.EqualValues(t, 640, video.Info.Width)
	require.EqualValues(t, 360, video.Info.Height)
	require.Len(t, video.Info.Codecs[0].Layers, 1)
	require.Equal(t, publish.Layers{Full: true}, p.Status().Layers)
	require.Contains(t, sound.Info.AudioFeatures, livekit.AudioTrackFeature_TF_STEREO)
	require.Contains(t, sound.Info.AudioFeatures, livekit.AudioTrackFeature_TF_NO_DTX)
	starts := b.backend.Starts()
	require.Len(t, starts, 1)
	require.Equal(t, st.VideoSID, starts[0].VideoTrackID)
	require.Equal(t, st.AudioSID, starts[0].AudioTrackID)
	require.Equal(t, room, starts[0].RoomName)

	b.eventually(t, func() bool { return len(video.Units()) >= 120 && len(sound.Units()) >= 200 }, "too little arrives")
	file := filepath.Join(b.dir, "got.h264")
	require.NoError(t, video.WriteFile(file))
	frames, err := publishtest.CountFrames(b.ctx, file)
	require.NoError(t, err)
	require.Greater(t, frames, 60)
	file = filepath.Join(b.dir, "got.ogg")
	require.NoError(t, sound.WriteFile(file))
	left, right, err := publishtest.ToneLevels(b.ctx, file, publishtest.DesktopTone, publishtest.MicrophoneTone, 3000)
	require.NoError(t, err)
	for _, levels := range [][]float64{left, right} {
		require.InDelta(t, -14, levels[0], 1.5, "the desktop's tone, 0.2 of full scale")
		require.InDelta(t, -14, levels[1], 1.5, "the microphone's tone")
		require.Less(t, levels[2], -50.0, "a tone that nobody played")
	}
}

func TestKeyframeOnRequest(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{})
	b.publish(t)
	viewer := b.subscribe(t)
	video, err := viewer.Wait(b.ctx, media.Video)
	require.NoError(t, err)
	b.eventually(t, func() bool { return video.KeyUnits() >= 1 }, "a new viewer gets no keyframe")
	// The server passes one request a second on. Requests are sent until more keyframes have come than the loop has of
	// its own.
	begun, before, asked := time.Now(), video.KeyUnits(), b.src.KeyframeRequests()
	b.eventually(t, func() bool {
		video.SendPLI()
		natural := int(time.Since(begun)/(2*time.Second)) + 1
		return b.src.KeyframeRequests() >= asked+3 && video.KeyUnits()-before > natural
	}, "keyframe requests are not answered")
}

// The server's congestion feedback arrives and tells what was sent.
func TestBandwidthIsMeasured(t *testing.T) {
	const kbps = 3000
	b := newBench(t, publishtest.SourceOptions{Width: 1280, Height: 720, BitrateKbps: kbps})
	p := b.publish(t)
	b.eventually(t, func() bool { n := p.Status().DeliveredKbps; return n > kbps/2 && n < 2*kbps }, "nothing is measured")
	require.Zero(t, p.Status().DroppedPackets)
	require.LessOrEqual(t, p.Status().BitrateKbps, kbps)
	require.GreaterOrEqual(t, p.Status().BitrateKbps, kbps/4)
}
