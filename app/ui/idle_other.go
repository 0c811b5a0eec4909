//go:build !linux

package ui

import "sync/atomic"

// newIdle never waits: the trays of other systems live in the main goroutine, and need it awake.
func newIdle(*atomic.Bool) *idle { return &idle{} }
