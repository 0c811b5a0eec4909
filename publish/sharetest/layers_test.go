//go:build linux

package sharetest

import (
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// layers are the two layers of a bench's share.
type layers struct {
	*bench
	low *publishtest.Source
}

// newLayers is a bench with a low-resolution layer beside its source.
func newLayers(t *testing.T) *layers {
	t.Helper()
	b := newBench(t, publishtest.SourceOptions{Width: 1280, Height: 720, BitrateKbps: 2500, Seconds: 4})
	low, err := publishtest.NewSource(b.ctx, t.TempDir(), publishtest.SourceOptions{Width: 640, Height: 360,
		BitrateKbps: 600, Seconds: 4, Beside: b.src})
	require.NoError(t, err)
	t.Cleanup(func() { _ = low.Close() })
	return &layers{b, low}
}

func (l *layers) publish(t *testing.T) *publish.Publisher {
	t.Helper()
	c := l.config(t)
	c.Low = l.low
	p, err := publish.Start(l.ctx, c, l.src)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(l.ctx) })
	return p
}

// viewer joins and asks for a layer.
func (l *layers) viewer(t *testing.T, name string, want livekit.VideoQuality) (*publishtest.Subscriber,
	*publishtest.Stream) {
	t.Helper()
	s, err := publishtest.SubscribeAs(l.ctx, l.lk.URL, l.lk.APIKey, l.lk.APISecret, room, name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	video, err := s.Wait(l.ctx, media.Video)
	require.NoError(t, err)
	require.NoError(t, video.Ask(want))
	return s, video
}

// gets waits until a viewer has got a second's frames of one source without one of another's.
func (l *layers) gets(t *testing.T, who string, video *publishtest.Stream, from *publishtest.Source) {
	t.Helper()
	begin := len(video.Units())
	l.eventually(t, func() bool {
		units := video.Units()[begin:]
		run := 0
		for i := len(units) - 1; i >= 0 && isOf(from, units[i]); i-- {
			run++
		}
		return run >= 30
	}, "%s does not get the layer", who)
}

// sizes are those of a track's layers, as the server tells them.
func sizes(video *publishtest.Stream) (sizes [][2]uint32) {
	for _, l := range video.Info.Codecs[0].Layers {
		sizes = append(sizes, [2]uint32{l.Width, l.Height})
	}
	return sizes
}

func isOf(src *publishtest.Source, u publishtest.Unit) bool {
	_, ok := src.PTSOf(media.Video, u.Data)
	return ok
}

// apart is how far the newest frame's capture time is from that of its packet, for a viewer; see wallMinusPTS.
func (l *layers) apart(t *testing.T, video *publishtest.Stream, from *publishtest.Source) time.Duration {
	t.Helper()
	b := *l.bench
	b.src = from
	return b.wallMinusPTS(t, video, media.Video, 90000)
}

// Two viewers get a layer each at the same time, in step with each other and the sound. What a moderator mutes is
// silent in both.
func TestTwoLayers(t *testing.T) {
	l := newLayers(t)
	p := l.publish(t)
	_, full := l.viewer(t, "strong", livekit.VideoQuality_HIGH)
	weak, low := l.viewer(t, "weak", livekit.VideoQuality_LOW)
	require.Equal(t, full.Info.Sid, low.Info.Sid, "both are one track")
	require.EqualValues(t, 1280, full.Info.Width)
	require.Equal(t, [][2]uint32{{640, 360}, {1280, 720}}, sizes(full))
	l.gets(t, "the strong viewer", full, l.src)
	l.gets(t, "the weak viewer", low, l.low)
	l.gets(t, "the strong viewer", full, l.src)
	require.Equal(t, publish.Layers{Full: true, Low: true}, p.Status().Layers)

	l.eventually(t, func() bool { return len(full.Reports()) >= 3 && len(low.Reports()) >= 3 }, "no sender reports")
	sound, err := weak.Wait(l.ctx, media.Opus)
	require.NoError(t, err)
	l.eventually(t, func() bool { return len(sound.Reports()) >= 3 }, "no sender reports")
	heard := l.wallMinusPTS(t, sound, media.Opus, media.SampleRate)
	require.InDelta(t, 0, (l.apart(t, full, l.src) - heard).Seconds(), 0.004)
	require.InDelta(t, 0, (l.apart(t, low, l.low) - heard).Seconds(), 0.004)

	asked, askedLow := l.src.KeyframeRequests(), l.low.KeyframeRequests()
	l.eventually(t, func() bool { low.SendPLI(); return l.low.KeyframeRequests() > askedLow }, "the layer is not asked")
	require.LessOrEqual(t, l.src.KeyframeRequests(), asked, "the other layer is asked")

	st := p.Status()
	mute := func(muted bool) {
		require.NoError(t, publishtest.Mute(l.ctx, l.lk.HTTPURL, l.lk.APIKey, l.lk.APISecret, room, st.Identity, st.VideoSID,
			muted))
		l.eventually(t, func() bool { return p.Status().VideoMuted == muted }, "the mute is not shown")
	}
	mute(true)
	l.eventually(t, func() bool { return p.Status().DeliveredKbps == 0 }, "video is still sent")
	mute(false)
	l.gets(t, "the strong viewer", full, l.src)
	l.gets(t, "the weak viewer", low, l.low)
}

// The low layer is encoded while somebody is there who may need it, and both come back with a server that was away.
func TestTheLowLayerIsForViewers(t *testing.T) {
	l := newLayers(t)
	p := l.publish(t)
	alone := func() {
		t.Helper()
		l.eventually(t, func() bool { return !l.low.Wanted() }, "the layer is encoded for nobody")
		l.eventually(t, func() bool { return p.Status().Layers == publish.Layers{Full: true} }, "this is not told")
	}
	alone()
	weak, low := l.viewer(t, "weak", livekit.VideoQuality_LOW)
	l.gets(t, "the weak viewer", low, l.low)
	require.NoError(t, weak.Close())
	alone()
	_, low = l.viewer(t, "weak again", livekit.VideoQuality_LOW)
	l.gets(t, "the weak viewer", low, l.low)
	require.True(t, l.low.Wanted())

	l.loseServer(t, p)
	_, full := l.viewer(t, "strong", livekit.VideoQuality_HIGH)
	_, low = l.viewer(t, "weak at last", livekit.VideoQuality_LOW)
	l.gets(t, "the strong viewer", full, l.src)
	l.gets(t, "the weak viewer", low, l.low)
	require.NoError(t, p.Close(l.ctx))
	require.False(t, l.low.Wanted())
}

// A layer that gives no frame does not hold up the share, and is published once it does.
func TestLowLayerComesLater(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2})
	low, err := publishtest.NewSource(b.ctx, t.TempDir(), publishtest.SourceOptions{Width: 320, Height: 180,
		BitrateKbps: 300, Seconds: 2, NoVideo: true, Beside: b.src})
	require.NoError(t, err)
	t.Cleanup(func() { _ = low.Close() })
	l := &layers{b, low}
	p := l.publish(t)
	l.eventually(t, func() bool { return p.Status().State == publish.StateLive }, "sharing does not begin")
	require.Equal(t, publish.Layers{Full: true}, p.Status().Layers)
	low.SetVideo(true)
	// Once it is published, it is read for viewers only.
	l.eventually(t, func() bool { return !low.Wanted() }, "the layer is not published")
	_, video := l.viewer(t, "weak", livekit.VideoQuality_LOW)
	l.gets(t, "the weak viewer", video, low)
}

// A pause of the recorder holds for both layers: what comes then is a standing frame, which takes next to nothing.
func TestPauseHoldsForBothLayers(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Width: 64, Height: 64, Seconds: 2})
	r := startRecorder(t, b, 30)
	c := b.config(t)
	c.Low = r.LowLayer()
	p, err := publish.Start(b.ctx, c, r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(b.ctx) })
	l := &layers{bench: b}
	_, full := l.viewer(t, "strong", livekit.VideoQuality_HIGH)
	_, low := l.viewer(t, "weak", livekit.VideoQuality_LOW)
	require.Equal(t, [][2]uint32{{426, 240}, {640, 360}}, sizes(low))
	// heavy says whether one of the newest 15 frames that are no keyframes shows something else than the one before.
	heavy := func(st *publishtest.Stream, since int) (is, known bool) {
		n := 0
		for _, u := range st.Units()[since:] {
			if !u.Key {
				n++
				is = is || len(u.Data) > 200
			}
		}
		return is, n >= 15
	}
	for _, st := range []*publishtest.Stream{full, low} {
		b.eventually(t, func() bool { is, known := heavy(st, 0); return is && known }, "the screen does not move")
	}
	paused := recorderConfig(t, b, 30)
	paused.Paused = true
	require.NoError(t, r.Apply(paused))
	for _, st := range []*publishtest.Stream{full, low} {
		b.eventually(t, func() bool {
			begin := max(0, len(st.Units())-30)
			is, known := heavy(st, begin)
			return known && !is
		}, "a layer goes on in a pause")
	}
	require.NoError(t, r.Apply(recorderConfig(t, b, 30)))
	for _, st := range []*publishtest.Stream{full, low} {
		begin := len(st.Units())
		b.eventually(t, func() bool { is, _ := heavy(st, begin); return is }, "a layer does not go on after it")
	}
}
