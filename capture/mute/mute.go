// Package mute decides what of the sources may be heard and seen.
//
// Mutes are the user's switches, and a Gate is what stands between one source and everything behind it: it compares the
// time at which something was captured with the times at which its switches were on. The package has no goroutines;
// everything in it may be used from any.
package mute

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
	desktop, mic, paused Switch
}

// Set mutes the sources: their sound is neither mixed, nor kept in their own track, nor shown as a level.
func (m *Mutes) Set(desktop, mic bool) {
	m.desktop.Set(desktop)
	m.mic.Set(mic)
}

// Pause mutes both sources and drops the frames of the screen until it is ended, until an Apply has closed them.
func (m *Mutes) Pause(paused bool) { m.paused.Set(paused) }

// Desktop is whether the desktop's sound is silent.
func (m *Mutes) Desktop() bool { return m != nil && (m.desktop.on.Load() || m.paused.on.Load()) }

// Mic is whether the microphone is silent.
func (m *Mutes) Mic() bool { return m != nil && (m.mic.on.Load() || m.paused.on.Load()) }

// Switches of the desktop's sound, the microphone and the screen.
func (m *Mutes) Switches() (desktop, mic, screen []*Switch) {
	if m == nil {
		return nil, nil, nil
	}
	return []*Switch{&m.desktop, &m.paused}, []*Switch{&m.mic, &m.paused}, []*Switch{&m.paused}
}

// Switch is one switch, off at first, and how often it was turned off.
type Switch struct {
	on     atomic.Bool
	opened atomic.Uint64
	mu     sync.Mutex // of who sets it
}

// Set turns it on or off.
func (s *Switch) Set(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !on && s.on.Load() {
		s.opened.Add(1) // first, so that who finds the switch off finds this as well
	}
	s.on.Store(on)
}

// Gate decides what of a source passes: nothing while one of its switches is on, and afterwards only what was captured
// after the last was turned off. Sound waits up to a second for being mixed.
type Gate struct {
	now      func() time.Duration
	switches []*Switch

	mu     sync.Mutex
	opened uint64        // of all switches
	from   time.Duration // what was captured before does not pass
}

// NewGate makes the gate of a source with its switches; now is the clock that what is captured is stamped on.
func NewGate(now func() time.Duration, switches ...*Switch) *Gate {
	g := &Gate{now: now, switches: switches}
	_, g.opened = g.read()
	return g
}

func (g *Gate) read() (on bool, opened uint64) {
	on = slices.ContainsFunc(g.switches, func(s *Switch) bool { return s.on.Load() })
	for _, s := range g.switches {
		opened += s.opened.Load()
	}
	return on, opened
}

// Closed returns whether what was captured at the time does not pass. A nil gate lets everything pass.
func (g *Gate) Closed(at time.Duration) bool {
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	on, opened := g.read()
	if opened != g.opened {
		g.opened, g.from = opened, g.now()
	}
	return on || at < g.from
}
