package embedded

import (
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/require"
)

// trackWith is what LiveKit says of a track with layers of these widths.
func trackWith(widths ...uint32) *livekit.TrackInfo {
	codec := &livekit.SimulcastCodecInfo{}
	for _, w := range widths {
		codec.Layers = append(codec.Layers, &livekit.VideoLayer{Width: w})
	}
	return &livekit.TrackInfo{Codecs: []*livekit.SimulcastCodecInfo{codec}}
}

func TestTheFullLayerComesFirst(t *testing.T) {
	layered := func(width uint32) *fullFirst {
		return newFullFirst(trackWith(width/3, width))
	}
	start := time.Unix(1e9, 0)
	frame := func(after time.Duration, key bool) unit {
		return unit{at: start.Add(after), key: key, sets: parameterSets{sps: string(spsHD)}}
	}
	one := newFullFirst(trackWith(640))
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
