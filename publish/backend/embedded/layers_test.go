package embedded

import (
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/require"
)

func TestTheFullLayerComesFirst(t *testing.T) {
	layered := func(width uint32) *fullFirst {
		return newFullFirst(&livekit.TrackInfo{Layers: []*livekit.VideoLayer{{Width: width / 3}, {Width: width}}})
	}
	start := time.Unix(1e9, 0)
	frame := func(after time.Duration, key bool) unit {
		return unit{at: start.Add(after), key: key, sets: parameterSets{sps: string(spsHD)}}
	}
	one := newFullFirst(&livekit.TrackInfo{Layers: []*livekit.VideoLayer{{Width: 640}}})
	require.True(t, one.takes(frame(0, false)), "a single layer is taken as it comes")

	f := layered(1920)
	require.False(t, f.takes(frame(0, false)))
	require.True(t, f.takes(frame(time.Second, true)), "the full layer's keyframe")
	require.True(t, f.takes(frame(time.Second, false)))

	f = layered(3840)
	require.False(t, f.takes(frame(0, true)), "a smaller one's keyframe")
	require.False(t, f.takes(frame(layerPatience-1, true)))
	require.True(t, f.takes(frame(layerPatience, true)), "better than nothing")
	require.True(t, f.takes(frame(layerPatience, false)))
}
