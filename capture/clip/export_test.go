package clip

import (
	"testing"
	"time"
)

// WithoutCover ends a recording without a cover, whose decoder needs more of the system than files do.
func (r *Recording) WithoutCover() { r.key = nil }

// Patience is how long a drive may take for a clip.
func Patience(r Request) time.Duration { return r.patience() }

// SetHangWait shortens how long a folder that hangs is waited for.
func SetHangWait(t *testing.T, d time.Duration) {
	old := hangWait
	hangWait = d
	t.Cleanup(func() { hangWait = old })
}
