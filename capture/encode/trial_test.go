package encode

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/media"
)

// A machine that stops for a moment makes no encoder slow, one that is slow throughout is.
func TestTheQuickestRunCounts(t *testing.T) {
	at := time.Now()
	out := []time.Time{at}
	for i := 1; i < trialFrames; i++ {
		at = at.Add(10 * time.Millisecond)
		if i == 3 || i == 6 {
			at = at.Add(time.Second)
		}
		out = append(out, at)
	}
	require.Equal(t, 10*time.Millisecond, perFrame(out))
	require.Equal(t, time.Duration(0), perFrame(out[:3]))
}

// Hardware that does not hold the frame rate is passed over for software, which is not measured; the choice is
// remembered until that encoder fails.
func TestSlowHardwareIsPassedOver(t *testing.T) {
	slow, err := find("x264enc")
	require.NoError(t, err)
	slow.Software = false // a chip
	table(t, slow)
	encoders = slices.DeleteFunc(slices.Clone(encoders),
		func(e engine.VideoEncoder) bool { return e.Name == "x264enc" && e.Software })
	c := VideoConfig{Width: 640, Height: 360, FrameRate: 9000, Preset: media.Quality}
	first, err := Choose(context.Background(), c)
	require.NoError(t, err)
	require.Equal(t, "openh264enc", first)
	known := func() bool {
		chosen.Lock()
		defer chosen.Unlock()
		return chosen.name[c] == first
	}
	require.True(t, known())
	Forget(first)
	require.False(t, known())
	second, err := Choose(context.Background(), c, first)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
}

// A constant quality spends what the frame needs: less for less quality, and never more than the bitrate.
func TestConstantQuality(t *testing.T) {
	for _, name := range softwareEncoders(t) {
		t.Run(name, func(t *testing.T) {
			const frames = 60
			size := func(quality, kbps int) (sum int) {
				var got collector
				v := open(t, VideoConfig{
					Width: 640, Height: 360, FrameRate: 30, Preset: media.Balanced, Encoder: name, ConstantQuality: quality,
					BitrateKbps: kbps,
				}, &got)
				s := newStrip(640, 360)
				for i := range frames {
					require.NoError(t, v.Encode(s.frame(i%trialFrames), time.Duration(i)*time.Second/30))
				}
				for _, p := range waitFor(t, &got, frames) {
					sum += len(p.Data)
				}
				return sum * 8 / 1000 * 30 / frames // kb/s
			}
			good, small, capped := size(18, 100_000), size(28, 100_000), size(18, 1500)
			t.Logf("%d kb/s at 18, %d at 28, %d at 18 with at most 1500", good, small, capped)
			require.Less(t, small, good)
			require.Less(t, good, 60_000, "it does not spend all it may")
			require.Less(t, capped, max(2500, good/2))
		})
	}
}
