package gst

import "github.com/ebitengine/purego"

// mallocArenas is how many heaps the C library may have, arenaMax mallopt's name for that (malloc.h, M_ARENA_MAX).
const mallocArenas, arenaMax = 2, -8

// LimitArenas, called before there are many threads, keeps the C library from giving nearly every thread a heap of its own, as it does by default: codecs come
// and go on many threads, and what they leave behind in each heap would come to more than 100 MiB. Other C libraries
// than glibc have no such setting and do not need it.
func LimitArenas() {
	libc, err := purego.Dlopen("libc.so.6", purego.RTLD_NOW)
	if err != nil {
		return
	}
	address, err := purego.Dlsym(libc, "mallopt")
	if err != nil {
		return
	}
	var mallopt func(parameter, value int32) int32
	purego.RegisterFunc(&mallopt, address)
	mallopt(arenaMax, mallocArenas)
}
