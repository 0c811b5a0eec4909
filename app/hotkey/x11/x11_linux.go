package x11

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"github.com/hindsight-app/hindsight/app/hotkey"
)

// lookEvery is how often the keyboard's state is read while a hotkey is held. Where nothing was read for longer than
// blind, as on a machine that is busy, the key may have come up and gone down again in the meantime.
const (
	lookEvery = 10 * time.Millisecond
	blind     = 5 * lookEvery
)

// ourMods are the modifiers a combination may have; locks are those that must not matter: CapsLock, and NumLock,
// which is Mod2 on every usual keyboard map.
const ourMods = xproto.ModMaskShift | xproto.ModMaskControl | xproto.ModMask1 | xproto.ModMask4

var locks = []uint16{0, xproto.ModMaskLock, xproto.ModMask2, xproto.ModMaskLock | xproto.ModMask2}

// retryEvery is how often a combination that could not be had is tried again: nothing tells when another program
// lets it go.
const retryEvery = 3 * time.Second

// Binder takes combinations from the X server that DISPLAY names. It connects when it is first needed.
type Binder struct {
	mu       sync.Mutex
	conn     *xgb.Conn
	root     xproto.Window
	pointer  *pointer
	repeat   *repeat
	done     chan struct{} // closed when the reader has ended
	bindings []*binding    // in the order of Bind
	grabs    map[spot]*binding
	failed   map[*binding]error // of the last regrab
}

// spot is what the server grabs: a physical key, or a button of the mouse, with modifiers.
type spot struct {
	code  byte
	mouse bool
	mods  uint16
}

// New makes a Binder.
func New() *Binder { return &Binder{grabs: map[spot]*binding{}} }

// connect runs under the lock.
func (b *Binder) connect() error {
	if b.conn != nil {
		return nil
	}
	conn, err := xgb.NewConn()
	if err != nil {
		return fmt.Errorf("the X display does not respond: %w", err)
	}
	b.conn, b.root, b.done = conn, xproto.Setup(conn).DefaultScreen(conn).Root, make(chan struct{})
	b.pointer, b.repeat = openPointer(conn, b.root), openRepeat()
	go b.read(conn, b.done)
	go b.retry(b.done)
	return nil
}

// Bind implements hotkey.Binder.
func (b *Binder) Bind(_, _ string, c hotkey.Combo, on hotkey.Handler) (hotkey.Binding, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.connect(); err != nil {
		return nil, err
	}
	for _, other := range b.bindings {
		if other.combo == c {
			return nil, hotkey.ErrTaken
		}
	}
	bd := &binding{owner: b, combo: c, lost: on.Lost, layout: on.Layout, presses: make(chan spot, 16),
		delay: b.repeat.delay(), stop: make(chan struct{}), done: make(chan struct{})}
	b.bindings = append(b.bindings, bd)
	b.regrab()
	go bd.run(b.conn, b.pointer, b.repeat, on)
	err := b.failed[bd]
	if err != nil && on.Lost != nil {
		on.Lost(err)
	}
	return bd, err
}

// regrab makes what is grabbed equal to the bindings on today's keyboard map, and notes what could not be had. It
// runs under the lock.
func (b *Binder) regrab() {
	b.failed = map[*binding]error{}
	m, err := readKeymap(b.conn)
	if err != nil {
		for _, bd := range b.bindings {
			b.failed[bd] = err
		}
		return
	}
	exact, spare := map[spot]*binding{}, map[spot]*binding{}
	for _, bd := range b.bindings {
		spots, err := b.spots(m, bd.combo)
		if err != nil {
			b.failed[bd] = err
		}
		for _, s := range spots {
			if other := exact[s]; other != nil {
				b.failed[bd] = fmt.Errorf("on this keyboard layout it is the same key as %s", other.combo)
				continue
			}
			exact[s] = bd
			for _, held := range []uint16{xproto.ModMaskShift, xproto.ModMaskControl} {
				if more := (spot{s.code, s.mouse, s.mods | held}); spare[more] == nil {
					spare[more] = bd
				}
			}
		}
	}
	for s := range b.grabs {
		if exact[s] == nil && spare[s] == nil {
			b.ungrab(s)
			delete(b.grabs, s)
		}
	}
	for s, bd := range exact {
		if err := b.take(s, bd); err != nil {
			b.failed[bd] = hotkey.ErrTaken
		}
	}
	for s, bd := range spare {
		if exact[s] == nil {
			_ = b.take(s, bd) // another program may have it
		}
	}
}

// spots are what the server has to grab for a combination.
func (b *Binder) spots(m *keymap, c hotkey.Combo) ([]spot, error) {
	mods := modifiers(c.Mods)
	if n := hotkey.Button(c.Key); n > 0 {
		if b.pointer == nil {
			return nil, errors.New("the X display has no XInput 2, which tells when a button of the mouse is released")
		}
		return []spot{{byte(n), true, mods}}, nil
	}
	keys, err := m.find(c.Key)
	if err != nil {
		return nil, err
	}
	var out []spot
	for _, k := range keys {
		out = append(out, spot{byte(k), false, mods})
	}
	return out, nil
}

// take grabs a spot for a binding.
func (b *Binder) take(s spot, bd *binding) error {
	if b.grabs[s] == nil {
		if err := b.grab(s); err != nil {
			return err
		}
	}
	b.grabs[s] = bd
	return nil
}

// grab takes a spot with every lock, or not at all. Keycode 0 would be every key (XGrabKey(3), AnyKey), and so would
// button 0 be (AnyButton).
func (b *Binder) grab(s spot) error {
	if s.code == 0 {
		return errors.New("no such key")
	}
	var failed error
	for _, lock := range locks {
		var err error
		if s.mouse {
			err = xproto.GrabButtonChecked(b.conn, false, b.root, xproto.EventMaskButtonPress, xproto.GrabModeSync,
				xproto.GrabModeAsync, xproto.WindowNone, xproto.CursorNone, s.code, s.mods|lock).Check()
		} else {
			err = xproto.GrabKeyChecked(b.conn, false, b.root, s.mods|lock, xproto.Keycode(s.code), xproto.GrabModeAsync,
				xproto.GrabModeSync).Check()
		}
		failed = errors.Join(failed, err)
	}
	if failed != nil {
		b.ungrab(s)
	}
	return failed
}

func (b *Binder) ungrab(s spot) {
	for _, lock := range locks {
		if s.mouse {
			_ = xproto.UngrabButtonChecked(b.conn, s.code, b.root, s.mods|lock).Check()
		} else {
			_ = xproto.UngrabKeyChecked(b.conn, xproto.Keycode(s.code), b.root, s.mods|lock).Check()
		}
	}
}

// read hands on presses until the connection ends.
func (b *Binder) read(conn *xgb.Conn, done chan struct{}) {
	defer close(done)
	for {
		e, err := conn.WaitForEvent()
		switch e := e.(type) {
		case nil:
			if err == nil {
				b.gone(conn)
				return
			}
		case xproto.KeyPressEvent:
			// The keyboard is frozen until this arrives, and what was typed in the meantime then goes where it belongs.
			bd := b.press(spot{byte(e.Detail), false, e.State & ourMods}, e.Time)
			if bd != nil && bd.combo.Typing() {
				_ = xproto.AllowEventsChecked(conn, xproto.AllowReplayKeyboard, e.Time).Check()
			} else {
				_ = xproto.UngrabKeyboardChecked(conn, xproto.TimeCurrentTime).Check()
			}
		case xproto.ButtonPressEvent:
			b.press(spot{byte(e.Detail), true, e.State & ourMods}, e.Time)
			_ = xproto.UngrabPointerChecked(conn, xproto.TimeCurrentTime).Check()
		case xproto.MappingNotifyEvent:
			if e.Request != xproto.MappingPointer {
				b.Refresh()
				b.relabel()
			}
		}
	}
}

// press tells the binding of a spot, at the server's time in ms.
func (b *Binder) press(s spot, at xproto.Timestamp) *binding {
	b.mu.Lock()
	defer b.mu.Unlock()
	bd := b.grabs[s]
	if bd != nil && bd.isNew(s, at) {
		select {
		case bd.presses <- s:
		default: // nobody has taken that many
		}
	}
	return bd
}

// retry tries again what could not be had, until the connection ends.
func (b *Binder) retry(done <-chan struct{}) {
	again := time.NewTicker(retryEvery)
	defer again.Stop()
	for {
		select {
		case <-done:
			return
		case <-again.C:
			b.mu.Lock()
			failed := len(b.failed) > 0
			b.mu.Unlock()
			if failed {
				b.Refresh()
			}
		}
	}
}

// Refresh implements hotkey.Keyboard. It follows a new keyboard layout, which may lack keys of the old one.
func (b *Binder) Refresh() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn == nil {
		return
	}
	b.regrab()
	b.tell(func(bd *binding) error { return b.failed[bd] })
}

// relabel tells that keys may write something else.
func (b *Binder) relabel() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bd := range b.bindings {
		if bd.layout != nil {
			bd.layout()
		}
	}
}

// gone tells that no key arrives anymore, unless this is Close.
func (b *Binder) gone(conn *xgb.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn == conn {
		b.tell(func(*binding) error { return errors.New("the X display went away") })
	}
}

// tell runs under the lock, for news to arrive in order.
func (b *Binder) tell(reason func(*binding) error) {
	for _, bd := range b.bindings {
		if bd.lost != nil {
			bd.lost(reason(bd))
		}
	}
}

// Probe implements hotkey.Keyboard.
func (b *Binder) Probe(c hotkey.Combo) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.connect(); err != nil {
		return err
	}
	m, err := readKeymap(b.conn)
	if err != nil {
		return err
	}
	spots, err := b.spots(m, c)
	if err != nil {
		return err
	}
	for _, s := range spots {
		if b.grabs[s] != nil {
			continue // ours
		}
		if b.grab(s) != nil {
			return hotkey.ErrTaken
		}
		b.ungrab(s)
	}
	return nil
}

// Label implements hotkey.Keyboard.
func (b *Binder) Label(c hotkey.Combo) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.connect() == nil {
		if m, err := readKeymap(b.conn); err == nil {
			return c.Label(m.written)
		}
	}
	return c.Label(nil)
}

// Close implements hotkey.Binder.
func (b *Binder) Close() error {
	b.mu.Lock()
	conn, done := b.conn, b.done
	b.conn = nil
	b.mu.Unlock()
	if conn != nil {
		conn.Close()
		b.repeat.close()
		<-done
	}
	return nil
}

// binding is one combination and the goroutine that hands on its presses.
type binding struct {
	owner   *Binder
	combo   hotkey.Combo
	lost    func(reason error) // may be nil
	layout  func()             // may be nil
	presses chan spot
	stop    chan struct{}
	done    chan struct{}
	once    sync.Once

	mu       sync.Mutex
	held     bool             // a press has arrived, and nothing shows that the key is up again
	since    xproto.Timestamp // when it was pressed
	repeated bool             // it has repeated since
	looked   time.Time        // when it was last known to be down
	early    spot             // of a press that came sooner than a repeat can, but was taken for one
	earlyAt  xproto.Timestamp // when that was
	came     time.Time        // and when it came here
	delay    time.Duration    // how long it is held before it repeats
}

// isNew tells a press of the hotkey from a repeat of a held key, which X reports as a press, too. It is one where the
// key was seen to come up. Where nobody could look (see blind), it is one that comes sooner than a repeat can. Buttons
// of a mouse do not repeat.
func (bd *binding) isNew(s spot, at xproto.Timestamp) bool {
	bd.mu.Lock()
	defer bd.mu.Unlock()
	now := time.Now()
	tooSoon := !bd.repeated && time.Duration(at-bd.since)*time.Millisecond < bd.delay
	if bd.held && !s.mouse && (now.Sub(bd.looked) < blind || !tooSoon) {
		if tooSoon {
			bd.early, bd.earlyAt, bd.came = s, at, now
		}
		bd.repeated = true
		return false
	}
	bd.held, bd.since, bd.repeated, bd.looked = true, at, false, now
	return true
}

// run tells each time the key goes down and comes up.
func (bd *binding) run(conn *xgb.Conn, p *pointer, r *repeat, on hotkey.Handler) {
	defer close(bd.done)
	for {
		select {
		case <-bd.stop:
			return
		case s := <-bd.presses:
			on.Down()
			delay := r.delay() // it can be changed at any time
			bd.mu.Lock()
			bd.delay = delay
			bd.mu.Unlock()
			bd.hold(func() bool {
				if s.mouse {
					return p.down(s.code)
				}
				state, err := xproto.QueryKeymap(conn).Reply()
				return err == nil && state.Keys[s.code/8]&(1<<(s.code%8)) != 0
			})
			on.Up()
		}
	}
}

// hold waits until the key is up or pressed anew, or the binding or the display goes.
func (bd *binding) hold(down func() bool) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for len(bd.presses) == 0 {
		asked := time.Now()
		if !bd.still(asked, down()) {
			return
		}
		select {
		case <-bd.stop:
			return
		case <-look.C:
		}
	}
}

// still notes whether the key was down when that was asked, and returns it. A press in the meantime counts more.
func (bd *binding) still(asked time.Time, down bool) bool {
	bd.mu.Lock()
	defer bd.mu.Unlock()
	switch {
	case !down && len(bd.presses) == 0 && bd.came.After(asked): // the key has come up before it
		bd.presses <- bd.early // nobody else fills it up in the meantime
		bd.since, bd.repeated, bd.came = bd.earlyAt, false, time.Time{}
	case !down:
		bd.held = len(bd.presses) > 0
	case asked.After(bd.looked):
		bd.looked = asked
	}
	return down
}

// Close implements hotkey.Binding.
func (bd *binding) Close() error {
	bd.once.Do(func() {
		close(bd.stop)
		<-bd.done
		b := bd.owner
		b.mu.Lock()
		defer b.mu.Unlock()
		if i := slices.Index(b.bindings, bd); i >= 0 {
			b.bindings = slices.Delete(b.bindings, i, i+1)
		}
		if b.conn != nil {
			b.regrab()
		}
	})
	return nil
}
