package livekit

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

// What a Session asks of the encoder holds up Close, so that nothing is asked after it.
func TestNothingIsAskedAfterClose(t *testing.T) {
	var s *Session
	asked, bitrates := 0, []int(nil)
	alone := func() { require.False(t, s.mu.TryLock(), "Close could pass by") }
	s, err := New(Options{
		MinKbps: 1000, MaxKbps: 8000,
		OnKeyframe: func() { alone(); asked++ },
		OnBitrate:  func(kbps int) { alone(); bitrates = append(bitrates, kbps) },
	})
	require.NoError(t, err)
	s.requestKeyframe(fullLayer)
	s.onEstimate(4e6)
	require.Equal(t, 1, asked)
	require.Equal(t, []int{4000 - soundShare}, bitrates)

	require.NoError(t, s.Close(context.Background()))
	require.NoError(t, s.Close(context.Background()))
	s.keys[fullLayer].asked = s.keys[fullLayer].asked.Add(-keyframeEvery)
	s.requestKeyframe(fullLayer)
	s.SetBounds(1000, 8000)
	s.split.full.changed = s.split.full.changed.AddDate(-1, 0, 0)
	s.onEstimate(2e6)
	require.Equal(t, 1, asked)
	require.Len(t, bitrates, 1)
}

// The bounds reach the encoder's bitrate and the estimate alike.
func TestBoundsMayChange(t *testing.T) {
	s, err := New(Options{MinKbps: 1000, MaxKbps: 8000})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(context.Background())) }()
	s.SetBounds(500, 2000)
	require.Equal(t, 2000, s.BitrateKbps())
	minimum, maximum := s.estimateBounds()
	require.Equal(t, 500e3, float64(minimum))
	require.Equal(t, (3000+soundShare)*1000, maximum)
}

// However many viewers ask, the encoder is asked for one keyframe in a while, and the last request is not forgotten.
func TestKeyframesAreAskedForSeldom(t *testing.T) {
	asked := 0
	s, err := New(Options{MinKbps: 1000, MaxKbps: 8000, OnKeyframe: func() { asked++ }})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(context.Background())) }()
	frame := &media.Packet{Track: media.Video}
	for range 100 {
		s.requestKeyframe(fullLayer)
		require.NoError(t, s.Write(frame))
	}
	require.Equal(t, 1, asked)
	s.keys[fullLayer].asked = s.keys[fullLayer].asked.Add(-keyframeEvery)
	for range 3 {
		require.NoError(t, s.Write(frame))
	}
	require.Equal(t, 2, asked, "the request that came too soon counts once it may")
}
