package mix

import (
	"sync"
	"time"
)

// Canceller takes the echo of one source out of another.
type Canceller interface {
	// Cancel takes what far became out of near. Blocks are as long as those that are mixed and follow each other.
	Cancel(near, far []float32)
	// Late is by how much what Cancel leaves is later than what it was given.
	Late() time.Duration
}

// echo is where two inputs meet, of which one picks up the other.
type echo struct {
	mu        sync.Mutex // held while the canceller works
	canceller Canceller
	lead      time.Duration
	near, far *Input // far has its own read position in the other input
	block     []float32
}

// CancelEcho takes the echo of one input out of another's sound, before gain and mute of either. The canceller gets
// what far is read earlier by lead. A nil one ends it; once CancelEcho returns, the one before is not used anymore.
func (m *Mixer) CancelEcho(near, far *Input, lead time.Duration, c Canceller) {
	e := &m.echo
	e.mu.Lock()
	defer e.mu.Unlock()
	e.canceller, e.near, e.lead = c, near, lead
	far.mu.Lock()
	defer far.mu.Unlock()
	if c == nil {
		e.far, far.side = nil, nil
	} else if far.side == nil {
		far.side = newInput()
		e.far = far.side
	}
}

// read fills dst with what is left of an input's sound; it returns false for all inputs but the one to be freed of
// echo.
func (e *echo) read(in *Input, pts time.Duration, dst []float32) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.canceller == nil || in != e.near {
		return false
	}
	if len(e.block) < len(dst) {
		e.block = make([]float32, len(dst))
	}
	pts += e.canceller.Late()
	in.read(pts, dst)
	e.far.read(pts+e.lead, e.block[:len(dst)])
	e.canceller.Cancel(dst, e.block[:len(dst)])
	return true
}

// late is by how much later an input is captured than it is mixed.
func (e *echo) late(in *Input) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.canceller == nil || in != e.near {
		return 0
	}
	return e.canceller.Late()
}

// awaited says whether what makes the echo is still to come, as Input.awaited does.
func (e *echo) awaited(pts time.Duration, frames int, since time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.canceller != nil && e.far.awaited(pts+e.canceller.Late()+e.lead, frames, since)
}
