package publish

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

// left is a packet that left an aligner.
type left struct {
	track    media.Track
	pts, age time.Duration
}

// play runs an aligner for a time in which video has 30 frames/s and sound 50 packets a second, each as old as told
// when it is read; a negative age is a track without packets.
func play(a *aligner, from, until time.Duration, video, sound func(n int) time.Duration) (out []left) {
	// The clock of the packets began long before the aligner's.
	const epoch = 37 * time.Hour
	var arrivals []heldPacket
	for track, source := range map[media.Track]struct {
		length time.Duration
		age    func(int) time.Duration
	}{media.Video: {time.Second / 30, video}, media.Opus: {20 * time.Millisecond, sound}} {
		var last time.Duration // encoders keep the order: what follows a late packet is late as well
		for n := 0; from+time.Duration(n)*source.length < until; n++ {
			at := from + time.Duration(n)*source.length
			if age := source.age(n); age >= 0 {
				last = max(last, at+age)
				arrivals = append(arrivals, heldPacket{&media.Packet{Track: track, PTS: epoch + at}, last})
			}
		}
	}
	slices.SortStableFunc(arrivals, func(a, b heldPacket) int { return int(a.since - b.since) })
	drain := func(until time.Duration) {
		for now := time.Duration(0); ; {
			p, _, wait := a.next(max(now, 0))
			if p != nil {
				out = append(out, left{p.Track, p.PTS, now - (p.PTS - epoch)})
				continue
			}
			if wait == 0 || now+wait > until {
				return
			}
			now += wait
		}
	}
	for _, h := range arrivals {
		drain(h.since)
		a.add(h.since, h.packet, false)
	}
	drain(until + time.Second)
	return out
}

func constantly(age time.Duration) func(int) time.Duration {
	return func(int) time.Duration { return age }
}

// medianAge is over the packets of a track that left.
func medianAge(out []left, track media.Track) time.Duration {
	var ages []time.Duration
	for _, o := range out {
		if o.track == track {
			ages = append(ages, o.age)
		}
	}
	slices.Sort(ages)
	return ages[len(ages)/2]
}

func TestTracksLeaveAtOneAge(t *testing.T) {
	const ms = time.Millisecond
	jitter := func(age time.Duration) func(int) time.Duration {
		return func(n int) time.Duration { return age + time.Duration(n%4)*ms }
	}
	for name, c := range map[string]struct {
		video, sound         func(int) time.Duration
		wantVideo, wantSound time.Duration
	}{
		"sound is held by the mixer": {jitter(6 * ms), jitter(56 * ms), 58 * ms, 58 * ms},
		"a slow encoder":             {constantly(140 * ms), constantly(56 * ms), 140 * ms, 140 * ms},
		"no sound":                   {constantly(6 * ms), constantly(-1), 6 * ms, 0},
		"no video":                   {constantly(-1), constantly(56 * ms), 0, 56 * ms},
		"sound is far too late":      {constantly(6 * ms), constantly(900 * ms), 6*ms + longestHold, 900 * ms},
		"late keyframes do not count": {func(n int) time.Duration {
			if n%30 == 0 {
				return 90 * ms
			}
			return 6 * ms
		}, constantly(56 * ms), 56 * ms, 56 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			a := &aligner{}
			out := play(a, 0, 5*time.Second, c.video, c.sound)
			newest := map[media.Track]time.Duration{}
			for _, o := range out {
				require.Greater(t, o.pts, newest[o.track], "the order changed")
				newest[o.track] = o.pts
			}
			if c.wantVideo > 0 {
				require.InDelta(t, c.wantVideo.Seconds(), medianAge(out, media.Video).Seconds(), 0.003)
			}
			if c.wantSound > 0 {
				require.InDelta(t, c.wantSound.Seconds(), medianAge(out, media.Opus).Seconds(), 0.003)
			}
		})
	}
}

// Sound that ends does not hold video up for longer than its age was measured.
func TestNothingWaitsForSoundThatEnded(t *testing.T) {
	a := &aligner{}
	fast := constantly(6 * time.Millisecond)
	play(a, 0, 3*time.Second, fast, constantly(56*time.Millisecond))
	require.True(t, a.known)
	out := play(a, 4*time.Second, 8*time.Second, fast, constantly(-1))
	require.InDelta(t, 120, len(out), 1)
	require.False(t, a.known)
	require.Equal(t, 6*time.Millisecond, medianAge(out, media.Video))
	for _, l := range a.lanes {
		require.Empty(t, l.held)
	}
}

// The low-resolution layer counts like the others: all leave at the age of the slowest.
func TestTheLowLayerGoesAlong(t *testing.T) {
	const ms, epoch = time.Millisecond, 37 * time.Hour
	for low, want := range map[time.Duration]time.Duration{10 * ms: 56 * ms, 120 * ms: 120 * ms} {
		a := &aligner{}
		for n := range 20 {
			pts := time.Duration(n) * 40 * ms
			a.add(pts+6*ms, &media.Packet{Track: media.Video, PTS: epoch + pts}, false)
			a.add(pts+56*ms, &media.Packet{Track: media.Opus, PTS: epoch + pts}, false)
			a.add(pts+low, &media.Packet{Track: media.Video, PTS: epoch + pts}, true)
		}
		require.Equal(t, want, a.age+epoch)
		p, isLow, _ := a.next(want)
		require.Equal(t, epoch, p.PTS)
		require.False(t, isLow)
		lows := 0
		for p != nil {
			if p, isLow, _ = a.next(time.Minute); isLow {
				lows++
			}
		}
		require.Equal(t, 20, lows)
	}
}
