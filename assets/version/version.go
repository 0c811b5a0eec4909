// Package version knows which build this is. It owns no goroutine and needs no closing.
package version

import "runtime/debug"

// stamped is set by the linker in packages: -ldflags "-X
// github.com/hindsight-app/hindsight/assets/version.stamped=1.2.3".
var stamped string

// String returns the version of this build, such as "1.2.3" or "1.2.3-4-gabcdef0": what the linker stamped, else the
// version of the module as Go recorded it, else "0.1.0-dev".
func String() string {
	if stamped != "" {
		return stamped
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.1.0-dev"
}
