package hotkey

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hindsight-app/hindsight/capture/media"
)

// ErrTaken is wrapped in the error of Bind when another program holds the combination, ErrNoKey when no key of the
// keyboard layout has the name.
var (
	ErrTaken = errors.New("another program already uses it")
	ErrNoKey = errors.New("the keyboard layout has no key")
)

// Want is one hotkey that should be bound.
type Want struct {
	// Name is stable, for example "save"; Purpose is shown to people.
	Name, Purpose string
	// Keys is the text from the settings; empty is off.
	Keys string
	// Talk is for push-to-talk, whose key may be one that types.
	Talk bool
	// Press is called on each press, Release when the key comes up again; they must not block. Release may be nil.
	Press, Release func()
}

// State is what became of a Want.
type State struct {
	Name    string `json:"name"`
	Keys    string `json:"keys"`
	Purpose string `json:"purpose"`
	// Label is Keys for people, by the keyboard layout: "Ctrl+ß" for "Ctrl+Key20".
	Label string `json:"label,omitempty"`
	// Active is whether a press arrives here.
	Active bool `json:"active"`
	// Error says why not. Taken is whether that is because another program uses it, Missing whether the keyboard
	// layout has no such key.
	Error   string `json:"error,omitempty"`
	Taken   bool   `json:"taken,omitempty"`
	Missing bool   `json:"missing,omitempty"`
}

func (s *State) fail(c Combo, err error) {
	s.Active, s.Error = false, message(c, s.Purpose, err)
	s.Taken, s.Missing = errors.Is(err, ErrTaken), errors.Is(err, ErrNoKey)
}

// errClosed is the state of every key after Close.
var errClosed = errors.New("the app is closing")

// Manager keeps the bound keys equal to what is wanted. It has no goroutine.
type Manager struct {
	one     Binder    // one of the two
	all     SetBinder //
	log     *slog.Logger
	changed chan struct{}
	deaf    atomic.Int32 // presses count for nothing while it is not 0

	live sync.Map // the *calls of bound, for those who must not wait for a Set

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

// calls lets a kept binding call the newest functions, and remembers whether it is of use. It never leaves a key
// held that does not work anymore: the microphone would stay open.
type calls struct {
	combo   Combo
	log     *slog.Logger
	changed chan<- struct{}
	deaf    *atomic.Int32

	mu   sync.Mutex
	want Want
	lost error
	held bool
}

func (c *calls) set(w Want) { c.mu.Lock(); c.want = w; c.mu.Unlock() }

func (c *calls) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

func (c *calls) handler() Handler {
	return Handler{Down: c.down, Up: c.up, Lost: c.setLost, Layout: c.tell}
}

func (c *calls) down() {
	c.mu.Lock()
	press := c.want.Press
	skip := c.held || c.deaf.Load() != 0
	c.held = c.held || !skip
	c.mu.Unlock()
	if skip {
		return
	}
	press()
	if c.deaf.Load() != 0 {
		c.up() // whoever made it deaf may have looked before it was held
	}
}

// up lets go what is held.
func (c *calls) up() {
	c.mu.Lock()
	release, held := c.want.Release, c.held
	c.held = false
	c.mu.Unlock()
	if held && release != nil {
		release()
	}
}

func (c *calls) setLost(reason error) {
	c.mu.Lock()
	before := c.lost
	c.lost = reason
	name := c.want.Name
	c.mu.Unlock()
	if reason != nil {
		c.up()
	}
	switch {
	case reason != nil && (before == nil || before.Error() != reason.Error()):
		c.log.Warn("a hotkey does not work", "name", name, "keys", c.combo.String(), "error", reason)
	case reason == nil && before != nil:
		c.log.Info("a hotkey works again", "name", name, "keys", c.combo.String())
	default:
		return
	}
	c.tell()
}

// tell has States read again.
func (c *calls) tell() { media.Poke(c.changed) }

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
	for i := range states {
		s := &states[i]
		b, ok := m.bound[s.Name]
		if !ok {
			continue
		}
		s.Label = strings.ReplaceAll(m.Label(b.combo), " + ", "+")
		s.Active, s.Error, s.Taken, s.Missing = true, "", false, false
		if lost := b.calls.broken(); lost != nil {
			s.fail(b.combo, lost)
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
		parse := Parse
		if w.Talk {
			parse = ParseTalk
		}
		c, err := parse(w.Keys)
		switch {
		case err != nil:
			s.Error = err.Error()
		case m.closed:
			s.fail(c, errClosed)
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
		if s.Active = err == nil; err != nil {
			s.fail(keys[i].Combo, err)
			if _, waits := m.bound[s.Name]; !waits { // else it has been logged, when Lost was called
				m.log.Warn("a hotkey could not be taken", "name", s.Name, "keys", s.Keys, "error", err)
			}
		}
	}
	m.last = states
	return m.states()
}

// bindSet hands the whole set to the desktop, if anything in it is new or does not work.
func (m *Manager) bindSet(keys []Key, want func(name string) Want) []error {
	errs := make([]error, len(keys))
	same := len(keys) == len(m.bound)
	for _, k := range keys {
		b, ok := m.bound[k.Name]
		same = same && ok && b.combo == k.Combo && b.purpose == k.Purpose && b.calls.broken() == nil
	}
	if same {
		for _, k := range keys {
			m.bound[k.Name].calls.set(want(k.Name))
		}
		return errs
	}
	m.forget()
	for i := range keys {
		k := &keys[i]
		b := bound{combo: k.Combo, purpose: k.Purpose, calls: m.newCalls(k.Combo, want(k.Name))}
		k.On, m.bound[k.Name] = b.calls.handler(), b
	}
	return m.all.BindAll(keys) // what does not work may come back, for the portal is started again
}

// forget ends what was bound to a SetBinder.
func (m *Manager) forget() {
	for _, b := range m.bound {
		m.end(b)
	}
	clear(m.bound)
}

func (m *Manager) end(b bound) {
	m.live.Delete(b.calls)
	b.calls.up()
}

func (m *Manager) newCalls(c Combo, w Want) *calls {
	calls := &calls{combo: c, log: m.log, changed: m.changed, deaf: &m.deaf, want: w}
	m.live.Store(calls, nil)
	return calls
}

// bindOne gives back everything whose combination changes, before anything new is taken: two keys may swap.
func (m *Manager) bindOne(keys []Key, want func(name string) Want) []error {
	errs := make([]error, len(keys))
	m.release(keys)
	m.refresh()
	for i, k := range keys {
		if b, ok := m.bound[k.Name]; ok {
			b.calls.set(want(k.Name))
			errs[i] = b.calls.broken()
			continue
		}
		calls := m.newCalls(k.Combo, want(k.Name))
		binding, err := m.one.Bind(k.Name, k.Purpose, k.Combo, calls.handler())
		b := bound{k.Combo, k.Purpose, binding, calls}
		if errs[i] = err; binding == nil {
			m.end(b)
			continue
		}
		m.bound[k.Name] = b
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
		m.end(b)
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
		m.forget()
		return err
	}
	m.release(nil)
	return m.one.Close()
}

// ErrNoCapture is returned by Capture where the desktop keeps the keyboard to itself.
var ErrNoCapture = errors.New("this desktop shows no keys to other programs")

// Pause makes hotkeys do nothing until resume is called, once: one that is being set must not fire. What is held
// comes up.
func (m *Manager) Pause() (resume func()) {
	m.deaf.Add(1)
	m.letGo()
	return sync.OnceFunc(func() { m.deaf.Add(-1) })
}

// letGo releases what is held.
func (m *Manager) letGo() {
	m.live.Range(func(c, _ any) bool {
		c.(*calls).up()
		return true
	})
}

// refresh tries again what could not be had.
func (m *Manager) refresh() {
	if k, ok := m.keyboard(); ok {
		k.Refresh()
	}
}

// keyboard is the Binder, where it knows the keys.
func (m *Manager) keyboard() (Keyboard, bool) {
	k, ok := m.one.(Keyboard)
	return k, ok
}

// Capture waits for a combination, as Keyboard says. No hotkey fires in the meantime.
func (m *Manager) Capture(ctx context.Context, seen func(Combo)) (Combo, error) {
	k, ok := m.keyboard()
	if !ok {
		return Combo{}, ErrNoCapture
	}
	defer m.Pause()()
	return k.Capture(ctx, seen)
}

// CanCapture is whether Capture works here, else keys are those that the window receives.
func (m *Manager) CanCapture() bool {
	_, ok := m.keyboard()
	return ok
}

// AssignedByDesktop is whether the desktop has the last word on keys.
func (m *Manager) AssignedByDesktop() bool { return m.all != nil }

// Probe returns why a combination could not be bound, nil where nothing is known against it.
func (m *Manager) Probe(c Combo) error {
	if k, ok := m.keyboard(); ok {
		return k.Probe(c)
	}
	return nil
}

// Label is a combination for people.
func (m *Manager) Label(c Combo) string {
	if k, ok := m.keyboard(); ok {
		return k.Label(c)
	}
	return c.Label(nil)
}

// Sleep is called before the machine sleeps or the screen is locked, and after. A key that is held comes up, for its
// release may never arrive, and afterwards what could not be had is tried again.
func (m *Manager) Sleep(asleep bool) {
	if asleep {
		m.letGo()
		return
	}
	m.refresh()
}
