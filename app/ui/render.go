package ui

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// drawnInSoftware is whether no graphics card draws the window. Mesa's software renderer (llvmpipe) then does, and each
// frame of a window of this size takes some 30 ms of CPU time: Fyne draws all of it for every change.
var drawnInSoftware = sync.OnceValue(func() bool {
	if runtime.GOOS != "linux" {
		return false
	}
	nodes, _ := filepath.Glob("/dev/dri/renderD*")
	_, err := os.Stat("/dev/nvidiactl") // which has no render node without its kernel mode setting
	return os.Getenv("LIBGL_ALWAYS_SOFTWARE") == "1" || len(nodes) == 0 && err != nil
})

// levelEvery is how often level meters move at most.
func levelEvery() time.Duration {
	if drawnInSoftware() {
		return time.Second
	}
	return 0 // as often as there are levels
}
