//go:build unix

package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// start is one moment on both clocks. Go's own monotonic clock is the system's with another zero, and is read without a
// system call.
var start, offset = anchor()

// anchor reads both clocks several times, to keep the pair with the least time between the two.
func anchor() (best time.Time, offset time.Duration) {
	least := time.Duration(1<<63 - 1)
	for range 16 {
		before := time.Now()
		var t unix.Timespec
		if err := unix.ClockGettime(monotonic, &t); err != nil {
			panic("the system has no monotonic clock: " + err.Error()) // POSIX demands it
		}
		if took := time.Since(before); took < least {
			best, offset, least = before, time.Duration(t.Nano())-took/2, took
		}
	}
	return best, offset
}

// Now is the time since some moment before the process started.
func Now() time.Duration { return offset + time.Since(start) }
