//go:build linux

package publish_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// Sound and picture that were captured at one moment must carry one NTP time at the receiver, although the pictures
// leave the encoder much later: that is what egress and browsers synchronise by. The viewer identifies what it received
// by its bytes, looks up the PTS it was played with, and compares it to the time its sender reports give.
func TestSoundAndPictureKeepStep(t *testing.T) {
	const delay = 120 * time.Millisecond
	b := newBench(t, publishtest.SourceOptions{VideoDelay: delay})
	b.publish(t)
	video, sound := b.watch(t)
	b.eventually(t, func() bool { return len(video.Reports()) >= 4 && len(sound.Reports()) >= 4 }, "no sender reports")

	picture := b.wallMinusPTS(t, video, media.Video, 90000)
	tone := b.wallMinusPTS(t, sound, media.Opus, media.SampleRate)
	t.Logf("wall clock minus PTS: picture %v, sound %v, apart by %v", picture, tone, picture-tone)
	require.InDelta(t, 0, (picture - tone).Seconds(), 0.004, "picture and sound are apart")
	// The absolute time is right as well: it is the moment of capture, not of sending.
	captured := time.Since(time.Unix(0, 0)) - b.src.Now()
	require.InDelta(t, 0, (picture - captured).Seconds(), 0.010, "the time of capture is wrong")
}

// wallMinusPTS is the median, over the newest units, of the wall-clock time by sender reports less the PTS at the source.
func (b *bench) wallMinusPTS(t *testing.T, st *publishtest.Stream, track media.Track, rate int) time.Duration {
	t.Helper()
	units := st.Units()
	var offsets []time.Duration
	for _, u := range units[max(0, len(units)-40):] {
		pts, known := b.src.PTSOf(track, u.Data)
		wall, reported := st.WallTime(u, rate)
		require.True(t, reported)
		if known {
			offsets = append(offsets, time.Duration(wall.UnixNano())-pts)
		}
	}
	require.GreaterOrEqual(t, len(offsets), 20, "what was received is not what was played")
	slices.Sort(offsets)
	require.Less(t, offsets[len(offsets)-1]-offsets[0], 4*time.Millisecond, "time stamps jitter")
	return offsets[len(offsets)/2]
}
