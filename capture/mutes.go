package capture

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Mutes are switches that act on the next block mixed, at most 20 ms later, and on the next frame captured, whatever
// else the recorder is doing: who reads them takes no lock, and they do not pass through Apply. A source is silent
// while either its switch or its configuration says so, and so is what was captured in the meantime and is still on its
// way. The zero value mutes nothing. All methods may be called from any goroutine.
type Mutes struct {
	desktop, mic, paused muteSwitch
}

// Set mutes the sources: their sound is neither mixed, nor kept in their own track, nor shown as a level.
func (m *Mutes) Set(desktop, mic bool) {
	m.desktop.set(desktop)
	m.mic.set(mic)
}

// Pause mutes both sources and drops the frames of the screen until it is ended, until an Apply has closed them.
func (m *Mutes) Pause(paused bool) { m.paused.set(paused) }

// Desktop is whether the desktop's sound is silent.
func (m *Mutes) Desktop() bool { return m != nil && (m.desktop.on.Load() || m.paused.on.Load()) }

// Mic is whether the microphone is silent.
func (m *Mutes) Mic() bool { return m != nil && (m.mic.on.Load() || m.paused.on.Load()) }

// switches of the desktop's sound, the microphone and the screen.
func (m *Mutes) switches() (desktop, mic, screen []*muteSwitch) {
	if m == nil {
		return nil, nil, nil
	}
	return []*muteSwitch{&m.desktop, &m.paused}, []*muteSwitch{&m.mic, &m.paused}, []*muteSwitch{&m.paused}
}

// muteSwitch is one switch and how often it was turned off.
type muteSwitch struct {
	on     atomic.Bool
	opened atomic.Uint64
	mu     sync.Mutex // of who sets it
}

func (s *muteSwitch) set(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !on && s.on.Load() {
		s.opened.Add(1) // first, so that who finds the switch off finds this as well
	}
	s.on.Store(on)
}

// gate decides what of a source passes: nothing while one of its switches is on, and afterwards only what was captured
// after the last was turned off. Sound waits up to a second for being mixed.
type gate struct {
	now      func() time.Duration
	switches []*muteSwitch

	mu     sync.Mutex
	opened uint64        // of all switches
	from   time.Duration // what was captured before does not pass
}

func newGate(now func() time.Duration, switches ...*muteSwitch) *gate {
	g := &gate{now: now, switches: switches}
	_, g.opened = g.read()
	return g
}

func (g *gate) read() (on bool, opened uint64) {
	on = slices.ContainsFunc(g.switches, func(s *muteSwitch) bool { return s.on.Load() })
	for _, s := range g.switches {
		opened += s.opened.Load()
	}
	return on, opened
}

// closed returns whether what was captured at the time does not pass.
func (g *gate) closed(at time.Duration) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	on, opened := g.read()
	if opened != g.opened {
		g.opened, g.from = opened, g.now()
	}
	return on || at < g.from
}
