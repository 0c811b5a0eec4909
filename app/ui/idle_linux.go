package ui

import (
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"github.com/go-gl/glfw/v3.4/glfw"
	"golang.org/x/sys/unix"
)

// newIdle waits with the functions of GLFW, which Fyne is built on: glfwWaitEventsTimeout is for the main thread,
// glfwPostEmptyEvent for any (GLFW/glfw3.h). It is made on the main goroutine, which Fyne has locked to its thread.
func newIdle(ended *atomic.Bool) *idle {
	main := unix.Gettid()
	return &idle{
		do: func(f func()) {
			fyne.Do(func() {
				// While Fyne ends it runs what it is given in the caller's goroutine; GLFW is gone then.
				if !ended.Load() && unix.Gettid() == main {
					f()
				}
			})
		},
		wait: func(d time.Duration) { glfw.WaitEventsTimeout(d.Seconds()) },
		post: glfw.PostEmptyEvent,
	}
}
