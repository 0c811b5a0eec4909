//go:build !linux

package gst

func limitArenas() {}
