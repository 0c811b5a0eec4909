package audio

import (
	"math"
	"math/cmplx"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mix"
)

// talker is a simulated device that records a steady tone, 500 Hz on the left and 2 Hz on the right. It
// delivers it in chunks of 20 ms, all that there are at each moment that comes says, and stamps them as they arrive.
type talker struct {
	in     *mix.Input
	comes  func(time.Duration) time.Duration // the delivery after one
	next   time.Duration
	heard  time.Duration
	broken bool // what it records is lost
}

const talk = 20 * time.Millisecond

// until delivers what arrives up to the time.
func (d *talker) until(now time.Duration) {
	for ; d.next <= now; d.next = d.comes(d.next) {
		for ; d.heard+talk <= d.next; d.heard += talk {
			samples := make([]float32, media.DurationToSamples(talk)*media.Channels)
			for i := 0; i < len(samples); i += media.Channels {
				at := 2 * math.Pi * (d.heard + media.SamplesToDuration(i/media.Channels)).Seconds()
				samples[i], samples[i+1] = float32(0.25*math.Sin(500*at)), float32(0.25*math.Sin(2*at))
			}
			if !d.broken {
				d.in.Push(media.PCM{PTS: d.next - talk, Samples: samples})
			}
		}
	}
}

// every delivers in such steps.
func every(step time.Duration) func(time.Duration) time.Duration {
	return func(at time.Duration) time.Duration { return at + step }
}

// desk is a mixer on a clock that is stepped.
type desk struct {
	mixer   *mix.Mixer
	blocks  blocks
	now     time.Duration
	talkers []*talker
	// quiet counts blocks in which a talker is more than 1 dB below what it says; latest is the longest time from a
	// block's end to its mixing, off the most that a talker is out of time on average.
	quiet, count int
	latest, off  time.Duration
}

func newDesk(comes ...func(time.Duration) time.Duration) *desk {
	d := &desk{mixer: mix.New(), now: time.Hour, blocks: newBlocks(time.Hour)}
	for _, c := range comes {
		d.talkers = append(d.talkers, &talker{in: d.mixer.AddInput(), comes: c, next: d.now, heard: d.now})
	}
	return d
}

// run steps the clock on.
func (d *desk) run(length time.Duration) {
	d.quiet, d.count, d.latest, d.off = 0, 0, 0, 0
	own := make([][]float32, len(d.talkers))
	for i := range own {
		own[i] = make([]float32, blockFrames*media.Channels)
	}
	phases := make([]complex128, len(own))
	for end := d.now + length; d.now < end; {
		for _, t := range d.talkers {
			t.until(d.now)
		}
		awaited := func(at time.Duration) bool { return d.mixer.Awaits(at, blockFrames, d.now-mostDelay) }
		if wait := d.blocks.wait(d.now, awaited); wait > 0 {
			d.now += wait
			continue
		}
		pts := d.mixer.Mix(d.blocks.at, make([]float32, blockFrames*media.Channels), own...)
		d.blocks.mixed(d.now)
		d.latest = max(d.latest, d.now-d.blocks.at)
		quiet := false
		for i, block := range own {
			power, phase := listenTo(pts, block)
			quiet = quiet || power < 0.8*0.25*0.25/2
			phases[i] += phase
		}
		if quiet {
			d.quiet++
		}
		d.count++
	}
	for _, p := range phases {
		off := time.Duration(-cmplx.Phase(p) / (2 * math.Pi * 2) * float64(time.Second))
		d.off = max(d.off, off, -off)
	}
}

// listenTo is the power of the left channel, and the phase of 2 Hz in the right one as an arrow.
func listenTo(pts time.Duration, block []float32) (power float64, phase complex128) {
	for i := 0; i < len(block); i += media.Channels {
		l, r := float64(block[i]), float64(block[i+1])
		power += l * l / blockFrames
		at := 2 * math.Pi * 2 * (pts + media.SamplesToDuration(i/media.Channels)).Seconds()
		phase += complex(r*math.Sin(at), r*math.Cos(at))
	}
	return power, phase
}

func TestSoundInTimeIsMixedAtOnce(t *testing.T) {
	for early := time.Duration(0); early < talk; early += 3 * time.Millisecond { // devices are not in step with the mixer
		d := newDesk(every(talk), every(talk))
		d.talkers[0].next += early
		d.talkers[0].heard += early
		d.run(10 * time.Second)
		require.LessOrEqual(t, d.quiet, 3, "the begin")
		d.run(time.Minute)
		require.Zero(t, d.quiet)
		require.LessOrEqual(t, d.latest+mix.Latency, 40*time.Millisecond)
	}
}

// A busy machine delivers everything in bursts: nothing is lost, and the delay follows and shrinks again.
func TestLateSoundIsWaitedFor(t *testing.T) {
	for _, late := range []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, 900 * time.Millisecond} {
		d := newDesk(every(talk), every(talk))
		d.run(5 * time.Second)
		d.talkers[0].comes = every(late)
		d.run(20 * time.Second)
		require.Zero(t, d.quiet, "bursts of %v", late)
		require.InDelta(t, 20*time.Second/blockLength, d.count, 50)
		require.Less(t, d.latest, late+60*time.Millisecond)
		require.Greater(t, d.blocks.delay, late/2, "the standing delay follows")
		t.Logf("bursts of %v: latest %v, off by %v", late, d.latest, d.off)
		require.Less(t, d.off, 2*time.Millisecond)
	}
}

func TestDelayShrinksInCalm(t *testing.T) {
	b := newBlocks(time.Hour)
	b.held = true
	b.mixed(time.Hour + blockLength + 900*time.Millisecond)
	require.Equal(t, 900*time.Millisecond, b.delay)
	for range 10 * time.Minute / blockLength {
		b.mixed(b.at + blockLength + b.delay)
	}
	require.Equal(t, mixDelay, b.delay)
}

func TestWhatIsAwayHoldsTheMixUpOnlyOnce(t *testing.T) {
	d := newDesk(every(talk), every(talk))
	d.run(10 * time.Second)
	d.talkers[0].broken = true // without a word
	d.run(5 * time.Second)
	require.LessOrEqual(t, d.latest, mostDelay)
	require.Equal(t, mixDelay, d.blocks.delay, "it was not late, it went away")
	d.run(5 * time.Second)
	require.LessOrEqual(t, d.latest, mixDelay)
	d.talkers[0].broken = false
	d.run(5 * time.Second)
	d.run(5 * time.Second)
	require.Zero(t, d.quiet, "it is back")
	d.talkers[0].broken = true
	d.talkers[0].in.Push(media.PCM{}) // this time it says so
	d.run(5 * time.Second)
	require.LessOrEqual(t, d.latest, mixDelay)
}

// Where the mixing itself got no time, it catches up with all that the inputs hold; where the machine slept it leaves
// out what they do not.
func TestMixingCatchesUp(t *testing.T) {
	d := newDesk(every(talk), every(talk))
	d.run(10 * time.Second)
	for range 5 {
		d.now += 1800 * time.Millisecond
		d.run(5 * time.Second)
		require.Zero(t, d.quiet)
		require.InDelta(t, 6800*time.Millisecond/blockLength, d.count, 2)
	}
	d.now += time.Minute
	d.run(5 * time.Second)
	require.LessOrEqual(t, d.count, int(7*time.Second/blockLength))
	d.run(time.Second)
	require.Zero(t, d.quiet)
}
