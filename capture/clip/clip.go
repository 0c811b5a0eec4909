// Package clip turns packets into MP4 files and keeps their names.
package clip

import "time"

// Clip describes a saved file.
type Clip struct {
	Path string `json:"path"`
	// Seconds is the exact playing time.
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`
	Width   int     `json:"width"`
	Height  int     `json:"height"`
	// Created is the moment of the key press.
	Created time.Time `json:"created"`
	// SaveMS is the time from the press to the complete file in milliseconds; 0 for a clip found on disk.
	SaveMS float64 `json:"save_ms,omitempty"`
}
