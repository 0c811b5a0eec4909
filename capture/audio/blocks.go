package audio

import (
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mix"
)

const (
	// blockFrames is the length of one mixed block in sample frames: 20 ms, one Opus packet.
	blockFrames = 960
	blockLength = blockFrames * time.Second / media.SampleRate
	// mixDelay is how long after its end a block is mixed, so that sources that are on time need no attention. A
	// source that runs and is later is waited for, up to mostDelay, and looked at every lookAgain.
	mixDelay, mostDelay = 30 * time.Millisecond, time.Second
	lookAgain           = 5 * time.Millisecond
	// calmAfter is how long nothing must have been late for the delay to shrink, by half of what it is longer than
	// mixDelay and by no less than delayStep.
	calmAfter = 30 * time.Second
	delayStep = 30 * time.Millisecond
)

// blocks decides which block of sound is mixed when. It only decides: it has no clock and waits for nothing.
type blocks struct {
	// at is when the next block begins.
	at time.Duration
	// delay is how long after its end a block is mixed at the earliest: as long as the latest source took of late, so
	// that packets leave at an even pace.
	delay time.Duration
	// held says that the next block is waited for beyond that.
	held bool
	// calm is since when no block was held.
	calm time.Duration
}

func newBlocks(now time.Duration) blocks {
	return blocks{at: now.Truncate(blockLength), delay: mixDelay, calm: now}
}

// wait is how long to wait before it is asked again; 0 says that the next block is to be mixed. awaited returns whether
// the sound of the block that begins at the time is still to come. Whoever mixes too late finds all blocks due at once,
// but for those whose sound the mixer does not hold anymore: the machine slept.
func (b *blocks) wait(now time.Duration, awaited func(begin time.Duration) bool) time.Duration {
	if now-b.at > mix.Reach {
		b.at, b.held = (now-mix.Reach).Truncate(blockLength)+blockLength, false
	}
	if early := b.at + blockLength + b.delay - now; early > 0 {
		return early
	}
	if awaited(b.at) {
		b.held = true
		return lookAgain
	}
	return 0
}

// mixed moves on to the next block.
func (b *blocks) mixed(now time.Duration) {
	b.at += blockLength
	took := now - b.at
	switch {
	case b.held:
		b.held, b.calm = false, now
		if took < mostDelay-blockLength { // otherwise it was given up
			b.delay = max(b.delay, took)
		}
	case now-b.calm > calmAfter:
		b.delay = max(mixDelay, b.delay-max(delayStep, (b.delay-mixDelay)/2))
		b.calm = now
	}
}
