package embedded

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return epoch.Add(d) }

func toNTP(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// feed plays two tracks into a segmenter: what is captured at a moment arrives delay later.
type feed struct {
	*segmenter
	delay time.Duration
	// skew is how far the publisher's wall clock is off.
	skew time.Duration
	sets parameterSets
	out  []*segment
}

func newFeed() *feed {
	return &feed{segmenter: newSegmenter(newClock(), true), delay: 50 * time.Millisecond,
		sets: parameterSets{"sps", "pps"}}
}

const videoBase, soundBase = 7 * videoRate, 1<<32 + 1000

var packet20 = []byte{0xfc, 1, 2, 3} // one stereo frame of 20 ms

func (f *feed) frame(at time.Duration, key bool) {
	f.addFrame(unit{rtp: videoBase + media.ToTicks(at, videoRate), data: []byte("picture"), key: key, sets: f.sets,
		at: after(at + f.delay)})
}

func (f *feed) packet(at time.Duration) {
	f.addSound(unit{rtp: soundBase + media.ToTicks(at, soundRate), data: packet20, at: after(at + f.delay)})
}

func (f *feed) report(at time.Duration) {
	ntp := toNTP(after(at + f.skew))
	f.clock.report(&f.clock.video, ntp, uint32(videoBase+media.ToTicks(at, videoRate)), after(at+f.delay))
	f.clock.report(&f.clock.sound, ntp, uint32(soundBase+media.ToTicks(at, soundRate)), after(at+f.delay))
}

// play runs from one moment to another: frames every 40 ms with a keyframe every gop of them, sound every 20 ms,
// reports every 3 s.
func (f *feed) play(from, to time.Duration, gop int, frame, sound bool) {
	for at := from; at < to; at += 20 * time.Millisecond {
		if n := int(at / (40 * time.Millisecond)); frame && at%(40*time.Millisecond) == 0 {
			f.frame(at, n%gop == 0)
		}
		if sound {
			f.packet(at)
		}
		if at%(3*time.Second) == time.Second {
			f.report(at)
		}
		if at%(200*time.Millisecond) == 0 {
			f.steps(at + f.delay)
		}
	}
}

func (f *feed) steps(at time.Duration) {
	for s := f.step(after(at)); s != nil; s = f.step(after(at)) {
		f.out = append(f.out, s)
	}
}

// seamless wants segments that follow each other without gap, in video and sound.
func (f *feed) seamless(t *testing.T) {
	t.Helper()
	var soundEnd time.Time
	for i, s := range f.out {
		require.True(t, s.from.Before(s.to))
		if i > 0 {
			require.WithinDuration(t, f.out[i-1].to, s.from, silenceLength)
		}
		for _, list := range [][]sample{s.frames, s.sound} {
			for j, v := range list {
				require.Positive(t, v.length)
				if j > 0 {
					require.Equal(t, list[j-1].at.Add(list[j-1].length), v.at)
				}
			}
		}
		require.NotEmpty(t, s.sound)
		if i > 0 {
			require.WithinDuration(t, soundEnd, s.sound[0].at, time.Millisecond, "sound of segment %d", i)
		}
		last := s.sound[len(s.sound)-1]
		soundEnd = last.at.Add(last.length)
		require.WithinDuration(t, s.to, soundEnd, 2*silenceLength)
	}
}

// Segments begin at keyframes and are dated by capture on our clock, whatever the publisher's clock says.
func TestSegmentsBeginAtKeyframes(t *testing.T) {
	for _, skew := range []time.Duration{0, -3 * time.Hour, 90 * time.Second} {
		f := newFeed()
		f.skew = skew
		f.play(0, 11*time.Second, 50, true, true)
		require.Len(t, f.out, 5)
		for i, s := range f.out {
			require.True(t, s.frames[0].key)
			require.Len(t, s.frames, 50)
			// The time that reports travel cannot be distinguished from the clocks' difference.
			require.WithinDuration(t, after(time.Duration(i)*2*time.Second+f.delay), s.from, 3*time.Millisecond, "skew %v", skew)
			require.Equal(t, 2*time.Second, s.to.Sub(s.from).Round(10*time.Millisecond))
		}
		f.seamless(t)
		last := f.finish()
		require.NotNil(t, last)
		require.Len(t, last.frames, 25)
	}
}

// Without keyframes one is asked for, again and again, and at last the segment ends all the same.
func TestKeyframesAreAskedFor(t *testing.T) {
	f := newFeed()
	require.True(t, f.wantsKey(after(0)), "before the first frame")
	require.False(t, f.wantsKey(after(100*time.Millisecond)), "not all the time")
	f.play(0, 3*time.Second, 1000, true, true)
	require.False(t, f.wantsKey(after(3*time.Second)))
	f.play(3*time.Second, 5*time.Second, 1000, true, true)
	require.True(t, f.wantsKey(after(5*time.Second)))
	require.Empty(t, f.out)
	f.play(5*time.Second, 12*time.Second, 1000, true, true)
	require.Len(t, f.out, 1)
	require.InDelta(t, longest.Seconds(), f.out[0].to.Sub(f.out[0].from).Seconds(), 0.05)
	f.seamless(t)
}

// After a loss nothing is taken until the next keyframe; the one before is held in the meantime.
func TestLossWaitsForAKeyframe(t *testing.T) {
	f := newFeed()
	f.play(0, 3*time.Second, 50, true, true)
	require.Len(t, f.out, 1)
	f.addFrame(unit{rtp: videoBase + media.ToTicks(3*time.Second, videoRate), data: []byte("torn"), lost: true,
		at: after(3 * time.Second), sets: f.sets})
	require.True(t, f.wantsKey(after(3*time.Second)))
	f.play(3*time.Second+40*time.Millisecond, 5*time.Second, 50, true, true)
	require.Len(t, f.out, 2)
	require.Len(t, f.out[1].frames, 25, "those of 2 s to 3 s")
	require.InDelta(t, 1.04, f.out[1].frames[24].length.Seconds(), 0.001)
	f.seamless(t)
}

// While the video stands still, as on a muted track, segments hold sound alone; then it continues.
func TestStillVideo(t *testing.T) {
	f := newFeed()
	f.play(0, 4*time.Second, 50, true, true)
	f.play(4*time.Second, 20*time.Second, 50, false, true)
	require.GreaterOrEqual(t, len(f.out), 4)
	require.Empty(t, f.out[len(f.out)-1].frames)
	require.True(t, f.out[len(f.out)-1].to.After(after(13*time.Second)))
	f.play(20*time.Second, 26*time.Second, 50, true, true)
	require.NotEmpty(t, f.out[len(f.out)-1].frames)
	for i, s := range f.out {
		if i > 0 {
			require.False(t, s.from.Before(f.out[i-1].to.Add(-silenceLength)), "segment %d", i)
		}
		require.NotEmpty(t, s.sound, "segment %d", i)
	}
}

// Sound that does not come, or comes with gaps, is silence of whole packets.
func TestMissingSoundIsSilence(t *testing.T) {
	f := newFeed()
	f.play(0, 4*time.Second, 50, true, true)
	f.play(4*time.Second, 9*time.Second, 50, true, false)
	f.play(9*time.Second, 14*time.Second, 50, true, true)
	require.GreaterOrEqual(t, len(f.out), 5)
	f.seamless(t)
	silent := 0
	for _, s := range f.out {
		for _, v := range s.sound {
			if string(v.data) == string(silence) {
				silent++
			}
		}
	}
	require.InDelta(t, 5*50, silent, 3)
}

// Publishers that send no reports are dated by arrival, after a while.
func TestWithoutReports(t *testing.T) {
	f := newFeed()
	for at := time.Duration(0); at < 12*time.Second; at += 20 * time.Millisecond {
		if at%(40*time.Millisecond) == 0 {
			f.frame(at, at%(2*time.Second) == 0)
		}
		f.packet(at)
		f.steps(at + f.delay)
		if at < 5*time.Second {
			require.Empty(t, f.out)
		}
	}
	require.GreaterOrEqual(t, len(f.out), 4)
	require.WithinDuration(t, after(f.delay), f.out[0].from, time.Millisecond)
	f.seamless(t)
}

// New parameter sets begin a segment of their own.
func TestParameterSetsChange(t *testing.T) {
	f := newFeed()
	f.play(0, 4*time.Second+200*time.Millisecond, 25, true, true)
	f.sets.sps = "other"
	f.play(4*time.Second+200*time.Millisecond, 5*time.Second, 25, true, true)
	f.play(5*time.Second, 9*time.Second, 25, true, true)
	for _, s := range f.out {
		require.Contains(t, []string{"sps", "other"}, s.sets.sps)
	}
	require.Equal(t, "sps", f.out[0].sets.sps)
	require.Equal(t, "other", f.out[len(f.out)-1].sets.sps)
	f.seamless(t)
}

// The line bends towards a clock that runs away from it, slowly.
func TestAnchorFollows(t *testing.T) {
	a := anchor{0, epoch}
	require.Equal(t, after(2*time.Second), a.follow(2*videoRate, videoRate, after(2*time.Second+900*time.Microsecond)).at,
		"that near is near enough")
	require.Equal(t, after(2005*time.Millisecond), a.follow(2*videoRate, videoRate, after(2005*time.Millisecond)).at)
	require.Equal(t, after(2010*time.Millisecond), a.follow(2*videoRate, videoRate, after(time.Hour)).at)
	require.Equal(t, after(1990*time.Millisecond), a.follow(2*videoRate, videoRate, epoch).at)
	b := anchor{2 * videoRate, after(2010 * time.Millisecond)}
	require.Equal(t, after(1005*time.Millisecond), a.between(b, videoRate))
}
