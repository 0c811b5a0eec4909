package replay

import (
	"slices"
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
	// ended are the last pauses that have ended, total is the length of all that have.
	ended   []pause
	total   time.Duration
	needKey bool // the next frame to keep must be an IDR
}

type pause struct{ from, until time.Duration }

// remembered is how many pauses that have ended are known by themselves. Times before them count as behind them all;
// nobody asks for those: a save may wait for minutes.
const remembered = 100

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
	last := pause{p.since, max(now, p.since)}
	p.ended = append(p.ended[max(0, len(p.ended)+1-remembered):], last)
	p.total += last.until - last.from
	p.since, p.needKey = 0, true
}

// Keep returns the packet as it is kept, with its time on the time line without pauses; nil when it belongs to a pause.
// wantKey says that an IDR is waited for.
func (p *Pauses) Keep(packet *media.Packet) (kept *media.Packet, wantKey bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, paused := p.line(packet.PTS)
	if paused || p.since > 0 && packet.PTS >= p.since {
		return nil, false
	}
	// What is from before the last pause was already in flight when that began.
	if n := len(p.ended); n > 0 && packet.PTS >= p.ended[n-1].until && p.needKey && packet.Track == media.Video {
		if !packet.Key {
			return nil, true
		}
		p.needKey = false
	}
	off := packet.PTS - at
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
	at, _ := p.line(t)
	return at
}

// line is At as to the pauses that have ended, and whether the time is within one. It runs under the lock.
func (p *Pauses) line(t time.Duration) (at time.Duration, paused bool) {
	off := p.total
	for _, x := range slices.Backward(p.ended) {
		if t >= x.until {
			break
		}
		off -= x.until - x.from
		if t >= x.from {
			return x.from - off, true
		}
	}
	return t - off, false
}
