//go:build !linux

package gst

// LimitArenas does nothing here.
func LimitArenas() {}

func trim() {}
