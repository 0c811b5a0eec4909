package video

import "time"

// noSlot is the place of a frame that came when its slot was filled already: it is shown in place of the next repeat.
const noSlot = -1

// work is what a stream has to do next: to show the slots from one to before another, with a frame in one of them and
// repeats in all others.
type work struct {
	shape    shape
	from, to int64
	frame    *shared // nil for repeats only
	at       int64   // the frame's slot, or noSlot
}

// merge adds later work to what waits. It returns a frame that is not shown: the newer one includes its changes.
func (w *work) merge(later work) (left *shared) {
	if w.shape != later.shape { // another size, or slots of another length
		left = w.frame
		*w = later
		return left
	}
	switch {
	case later.from == later.to:
	case w.from == w.to || later.from != w.to: // the first, or behind a gap
		w.from, w.to = later.from, later.to
	default:
		w.to = later.to
	}
	w.from = max(w.from, w.to-slots(longestFill, w.shape.fps))
	switch {
	case later.frame == nil:
	case later.at == noSlot && w.frame != nil: // it takes the place of the one that waits
		left, w.frame = w.frame, later.frame
	default:
		left, w.frame, w.at = w.frame, later.frame, later.at
	}
	if w.frame != nil && w.at < w.from {
		w.at = noSlot
	}
	return left
}

// slots is how many fit into a time.
func slots(d time.Duration, fps int) int64 { return int64(d.Seconds() * float64(fps)) }
