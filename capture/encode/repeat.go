package encode

import "time"

// refine is how often a picture that stays is encoded: what was too much for one picture's bits gets better in the next.
const refine = 5

// HasPicture says whether there is one to repeat. It belongs to the goroutine of Encode and Repeat.
func (v *Video) HasPicture() bool { return v.last != nil }

// Repeat shows the last picture again; without one it does nothing.
func (v *Video) Repeat(pts time.Duration) error {
	if err := v.err(); err != nil || v.last == nil {
		return err
	}
	if v.repeats++; v.repeats > refine && !v.keyIsDue() && v.insert(pts) {
		v.sinceKey++
		return nil
	}
	return v.push(v.last.Again(), pts)
}

// insert shows the last picture again without the encoder, where the stream allows it and nothing is on its way.
func (v *Video) insert(pts time.Duration) bool {
	v.order.Lock()
	defer v.order.Unlock()
	if !v.kind.repeats || v.Pending() > 0 {
		return false
	}
	nals, ok := v.still.picture()
	if ok {
		v.send(nals, pts)
	}
	return ok
}

func (v *Video) keyIsDue() bool {
	return v.wantKey.Load() || v.sinceKey >= KeyInterval*v.config.FrameRate
}
