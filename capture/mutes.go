package capture

import "sync/atomic"

// Mutes are switches that act on the next block mixed, at most 20 ms later, whatever else the recorder is doing: they
// take no lock and do not pass through Apply. A source is silent while either its switch or its configuration says
// so. The zero value mutes nothing. All methods may be called from any goroutine.
type Mutes struct {
	desktop, mic, paused atomic.Bool
}

// Set mutes the sources: their sound is neither mixed, nor kept in their own track, nor shown as a level.
func (m *Mutes) Set(desktop, mic bool) {
	m.desktop.Store(desktop)
	m.mic.Store(mic)
}

// Pause mutes both sources until it is ended, until an Apply has closed them.
func (m *Mutes) Pause(paused bool) { m.paused.Store(paused) }

// Desktop is whether the desktop's sound is silent.
func (m *Mutes) Desktop() bool { return m != nil && (m.desktop.Load() || m.paused.Load()) }

// Mic is whether the microphone is silent.
func (m *Mutes) Mic() bool { return m != nil && (m.mic.Load() || m.paused.Load()) }
