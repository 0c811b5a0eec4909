package encode

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

// What an encoder holds and costs is measured with one that is always there.
func TestAnEncoderIsMeasured(t *testing.T) {
	c := VideoConfig{Width: 320, Height: 240, FrameRate: 60, Preset: media.Performance, Encoder: "x264enc"}
	m, err := Measure(t.Context(), c)
	require.NoError(t, err)
	require.Positive(t, m.Rate)
	require.GreaterOrEqual(t, m.Cores, 0.0)
	c.Encoder = "nothing"
	_, err = Measure(t.Context(), c)
	require.ErrorContains(t, err, "nothing")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	c.Encoder = "x264enc"
	_, err = Measure(ended, c)
	require.ErrorIs(t, err, context.Canceled)
}
