//go:build !linux

package capture

// Prepare sets the process up for capture; here nothing is to be done, and false says so.
func Prepare() bool { return false }
