package x11

import "time"

// repeatGap is longer than the pause between the up and the down of one automatic repeat (0 to 1 ms on X servers), and
// shorter than two presses by hand.
const repeatGap = 20 * time.Millisecond

// repeatFilter tells a press from the automatic repeat of a held key.
type repeatFilter struct {
	held  bool
	timer <-chan time.Time
}

// down answers whether this is a new press.
func (r *repeatFilter) down() bool {
	fresh := !r.held
	r.held, r.timer = true, nil
	return fresh
}

// up starts the wait that tells a release from a repeat.
func (r *repeatFilter) up() { r.timer = time.After(repeatGap) }

// released fires when the key really came up.
func (r *repeatFilter) released() <-chan time.Time { return r.timer }

func (r *repeatFilter) settle() { r.held, r.timer = false, nil }
