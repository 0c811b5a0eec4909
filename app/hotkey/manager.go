package hotkey

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// ErrTaken is wrapped in the error of Bind when another program holds the combination.
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
	// Error says why not.
	Error string `json:"error,omitempty"`
}

// errClosed is the state of every key after Close.
var errClosed = errors.New("the app is closing")

// Manager keeps the bound keys equal to what is wanted. It has no goroutine.
type Manager struct {
	one     Binder    // one of the two
	all     SetBinder //
	log     *slog.Logger
	changed chan struct{}

	mu     sync.Mutex
	bound  map[string]bound
	last   []State
	closed bool
}

type bound struct {
	combo   Combo
	purpose string
	binding Binding // nil with a SetBinder
	calls   *calls
}

// calls lets a kept binding call the newest functions, and remembers whether it is of use.
type calls struct {
	combo   Combo
	log     *slog.Logger
	changed chan<- struct{}

	mu   sync.Mutex
	want Want
	lost error
}

func (c *calls) set(w Want) { c.mu.Lock(); c.want = w; c.mu.Unlock() }

func (c *calls) get() (w Want, lost error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.want, c.lost
}

func (c *calls) handler() Handler {
	return Handler{
		Down: func() { w, _ := c.get(); w.Press() },
		Up: func() {
			if w, _ := c.get(); w.Release != nil {
				w.Release()
			}
		},
		Lost: c.setLost,
	}
}

func (c *calls) setLost(reason error) {
	c.mu.Lock()
	before := c.lost
	c.lost = reason
	name := c.want.Name
	c.mu.Unlock()
	switch {
	case reason != nil && (before == nil || before.Error() != reason.Error()):
		c.log.Warn("a hotkey stopped working", "name", name, "keys", c.combo.String(), "error", reason)
	case reason == nil && before != nil:
		c.log.Info("a hotkey works again", "name", name, "keys", c.combo.String())
	default:
		return
	}
	select {
	case c.changed <- struct{}{}:
	default: // somebody is about to look
	}
}

// NewManager makes a Manager that closes the binder with itself.
func NewManager(b Binder, log *slog.Logger) *Manager {
	return &Manager{one: b, log: log, changed: make(chan struct{}, 1), bound: map[string]bound{}}
}

// NewSetManager makes a Manager for a desktop that takes all hotkeys at once. It closes the binder with itself.
func NewSetManager(b SetBinder, log *slog.Logger) *Manager {
	return &Manager{all: b, log: log, changed: make(chan struct{}, 1), bound: map[string]bound{}}
}

// Changed receives a value when States returns something else than the last Set did.
func (m *Manager) Changed() <-chan struct{} { return m.changed }

// States is what has become of the keys of the last Set: a new keyboard layout may lack one.
func (m *Manager) States() []State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.states()
}

func (m *Manager) states() []State {
	states := append([]State{}, m.last...)
	for i, s := range states {
		b, ok := m.bound[s.Name]
		if !ok || !s.Active {
			continue
		}
		if _, lost := b.calls.get(); lost != nil {
			states[i].Active, states[i].Error = false, message(b.combo, s.Purpose, lost)
		}
	}
	return states
}

func message(c Combo, purpose string, err error) string {
	return fmt.Sprintf("Couldn't set hotkey %s (%s): %v. Choose other keys in Settings, Hotkeys.", c, purpose, err)
}

// Set binds what is wanted and releases the rest; a combination that stays is not let go in between. It returns the
// state of each, in the order wanted.
func (m *Manager) Set(wants []Want) []State {
	m.mu.Lock()
	defer m.mu.Unlock()
	states, keys := make([]State, len(wants)), make([]Key, 0, len(wants))
	at := map[string]int{} // where the state of a key is
	for i, w := range wants {
		s := &states[i]
		*s = State{Name: w.Name, Keys: w.Keys, Purpose: w.Purpose}
		if w.Keys == "" {
			continue
		}
		c, err := Parse(w.Keys)
		switch {
		case err != nil:
			s.Error = err.Error()
		case m.closed:
			s.Error = message(c, w.Purpose, errClosed)
		default:
			s.Keys, at[w.Name] = c.String(), i
			keys = append(keys, Key{Name: w.Name, Purpose: w.Purpose, Combo: c})
		}
	}
	bind := m.bindOne
	if m.all != nil {
		bind = m.bindSet
	}
	for i, err := range bind(keys, func(name string) Want { return wants[at[name]] }) {
		s := &states[at[keys[i].Name]]
		s.Active = err == nil
		if err != nil {
			s.Error = message(keys[i].Combo, s.Purpose, err)
			m.log.Warn("a hotkey could not be taken", "name", s.Name, "keys", s.Keys, "error", err)
		}
	}
	m.last = states
	return m.states()
}

// bindSet hands the whole set to the desktop, if anything in it is new.
func (m *Manager) bindSet(keys []Key, want func(name string) Want) []error {
	errs := make([]error, len(keys))
	same := len(keys) == len(m.bound)
	for _, k := range keys {
		b, ok := m.bound[k.Name]
		same = same && ok && b.combo == k.Combo && b.purpose == k.Purpose
	}
	if same {
		for _, k := range keys {
			m.bound[k.Name].calls.set(want(k.Name))
		}
		return errs
	}
	clear(m.bound)
	made := make([]bound, len(keys))
	for i := range keys {
		k := &keys[i]
		made[i] = bound{combo: k.Combo, purpose: k.Purpose, calls: m.newCalls(k.Combo, want(k.Name))}
		k.On = made[i].calls.handler()
	}
	for i, err := range m.all.BindAll(keys) {
		if errs[i] = err; err == nil {
			m.bound[keys[i].Name] = made[i]
		}
	}
	return errs
}

func (m *Manager) newCalls(c Combo, w Want) *calls {
	return &calls{combo: c, log: m.log, changed: m.changed, want: w}
}

// bindOne gives back everything whose combination changes, before anything new is taken: two keys may swap.
func (m *Manager) bindOne(keys []Key, want func(name string) Want) []error {
	errs := make([]error, len(keys))
	m.release(keys)
	for i, k := range keys {
		if b, ok := m.bound[k.Name]; ok {
			b.calls.set(want(k.Name))
			continue
		}
		calls := m.newCalls(k.Combo, want(k.Name))
		binding, err := m.one.Bind(k.Name, k.Purpose, k.Combo, calls.handler())
		if errs[i] = err; err == nil {
			m.bound[k.Name] = bound{k.Combo, k.Purpose, binding, calls}
		}
	}
	return errs
}

func (m *Manager) release(keep []Key) {
	combos := map[string]Combo{}
	for _, k := range keep {
		combos[k.Name] = k.Combo
	}
	for name, b := range m.bound {
		if c, ok := combos[name]; ok && c == b.combo {
			continue
		}
		if err := b.binding.Close(); err != nil {
			m.log.Warn("a hotkey could not be released", "name", name, "keys", b.combo.String(), "error", err)
		}
		delete(m.bound, name)
	}
}

// Close releases every key and the binder; a Set that waits for the user ends. It may be called twice.
func (m *Manager) Close() error {
	var err error
	if m.all != nil {
		err = m.all.Close() // before the lock, which a Set may hold
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	if m.all != nil {
		clear(m.bound)
		return err
	}
	m.release(nil)
	return m.one.Close()
}

// Unavailable is a Binder for a desktop without global hotkeys; every Bind returns the reason.
func Unavailable(reason string) Binder { return unavailable(reason) }

type unavailable string

func (u unavailable) Bind(string, string, Combo, Handler) (Binding, error) {
	return nil, errors.New(string(u))
}
func (u unavailable) Close() error { return nil }
