package encode

import "time"

// refine is how often a frame that stays is encoded: what was too much for one frame's bits gets better in the
// next.
const refine = 5

// HasFrame says whether there is one to repeat. It belongs to the goroutine of Encode and Repeat.
func (v *Video) HasFrame() bool { return v.last != nil }

// Repeat shows the last frame again; without one it does nothing. With skipOnly the encoder, which is behind, is left
// out of it: where its stream does not allow that, nothing is shown.
func (v *Video) Repeat(pts time.Duration, skipOnly bool) error {
	if err := v.err(); err != nil || v.last == nil {
		return err
	}
	v.repeats++
	if skipOnly || (v.repeats > refine && !v.keyIsDue()) {
		if v.insert(pts) {
			v.sinceKey++
			return nil
		}
		if skipOnly {
			return nil
		}
	}
	return v.push(v.last.buffer.Again(), pts)
}

// waiting is a frame to be shown again once the encoder has delivered so many.
type waiting struct {
	after int64
	pts   time.Duration
}

// insert shows the last frame again without the encoder, after what is still inside it.
func (v *Video) insert(pts time.Duration) bool {
	v.order.Lock()
	defer v.order.Unlock()
	if !v.kind.canInsertSkips || !v.skips.ready() {
		return false
	}
	v.waiting = append(v.waiting, waiting{v.pushed.Load(), pts})
	v.insertDue()
	return true
}

// insertDue shows what waits for frames that the encoder has delivered by now.
func (v *Video) insertDue() {
	for len(v.waiting) > 0 && v.waiting[0].after <= v.pulled.Load() {
		if nals, ok := v.skips.frame(); ok {
			v.send(nals, v.waiting[0].pts)
		}
		v.waiting = v.waiting[1:]
	}
}

func (v *Video) keyIsDue() bool {
	return v.wantKey.Load() || v.sinceKey >= KeyInterval*v.config.FrameRate
}
