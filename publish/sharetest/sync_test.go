//go:build linux

package sharetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// Sound and video that were captured at one moment must carry one NTP time at the receiver, although the frames
// leave the encoder much later: that is what egress and browsers synchronise by. The viewer identifies what it received
// by its bytes, looks up the PTS it was played with, and compares it to the time its sender reports give.
func TestSoundAndVideoKeepStep(t *testing.T) {
	const delay = 120 * time.Millisecond
	b := newBench(t, publishtest.SourceOptions{VideoDelay: delay})
	b.publish(t)
	video, sound := b.watch(t)
	b.eventually(t, func() bool { return len(video.Reports()) >= 4 && len(sound.Reports()) >= 4 }, "no sender reports")

	videoAge := b.wallMinusPTS(t, video, media.Video, 90000)
	tone := b.wallMinusPTS(t, sound, media.Opus, media.SampleRate)
	t.Logf("wall clock minus PTS: video %v, sound %v, apart by %v", videoAge, tone, videoAge-tone)
	require.InDelta(t, 0, (videoAge - tone).Seconds(), 0.004, "video and sound are apart")
	// The absolute time is right as well: it is the moment of capture, not of sending.
	captured := time.Since(time.Unix(0, 0)) - b.src.Now()
	require.InDelta(t, 0, (videoAge - captured).Seconds(), 0.010, "the time of capture is wrong")
}

// wallMinusPTS is the median, over the newest units, of the wall-clock time by sender reports less the PTS at the
// source.
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

// Sound and video of one moment must also arrive together, from the first second on: LiveKit Egress 1.14 dates tracks
// by their arrival and does not move them to the sender reports. The sources are as late as the recorder's: sound
// leaves the mixer 36 ms after the end of a packet, a frame the encoder 8 ms after it was captured.
func TestSoundAndVideoArriveTogether(t *testing.T) {
	for _, rate := range []int{15, 30, 60} {
		t.Run(fmt.Sprint(rate, " frames per second"), func(t *testing.T) {
			b := newBench(t, publishtest.SourceOptions{FrameRate: rate, SoundDelay: 36 * time.Millisecond,
				VideoDelay: 8 * time.Millisecond})
			viewer := b.subscribe(t)
			p := b.publish(t)
			b.arriveTogether(t, viewer)
			if rate != 30 {
				return
			}
			b.loseServer(t, p)
			viewer = b.subscribe(t)
			b.arriveTogether(t, viewer)
		})
	}
}

// The same holds where the encoder is the slow one.
func TestSlowVideoHoldsSound(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{VideoDelay: 120 * time.Millisecond})
	viewer := b.subscribe(t)
	b.publish(t)
	b.arriveTogether(t, viewer)
}

// arriveTogether compares what a viewer gets in the first and in the third second.
func (b *bench) arriveTogether(t *testing.T, viewer *publishtest.Subscriber) {
	t.Helper()
	video, sound := b.tracks(t, viewer)
	const span = 3 * time.Second
	b.eventually(t, func() bool { return covers(video, span) && covers(sound, span) }, "too little arrives")
	for _, from := range []time.Duration{0, 2 * time.Second} {
		videoAge := b.medianAge(t, video, media.Video, 90000, from)
		tone := b.medianAge(t, sound, media.Opus, media.SampleRate, from)
		t.Logf("from %v on: video arrives at the age of %v, sound of %v, apart by %v", from, videoAge, tone, videoAge-tone)
		require.InDelta(t, 0, (videoAge - tone).Seconds(), 0.010, "video and sound arrive apart, from %v on", from)
	}
}

func covers(st *publishtest.Stream, span time.Duration) bool {
	units := st.Units()
	return len(units) > 0 && units[len(units)-1].Arrived.Sub(units[0].Arrived) > span
}

// medianAge is how old the units of one second were when they arrived.
func (b *bench) medianAge(t *testing.T, st *publishtest.Stream, track media.Track, rate int,
	from time.Duration) time.Duration {
	t.Helper()
	units := st.Units()
	// The PTS of the newest are known by their content, and so the RTP time of every PTS.
	newest := units[len(units)-1]
	pts, known := b.src.PTSOf(track, newest.Data)
	require.True(t, known, "what was received is not what was played")
	now, ptsNow := time.Now(), b.src.Now()
	var ages []time.Duration
	for _, u := range units {
		if at := u.Arrived.Sub(units[0].Arrived); at < from || at > from+time.Second {
			continue
		}
		ticks := int32(u.RTP - newest.RTP)
		captured := pts + media.FromTicks(int64(ticks), int64(rate))
		ages = append(ages, ptsNow-now.Sub(u.Arrived)-captured)
	}
	require.GreaterOrEqual(t, len(ages), 8, "too little arrives")
	slices.Sort(ages)
	return ages[len(ages)/2]
}
