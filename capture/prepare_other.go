//go:build !linux

package capture

// Prepare sets the process up for capture; here nothing is to be done.
func Prepare() {}
