package gst

import (
	"sync"

	"github.com/ebitengine/purego"
)

// mallocTrim is malloc_trim(3), which only glibc has; 0 elsewhere.
var mallocTrim = sync.OnceValue(func() uintptr {
	address, err := purego.Dlsym(purego.RTLD_DEFAULT, "malloc_trim")
	if err != nil {
		return 0
	}
	return address
})

// trim gives back to the system what the C library's allocator keeps for later. A decoder leaves frames of several
// MiB.
func trim() {
	if f := mallocTrim(); f != 0 {
		purego.SyscallN(f, 0)
	}
}
