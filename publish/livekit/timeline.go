package livekit

import (
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// ntpEpoch is the number of seconds from the NTP epoch (1900) to the Unix epoch (RFC 5905, figure 4).
const ntpEpoch = 2208988800

// timeline ties the clock that stamps packets to wall-clock time. Both tracks of a session share one, so samples with
// equal PTS get equal NTP times in the sender reports, however long either took to be encoded; that is what receivers
// synchronise by (RFC 3550, 6.4.1).
//
// The wall clock is read once, at the anchor, and advanced by the monotonic clock from there: a step of the wall clock
// does not separate sound and video.
type timeline struct {
	wall time.Time     // with its monotonic reading
	pts  time.Duration // what the packets' clock said at that moment
}

// at returns the packets' clock and the NTP time at a moment.
func (t timeline) at(now time.Time) (pts time.Duration, ntp uint64) {
	elapsed := now.Sub(t.wall)
	return t.pts + elapsed, toNTP(t.wall.Add(elapsed))
}

// toNTP is the 64-bit NTP time: seconds in the upper half, fractions of 2^-32 s in the lower.
func toNTP(t time.Time) uint64 {
	ns := uint64(t.Nanosecond())
	return uint64(t.Unix()+ntpEpoch)<<32 | (ns<<32)/uint64(time.Second)
}

// rtpTime converts a PTS to ticks of rate Hz, modulo 2^32, from a random base (RFC 3550, 5.1).
func rtpTime(pts time.Duration, rate, base uint32) uint32 {
	return base + uint32(media.ToTicks(pts, int64(rate)))
}
