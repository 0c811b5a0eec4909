// Package clock is the time line of everything that is captured: nanoseconds of the system's monotonic clock, the one
// that GStreamer's system clock and X11's and PipeWire's time stamps are read from. It owns no goroutine and needs no
// library to be loaded.
package clock
