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

// lookEvery is how often the keyboard's state is read while a hotkey is held.
const lookEvery = 10 * time.Millisecond

// ourMods are the modifiers a combination may have; locks are those that must not matter: CapsLock, and NumLock, which
// is Mod2 on every usual keyboard map.
const ourMods = xproto.ModMaskShift | xproto.ModMaskControl | xproto.ModMask1 | xproto.ModMask4

var locks = []uint16{0, xproto.ModMaskLock, xproto.ModMask2, xproto.ModMaskLock | xproto.ModMask2}

// Binder takes combinations from the X server that DISPLAY names. It connects at the first Bind.
type Binder struct {
	mu       sync.Mutex
	conn     *xgb.Conn
	root     xproto.Window
	done     chan struct{} // closed when the reader has ended
	bindings []*binding    // in the order of Bind
	grabs    map[spot]*binding
}

// spot is what the server grabs: a physical key with modifiers.
type spot struct {
	key  xproto.Keycode
	mods uint16
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
		return fmt.Errorf("the X display does not answer: %w", err)
	}
	b.conn, b.root, b.done = conn, xproto.Setup(conn).DefaultScreen(conn).Root, make(chan struct{})
	go b.read(conn, b.done)
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
	bd := &binding{owner: b, combo: c, lost: on.Lost, presses: make(chan xproto.Keycode, 1), stop: make(chan struct{}),
		done: make(chan struct{})}
	b.bindings = append(b.bindings, bd)
	if err := b.regrab()[bd]; err != nil {
		b.bindings = b.bindings[:len(b.bindings)-1]
		b.regrab()
		return nil, err
	}
	go bd.run(b.conn, on)
	return bd, nil
}

// regrab makes what is grabbed equal to the bindings on today's keyboard map, and returns what could not be had. It
// runs under the lock.
func (b *Binder) regrab() map[*binding]error {
	failed := map[*binding]error{}
	codes, err := keycodes(b.conn)
	if err != nil {
		for _, bd := range b.bindings {
			failed[bd] = fmt.Errorf("the keyboard's map cannot be read: %w", err)
		}
		return failed
	}
	exact, spare := map[spot]*binding{}, map[spot]*binding{}
	for _, bd := range b.bindings {
		keys, err := codes(bd.combo.Key)
		if err != nil {
			failed[bd] = err
		}
		mods := modifiers(bd.combo.Mods)
		for _, k := range keys {
			exact[spot{k, mods}] = bd
			for _, held := range []uint16{xproto.ModMaskShift, xproto.ModMaskControl} {
				if s := (spot{k, mods | held}); spare[s] == nil {
					spare[s] = bd
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
			failed[bd] = hotkey.ErrTaken
		}
	}
	for s, bd := range spare {
		if exact[s] == nil {
			_ = b.take(s, bd) // another program may have it
		}
	}
	return failed
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

// grab takes a spot with every lock, or not at all. Keycode 0 would be every key (XGrabKey(3), AnyKey).
func (b *Binder) grab(s spot) error {
	if s.key == 0 {
		return errors.New("no such key")
	}
	var failed error
	for _, lock := range locks {
		err := xproto.GrabKeyChecked(b.conn, false, b.root, s.mods|lock, s.key, xproto.GrabModeAsync,
			xproto.GrabModeSync).Check()
		failed = errors.Join(failed, err)
	}
	if failed != nil {
		b.ungrab(s)
	}
	return failed
}

func (b *Binder) ungrab(s spot) {
	for _, lock := range locks {
		_ = xproto.UngrabKeyChecked(b.conn, s.key, b.root, s.mods|lock).Check()
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
				return
			}
		case xproto.KeyPressEvent:
			// The keyboard is frozen until this arrives, and what was typed in the meantime then goes where it belongs.
			_ = xproto.UngrabKeyboardChecked(conn, xproto.TimeCurrentTime).Check()
			b.press(spot{e.Detail, e.State & ourMods})
		case xproto.MappingNotifyEvent:
			if e.Request != xproto.MappingPointer {
				b.remap()
			}
		}
	}
}

func (b *Binder) press(s spot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bd := b.grabs[s]; bd != nil {
		select {
		case bd.presses <- s.key:
		default: // one is waiting already
		}
	}
}

// remap follows a new keyboard layout, which may lack keys of the old one.
func (b *Binder) remap() {
	b.mu.Lock()
	failed := b.regrab()
	bindings := slices.Clone(b.bindings)
	b.mu.Unlock()
	for _, bd := range bindings {
		if bd.lost != nil {
			bd.lost(failed[bd])
		}
	}
}

// Close implements hotkey.Binder.
func (b *Binder) Close() error {
	b.mu.Lock()
	conn, done := b.conn, b.done
	b.conn = nil
	b.mu.Unlock()
	if conn != nil {
		conn.Close()
		<-done
	}
	return nil
}

// binding is one combination and the goroutine that hands on its presses.
type binding struct {
	owner   *Binder
	combo   hotkey.Combo
	lost    func(reason error) // may be nil
	presses chan xproto.Keycode
	stop    chan struct{}
	done    chan struct{}
	once    sync.Once
}

// run tells each time the key goes down and comes up. X repeats the press of a held key.
func (bd *binding) run(conn *xgb.Conn, on hotkey.Handler) {
	defer close(bd.done)
	for {
		select {
		case <-bd.stop:
			return
		case key := <-bd.presses:
			on.Down()
			bd.hold(conn, key)
			on.Up()
		}
	}
}

// hold waits until the key is up, or the binding or the display goes.
func (bd *binding) hold(conn *xgb.Conn, key xproto.Keycode) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		state, err := xproto.QueryKeymap(conn).Reply()
		if err != nil || state.Keys[key/8]&(1<<(key%8)) == 0 {
			return
		}
		select {
		case <-bd.stop:
			return
		case <-bd.presses: // a repeat
		case <-look.C:
		}
	}
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
