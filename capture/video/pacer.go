package video

import (
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// pacer puts frames on a constant frame rate: slot n lies at n/fps on the clock. It only decides; it has no clock and
// does nothing itself.
type pacer struct {
	fps  int
	next int64 // the slot to fill next; 0 before the first frame
}

const (
	// holdFor is how long a slot waits for its frame before the last one is repeated.
	holdFor = 150 * time.Millisecond
	// longestFill is the longest gap that is filled with repeats; after a longer one (the machine slept) the time line
	// continues with a gap.
	longestFill = 2 * time.Second
)

func (p *pacer) slotTime(n int64) time.Duration { return media.FromTicks(n, int64(p.fps)) }

// stamp is the PTS of the frame in a slot. What a frame shows first happened at some time in the frame before it
// was taken, half a frame ago on average, and is then shown for a whole frame: an eighth of a frame earlier shares the
// error between the begin and the middle of what the viewer sees.
func (p *pacer) stamp(n int64) time.Duration {
	return p.slotTime(n) - time.Second/time.Duration(8*p.fps)
}

// slotOf is the slot that a frame taken at the time belongs to.
func (p *pacer) slotOf(at time.Duration) int64 {
	at += time.Microsecond // slot times are rounded
	sec := int64(at / time.Second)
	return sec*int64(p.fps) + int64(at%time.Second)*int64(p.fps)/int64(time.Second)
}

// frame decides about a frame taken at the time: how many slots before it to fill with repeats, from which slot on,
// which slot it gets itself, and whether to use it at all (its slot may be filled already).
func (p *pacer) frame(at time.Duration) (fill int64, from, slot int64, use bool) {
	slot = p.slotOf(at)
	if p.next != 0 && slot < p.next {
		return 0, 0, 0, false
	}
	if p.next != 0 && p.slotTime(slot)-p.slotTime(p.next) <= longestFill {
		fill, from = slot-p.next, p.next
	}
	p.next = slot + 1
	return fill, from, slot, true
}

// wait is how long no slot is due to be filled with a repeat; idle is asked then.
func (p *pacer) wait(now time.Duration) time.Duration {
	if p.next == 0 {
		return holdFor
	}
	return max(p.slotTime(p.next)+holdFor-now, tick)
}

// idle decides at a time without a frame: how many slots to fill with repeats, and from which on.
func (p *pacer) idle(now time.Duration) (fill int64, from int64) {
	if p.next == 0 {
		return 0, 0
	}
	last := p.slotOf(now - holdFor)
	if last < p.next {
		return 0, 0
	}
	if p.slotTime(last)-p.slotTime(p.next) > longestFill {
		p.next = last
	}
	fill, from = last-p.next+1, p.next
	p.next = last + 1
	return fill, from
}
