package x11

import "time"

// repeatGap is longer than the pause between the up and the down of one automatic repeat (short, and
// what a busy machine adds), and shorter than two presses by hand.
const repeatGap = 40 * time.Millisecond

// repeatFilter tells a press from the automatic repeat of a held key. It counts, because ups and downs arrive on two
// channels and so in any order: a key is up when as many ups as downs have come, and no more within repeatGap.
type repeatFilter struct {
	held  bool
	open  int // downs without their up
	timer <-chan time.Time
}

// down returns whether this is a new press.
func (r *repeatFilter) down() bool {
	fresh := !r.held
	r.held = true
	r.count(1)
	return fresh
}

func (r *repeatFilter) up() { r.count(-1) }

func (r *repeatFilter) count(n int) {
	r.open += n
	r.timer = nil
	if r.held && r.open <= 0 {
		r.timer = time.After(repeatGap)
	}
}

// released fires when the key really came up.
func (r *repeatFilter) released() <-chan time.Time { return r.timer }

func (r *repeatFilter) settle() { *r = repeatFilter{} }
