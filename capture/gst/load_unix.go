//go:build linux || darwin || freebsd

package gst

import (
	"runtime"

	"github.com/ebitengine/purego"
)

func openLibrary(base string) (uintptr, error) {
	name := "lib" + base + ".so.0"
	if runtime.GOOS == "darwin" {
		name = "lib" + base + ".0.dylib"
	}
	return purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_GLOBAL)
}

func lookup(handle uintptr, name string) (uintptr, error) { return purego.Dlsym(handle, name) }
