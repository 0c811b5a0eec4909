//go:build unix && !darwin

package clock

import "golang.org/x/sys/unix"

// monotonic is what GStreamer's system clock reads (gst/gstsystemclock.c), and Go's runtime.
const monotonic = unix.CLOCK_MONOTONIC
