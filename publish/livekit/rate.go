package livekit

import "time"

const (
	// reduceBelow and raiseAbove are how far the estimate must leave the current bitrate before it is followed.
	reduceBelow, raiseAbove = 0.9, 1.1
	// reduceEvery and raiseEvery are the least times between two changes.
	reduceEvery, raiseEvery = 500 * time.Millisecond, 3 * time.Second
	// soundShare is what the sound track and its headers take of the estimate, in kb/s.
	soundShare = 150
)

// rateControl turns estimates into bitrates for the encoder: down soon, up slowly, never beyond its bounds. The same
// encode fills the local replay, so the floor bounds what a bad network may cost a local clip.
type rateControl struct {
	floor, ceiling int // kb/s
	current        int // kb/s
	changed        time.Time
}

// newRateControl begins with the upper bound.
func newRateControl(floor, ceiling int) rateControl {
	return rateControl{floor: floor, ceiling: ceiling, current: ceiling}
}

// step returns the bitrate in kb/s and whether it is a new one.
func (r *rateControl) step(now time.Time, estimateKbps int) (kbps int, changed bool) {
	want := min(max(estimateKbps-soundShare, r.floor), r.ceiling)
	if estimateKbps >= r.ceiling {
		want = r.ceiling
	}
	since := now.Sub(r.changed)
	reduce := want < r.current && (float64(want) <= reduceBelow*float64(r.current) || want == r.floor) &&
		since >= reduceEvery
	raise := want > r.current && (float64(want) >= raiseAbove*float64(r.current) || want == r.ceiling) &&
		since >= raiseEvery
	if !reduce && !raise {
		return r.current, false
	}
	r.current, r.changed = want, now
	return want, true
}
