package clock

import (
	"math/bits"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	kernel  = windows.NewLazySystemDLL("kernel32.dll")
	counter = kernel.NewProc("QueryPerformanceCounter")
	rate    = read(kernel.NewProc("QueryPerformanceFrequency"))
)

// read calls a function that fills in a number; neither of the two fails from Windows XP on.
func read(f *windows.LazyProc) (n uint64) {
	_, _, _ = f.Call(uintptr(unsafe.Pointer(&n)))
	return n
}

// Now is the time since some moment before the process started. GStreamer's system clock reads the same counter.
func Now() time.Duration {
	high, low := bits.Mul64(read(counter), uint64(time.Second))
	ns, _ := bits.Div64(high, low, rate)
	return time.Duration(ns)
}
