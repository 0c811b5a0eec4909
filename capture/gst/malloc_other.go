//go:build !linux

package gst

func trim() {}
