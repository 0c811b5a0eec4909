package hotkey

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// ErrTaken is wrapped in the answer of Bind when another program holds the combination.
var ErrTaken = errors.New("another program already uses it")

// Want is one hotkey that should be bound.
type Want struct {
	// Name is stable, for example "save"; Purpose is shown to people.
	Name, Purpose string
	// Keys is the text from the settings; empty is off.
	Keys string
	// Press is called on each press, Release when the key comes up again; they must not block. Release may be nil.
	Press, Release func()
}

// State is what became of a Want.
type State struct {
	Name    string `json:"name"`
	Keys    string `json:"keys"`
	Purpose string `json:"purpose"`
	// Active is whether a press arrives here.
	Active bool `json:"active"`
	// Error says why not, as a sentence.
	Error string `json:"error,omitempty"`
}

// Manager keeps the bound keys equal to what is wanted.
type Manager struct {
	binder Binder
	log    *slog.Logger

	mu    sync.Mutex
	bound map[string]bound
}

type bound struct {
	combo   Combo
	binding Binding
	calls   *calls
}

// calls lets a kept binding call the newest functions.
type calls struct {
	mu   sync.Mutex
	want Want
}

func (c *calls) set(w Want) { c.mu.Lock(); c.want = w; c.mu.Unlock() }

func (c *calls) get() Want {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.want
}

func (c *calls) handler() Handler {
	return Handler{
		Down: func() { c.get().Press() },
		Up: func() {
			if release := c.get().Release; release != nil {
				release()
			}
		},
	}
}

// NewManager makes a Manager that closes the binder with itself.
func NewManager(b Binder, log *slog.Logger) *Manager {
	return &Manager{binder: b, log: log, bound: map[string]bound{}}
}

// Set binds what is wanted and releases the rest; a combination that stays is not let go in between. It answers the
// state of each, in the order wanted.
func (m *Manager) Set(wants []Want) []State {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release(wants)
	states := make([]State, 0, len(wants))
	for _, w := range wants {
		states = append(states, m.ensure(w))
	}
	return states
}

// release gives back everything whose combination changes, before anything new is taken: two keys may swap.
func (m *Manager) release(wants []Want) {
	keep := map[string]Combo{}
	for _, w := range wants {
		if c, err := Parse(w.Keys); err == nil {
			keep[w.Name] = c
		}
	}
	for name, b := range m.bound {
		if c, ok := keep[name]; ok && c == b.combo {
			continue
		}
		if err := b.binding.Close(); err != nil {
			m.log.Warn("a hotkey could not be released", "name", name, "keys", b.combo.String(), "error", err)
		}
		delete(m.bound, name)
	}
}

func (m *Manager) ensure(w Want) State {
	s := State{Name: w.Name, Keys: w.Keys, Purpose: w.Purpose}
	if w.Keys == "" {
		return s
	}
	c, err := Parse(w.Keys)
	if err != nil {
		s.Error = err.Error()
		return s
	}
	s.Keys = c.String()
	if b, ok := m.bound[w.Name]; ok {
		b.calls.set(w)
		s.Active = true
		return s
	}
	calls := &calls{want: w}
	binding, err := m.binder.Bind(w.Name, w.Purpose, c, calls.handler())
	if err != nil {
		s.Error = fmt.Sprintf("Couldn't set hotkey %s (%s): %v. Choose other keys in Settings, Hotkeys.", c, w.Purpose, err)
		m.log.Warn("a hotkey could not be taken", "name", w.Name, "keys", c.String(), "error", err)
		return s
	}
	m.bound[w.Name] = bound{c, binding, calls}
	s.Active = true
	return s
}

// Close releases every key and the binder. It may be called twice.
func (m *Manager) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release(nil)
	if m.binder == nil {
		return nil
	}
	err := m.binder.Close()
	m.binder = Unavailable("the app is closing")
	return err
}

// Unavailable is a Binder for a desktop without global hotkeys; every Bind answers the reason.
func Unavailable(reason string) Binder { return unavailable(reason) }

type unavailable string

func (u unavailable) Bind(string, string, Combo, Handler) (Binding, error) {
	return nil, errors.New(string(u))
}
func (u unavailable) Close() error { return nil }
