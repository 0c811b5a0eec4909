package publish

import (
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// ageSpan is how far back ages are measured, ageEvery how often the common age is set from them.
	ageSpan, ageEvery = 2 * time.Second, 100 * time.Millisecond
	// ageStep is the least change of the common age that counts, so that packets leave at an even pace. A packet that
	// is no further below the common age leaves at once, without a timer.
	ageStep = 3 * time.Millisecond
	// longestHold bounds how long a packet is held, whatever the other track does.
	longestHold = 250 * time.Millisecond
)

// aligner makes sound and video of one moment leave together. The mixer holds sound some 50 ms longer than the encoder
// holds video; receivers that date packets by their arrival instead of by sender reports would play them that far
// apart. Whichever track is ahead is held until its packets are as old as the other track's usually are. The age of a
// packet is the time now less its PTS; the two clocks may begin at different moments, since only the difference of
// ages counts.
//
// The low-resolution layer of the video goes along where there is one: viewers change between the layers.
//
// It only decides, without a clock or goroutine: add takes what was read, next says what leaves when. The order
// within a track stays. While video or sound has been silent for ageSpan, nothing is held.
type aligner struct {
	lanes  [laneCount]lane
	age    time.Duration
	known  bool // age holds; otherwise everything leaves at once
	lookAt time.Duration
}

// The lanes.
const (
	videoLane = iota
	soundLane
	lowLane // the low-resolution layer
	laneCount
)

// lane is one track, or a layer of it.
type lane struct {
	held []heldPacket
	ages []agedAt
}

type heldPacket struct {
	packet *media.Packet
	since  time.Duration
}

type agedAt struct{ at, age time.Duration }

// laneOf is a packet's lane; low says that it is of the low-resolution layer.
func laneOf(p *media.Packet, low bool) int {
	switch {
	case low:
		return lowLane
	case p.Track == media.Video:
		return videoLane
	}
	return soundLane
}

// add takes a packet that was read now.
func (a *aligner) add(now time.Duration, p *media.Packet, low bool) {
	l := &a.lanes[laneOf(p, low)]
	l.held = append(l.held, heldPacket{p, now})
	l.ages = append(l.ages, agedAt{now, now - p.PTS})
	if now >= a.lookAt || !a.known {
		a.look(now)
	}
}

// look sets the common age.
func (a *aligner) look(now time.Duration) {
	a.lookAt = now + ageEvery
	video, ok1 := a.lanes[videoLane].typical(now)
	sound, ok2 := a.lanes[soundLane].typical(now)
	if !ok1 || !ok2 {
		a.known = false
		return
	}
	age := max(video, sound)
	if low, ok := a.lanes[lowLane].typical(now); ok {
		age = max(age, low)
	}
	if !a.known || age >= a.age+ageStep || age <= a.age-ageStep {
		a.age, a.known = age, true
	}
}

// typical is the age that three quarters of a track's packets did not exceed of late: a few that were late, such as
// keyframes, do not count.
func (l *lane) typical(now time.Duration) (time.Duration, bool) {
	l.ages = slices.DeleteFunc(l.ages, func(s agedAt) bool { return now-s.at > ageSpan })
	if len(l.ages) == 0 {
		return 0, false
	}
	ages := make([]time.Duration, len(l.ages))
	for i, s := range l.ages {
		ages[i] = s.age
	}
	slices.Sort(ages)
	return ages[(len(ages)-1)*3/4], true
}

// next takes a packet that is to leave now, and says whether it is of the low-resolution layer. If there is none it
// returns nil and how long to wait for the next one; 0 if nothing is held.
func (a *aligner) next(now time.Duration) (p *media.Packet, low bool, wait time.Duration) {
	var first *lane
	var due time.Duration
	for i := range a.lanes {
		l := &a.lanes[i]
		if len(l.held) == 0 {
			continue
		}
		if at := a.due(l.held[0]); first == nil || at < due {
			first, due = l, at
		}
	}
	if first == nil {
		return nil, false, 0
	}
	if due > now {
		return nil, false, due - now
	}
	p = first.held[0].packet
	first.held = slices.Delete(first.held, 0, 1)
	return p, first == &a.lanes[lowLane], 0
}

// due is when a packet leaves.
func (a *aligner) due(h heldPacket) time.Duration {
	at := h.packet.PTS + a.age
	if !a.known || at <= h.since+ageStep {
		return h.since
	}
	return min(at, h.since+longestHold)
}
