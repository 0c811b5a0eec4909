package clock

import "golang.org/x/sys/unix"

// monotonic is mach_absolute_time in nanoseconds, which GStreamer's system clock and Go's runtime read.
const monotonic = unix.CLOCK_UPTIME_RAW
