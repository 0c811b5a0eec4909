package gst

import (
	"os"
	"sync"
	"syscall"

	"github.com/ebitengine/purego"
)

// arenaMax is what the C library's allocator reads when a program starts: how many heaps it may have at most
// (mallopt(3), M_ARENA_MAX). again says that it was set by LimitArenas.
const (
	arenaMax = "MALLOC_ARENA_MAX"
	arenas   = "2"
	again    = "HINDSIGHT_ARENAS_LIMITED"
)

// LimitArenas, called before anything else, keeps the C library from giving nearly every thread a heap of its own, as it does
// by default: codecs come and go on many threads, and what they leave behind in each heap comes to more than the replay. Each
// thread that Go starts gets its heap before any of our code runs, so the limit has to be there when the program begins: it
// starts itself anew in its own place, once. Where that fails it goes on as it is. Other C libraries than glibc have no such
// setting and do not need it.
func LimitArenas() {
	if os.Getenv(again) != "" {
		_ = os.Unsetenv(again) // programs that are started from here decide for themselves
		_ = os.Unsetenv(arenaMax)
		return
	}
	if os.Getenv(arenaMax) != "" {
		return
	}
	if self, err := os.Executable(); err == nil {
		_ = syscall.Exec(self, os.Args, append(os.Environ(), arenaMax+"="+arenas, again+"=1")) // #nosec G204 -- this program itself, with its own arguments
	}
}

// mallocTrim is malloc_trim(3), which only glibc has; 0 elsewhere.
var mallocTrim = sync.OnceValue(func() uintptr {
	address, err := purego.Dlsym(purego.RTLD_DEFAULT, "malloc_trim")
	if err != nil {
		return 0
	}
	return address
})

// trim gives back to the system what the C library's allocator keeps for later. A decoder leaves pictures of several MiB.
func trim() {
	if f := mallocTrim(); f != 0 {
		purego.SyscallN(f, 0)
	}
}
