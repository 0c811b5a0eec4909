package media

import "time"

// ToTicks is the number of ticks next to a time, of a clock that ticks rate times a second (Hz, below 2^32): 90,000 for
// video (RFC 6184, 8.2.1), the sample rate for sound. It does not overflow where the result fits.
func ToTicks(d time.Duration, rate int64) int64 {
	seconds, rest := int64(d/time.Second), int64(d%time.Second)
	return seconds*rate + nearest(rest*rate, int64(time.Second))
}

// FromTicks is the time of a number of ticks of rate Hz, to the nearest nanosecond. It does not overflow where the
// result fits, and ToTicks of it is the same number of ticks again for rates up to 10^9 Hz.
func FromTicks(ticks, rate int64) time.Duration {
	return time.Duration(ticks/rate)*time.Second + time.Duration(nearest(ticks%rate*int64(time.Second), rate))
}

// nearest divides and rounds to the nearest, halves away from zero.
func nearest(n, by int64) int64 {
	half := by / 2
	if n < 0 {
		half = -half
	}
	return (n + half) / by
}
