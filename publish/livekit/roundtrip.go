package livekit

import "time"

const (
	// firstRoundTrip stands in for the round trip before it is known.
	firstRoundTrip = 200 * time.Millisecond
	// leastFor is how long the least round trip counts, at least; a path may have become longer for good.
	leastFor = 5 * time.Second
	// queueFree is how much of a queue the encoder's bitrate does not heed, queueFull how much more brings it down to
	// leastShare of the estimate.
	queueFree, queueFull = 200 * time.Millisecond, 400 * time.Millisecond
	leastShare           = 0.25
)

// roundTrips follows how long a packet and the report about it take. What they take beyond the least of late is a queue
// on the path. The estimate alone lets a queue drain slowly, since it only stays some percent below what the path
// carries; what is lost in the meantime waits a whole queue to be sent again, and that is what viewers see as a frozen
// frame.
type roundTrips struct {
	last   time.Duration    // smoothed upwards; a shorter one counts at once
	least  [2]time.Duration // of the last leastFor and of that before; 0 is none yet
	turned time.Time
}

// add takes a round trip.
func (r *roundTrips) add(now time.Time, sample time.Duration) {
	if r.last == 0 || sample < r.last {
		r.last = sample
	}
	r.last += (sample - r.last) / 2
	if now.Sub(r.turned) > leastFor {
		r.least[1], r.least[0], r.turned = r.least[0], 0, now
	}
	if r.least[0] == 0 || sample < r.least[0] {
		r.least[0] = sample
	}
}

// current is the round trip now.
func (r *roundTrips) current() time.Duration {
	if r.last == 0 {
		return firstRoundTrip
	}
	return r.last
}

// queue is how long packets wait on the path.
func (r *roundTrips) queue() time.Duration {
	least := r.least[0]
	if r.least[1] > 0 {
		least = min(least, r.least[1])
	}
	return r.last - least
}

// share is how much of the estimate the encoder may have, for the queue to drain.
func (r *roundTrips) share() float64 {
	return max(leastShare, 1-max(0, float64(r.queue()-queueFree))/float64(queueFull))
}
