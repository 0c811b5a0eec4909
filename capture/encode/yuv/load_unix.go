//go:build linux || darwin || freebsd

package yuv

import "github.com/ebitengine/purego"

var yuvLibraries = []string{"libyuv.so.0", "libyuv.so", "libyuv.dylib"}

func openLibrary(name string) (uintptr, error) {
	return purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

func lookup(handle uintptr, name string) (uintptr, error) { return purego.Dlsym(handle, name) }
