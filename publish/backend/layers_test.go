package backend_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// The size of the full layer.
const fullWidth, fullHeight = 960, 540

// shareLayers shares two layers in the room, with a viewer who gets the low one.
func (b *bench) shareLayers(room string) *publish.Publisher {
	b.Helper()
	full, err := publishtest.NewSource(b.ctx, b.TempDir(), publishtest.SourceOptions{Width: fullWidth, Height: fullHeight,
		BitrateKbps: 1500, Seconds: 4})
	require.NoError(b, err)
	b.Cleanup(func() { _ = full.Close() })
	low, err := publishtest.NewSource(b.ctx, b.TempDir(), publishtest.SourceOptions{Width: 320, Height: 180,
		BitrateKbps: 300, Seconds: 4, Beside: full})
	require.NoError(b, err)
	b.Cleanup(func() { _ = low.Close() })
	p, err := publish.Start(b.ctx, publish.Config{BackendURL: b.backend.URL, UserToken: b.backend.Token, Room: room,
		Low: low, Log: slog.New(slog.NewTextHandler(b.Output(), nil))}, full)
	require.NoError(b, err)
	b.Cleanup(func() { _ = p.Close(context.Background()) })
	viewer, err := publishtest.SubscribeAs(b.ctx, b.livekit.URL, b.livekit.APIKey, b.livekit.APISecret, room, "weak")
	require.NoError(b, err)
	b.Cleanup(func() { _ = viewer.Close() })
	video, err := viewer.Wait(b.ctx, media.Video)
	require.NoError(b, err)
	require.NoError(b, video.Ask(livekit.VideoQuality_LOW))
	return p
}

// recordsTheFullLayer wants a recording to be as large as the full layer, though the only viewer gets the low one;
// whole says from the first frame on.
func (b *bench) recordsTheFullLayer(whole bool) {
	b.Helper()
	p := b.shareLayers("den")
	replay := p.Status().ReplayID
	r := b.goesOn(replay, time.Now(), 6)
	seconds := 4.0
	if whole {
		seconds = r.To.Sub(*r.From).Seconds()
	}
	clip, file := b.save(replay, seconds, *r.To)
	require.Empty(b, clip.Gaps)
	sizes, err := backendtest.FrameSizes(b.ctx, file)
	require.NoError(b, err)
	require.Equal(b, map[[2]int]bool{{fullWidth, fullHeight}: true}, sizes)
}

func TestTheFullLayerIsRecordedWithoutEgress(t *testing.T) {
	newBench(t, with{alone: true}).recordsTheFullLayer(true)
}

// Egress takes what LiveKit passes on first, which may be some frames of the low layer.
func TestTheFullLayerIsRecordedByEgress(t *testing.T) {
	newBench(t, with{egress: true}).recordsTheFullLayer(false)
}
