//go:build !linux || !cgo

// Package precheck ends the program with a sentence when no X display answers. On this system there is none to ask.
package precheck
