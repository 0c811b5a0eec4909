package capture

import (
	"sync"

	"github.com/ebitengine/purego"
)

// arenaMax is M_ARENA_MAX (mallopt(3); malloc.h of glibc): how many heaps the C library's allocator may have. By
// default nearly every thread gets its own: codecs come and go on many threads, and what they leave behind in each heap
// comes to more than the replay.
const arenaMax, arenas = -8, 2

// Prepare sets the process up for capture: it saves much memory. It is called before codecs start threads, since heaps
// that exist stay, as those of Go's first few threads do. It returns whether the C library took the setting; only glibc
// has it, and others do not need it.
func Prepare() bool { return prepare() }

var prepare = sync.OnceValue(func() bool {
	mallopt, err := purego.Dlsym(purego.RTLD_DEFAULT, "mallopt")
	if err != nil {
		return false
	}
	param := arenaMax
	r, _, _ := purego.SyscallN(mallopt, uintptr(param), arenas)
	return int32(r) == 1
})
