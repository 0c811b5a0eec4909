package replay

import (
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Pauses takes the times at which nothing was kept out of the time line of replay and recordings, so that what was
// before a pause is as old afterwards as it was when the pause began. It decides about packets and times; it has no
// clock and no goroutine.
type Pauses struct {
	mu sync.Mutex
	// causes are why the running pause continues.
	causes PauseCause
	// since is when the running pause began; 0 while there is none.
	since time.Duration
	// from and until are the last pause that has ended, before is the length of all before it.
	from, until, before time.Duration
	needKey             bool // the next frame to keep must be an IDR
}

// PauseCause is a set of reasons for a pause.
type PauseCause uint8

const (
	PauseAsked PauseCause = 1 << iota // by the user
	PauseGone                         // the capture source is gone
)

// Begin starts a pause for a cause; a running one continues.
func (p *Pauses) Begin(now time.Duration, cause PauseCause) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.causes |= cause
	if p.since == 0 {
		p.since = now
	}
}

// End takes back a cause; the running pause ends with its last one.
func (p *Pauses) End(now time.Duration, cause PauseCause) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.causes &^= cause
	if p.since == 0 || p.causes != 0 {
		return
	}
	p.before += p.until - p.from
	p.from, p.until, p.since, p.needKey = p.since, max(now, p.since), 0, true
}

// Keep returns the packet as it is kept, with its time on the time line without pauses; nil when it belongs to a pause.
// wantKey says that an IDR is waited for.
func (p *Pauses) Keep(packet *media.Packet) (kept *media.Packet, wantKey bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	off := p.before + p.until - p.from
	switch {
	case p.since > 0 && packet.PTS >= p.since, packet.PTS < p.until && packet.PTS >= p.from:
		return nil, false
	case packet.PTS < p.from: // it was already in flight when the pause began
		off = p.before
	case p.needKey && packet.Track == media.Video:
		if !packet.Key {
			return nil, true
		}
		p.needKey = false
	}
	if off == 0 {
		return packet, false
	}
	moved := *packet // packets are shared with others, who see them as they are
	moved.PTS -= off
	moved.DTS -= off
	return &moved, false
}

// At is a time of the clock on the time line without pauses; times within a pause are its begin.
func (p *Pauses) At(t time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since > 0 {
		t = min(t, p.since)
	}
	switch {
	case t < p.from:
		return t - p.before
	case t < p.until:
		return p.from - p.before
	}
	return t - p.before - (p.until - p.from)
}
