//go:build cgo || windows

// Package x11 takes global hotkeys with golang.design/x/hotkey: XGrabKey on X11, RegisterHotKey on Windows.
//
// The library grabs each combination with and without CapsLock and NumLock. On X11 a grab needs the exact modifiers, so
// a Shift or Ctrl that is held down for another reason (running in a game) would hide the press: combinations with
// those held are taken as well where they are free and not asked for by themselves.
//
// Each binding owns one goroutine that hands on what the key does; Close of the binding ends it and waits. Importing this
// package needs an X display at start; see precheck.
package x11

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	xhotkey "golang.design/x/hotkey"

	"github.com/hindsight-app/hindsight/app/hotkey"
	_ "github.com/hindsight-app/hindsight/app/hotkey/precheck" // must look for a display before x/hotkey does
)

// Binder takes combinations from the X server.
type Binder struct {
	mu     sync.Mutex
	exact  map[hotkey.Combo]*binding
	spares map[hotkey.Combo]*grab
}

// New makes a Binder.
func New() *Binder {
	return &Binder{exact: map[hotkey.Combo]*binding{}, spares: map[hotkey.Combo]*grab{}}
}

// Bind implements hotkey.Binder.
func (b *Binder) Bind(_, _ string, c hotkey.Combo, on hotkey.Handler) (hotkey.Binding, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, ok := b.spares[c]; ok { // ours, but only as another key's held-modifier form
		s.close()
		delete(b.spares, c)
	}
	g, err := newGrab(c, on)
	if err != nil {
		return nil, err
	}
	bd := &binding{owner: b, combo: c, grab: g}
	b.exact[c] = bd
	for _, v := range heldForms(c) {
		if b.exact[v] != nil || b.spares[v] != nil {
			continue
		}
		if s, err := newGrab(v, on); err == nil {
			b.spares[v] = s
			bd.spares = append(bd.spares, v)
		}
	}
	return bd, nil
}

// Close implements hotkey.Binder.
func (b *Binder) Close() error { return nil }

// heldForms are the combinations with a further Shift or Ctrl held.
func heldForms(c hotkey.Combo) []hotkey.Combo {
	if runtime.GOOS != "linux" {
		return nil
	}
	var out []hotkey.Combo
	for _, m := range []hotkey.Mod{hotkey.Shift, hotkey.Ctrl} {
		if c.Mods&m == 0 {
			out = append(out, hotkey.Combo{Mods: c.Mods | m, Key: c.Key})
		}
	}
	return out
}

type binding struct {
	owner  *Binder
	combo  hotkey.Combo
	grab   *grab
	spares []hotkey.Combo
	once   sync.Once
}

// Close implements hotkey.Binding.
func (bd *binding) Close() error {
	bd.once.Do(func() {
		b := bd.owner
		b.mu.Lock()
		defer b.mu.Unlock()
		bd.grab.close()
		delete(b.exact, bd.combo)
		for _, c := range bd.spares {
			if s, ok := b.spares[c]; ok {
				s.close()
				delete(b.spares, c)
			}
		}
	})
	return nil
}

// grab is one registration and the goroutine that hands on its presses.
type grab struct {
	hk   *xhotkey.Hotkey
	stop chan struct{}
	done chan struct{}
}

func newGrab(c hotkey.Combo, on hotkey.Handler) (*grab, error) {
	key, ok := keysym(c.Key)
	if !ok {
		return nil, fmt.Errorf("the key %s cannot be used as a hotkey on this system", c.Key)
	}
	hk := xhotkey.New(modifiers(c.Mods), key)
	if err := hk.Register(); err != nil {
		return nil, errors.Join(hotkey.ErrTaken)
	}
	g := &grab{hk: hk, stop: make(chan struct{}), done: make(chan struct{})}
	go g.run(hk.Keydown(), hk.Keyup(), on)
	return g, nil
}

// run tells each time the key goes down and comes up. X repeats a held key as pairs of up and down at one moment; a short
// look-ahead joins them.
func (g *grab) run(down, up <-chan xhotkey.Event, on hotkey.Handler) {
	defer close(g.done)
	r := repeatFilter{}
	defer func() {
		if r.held {
			on.Up()
		}
	}()
	for {
		select {
		case <-g.stop:
			return
		case <-r.released():
			r.settle()
			on.Up()
		case _, ok := <-down:
			if !ok {
				return
			}
			if r.down() {
				on.Down()
			}
		case _, ok := <-up:
			if !ok {
				return
			}
			r.up()
		}
	}
}

func (g *grab) close() {
	close(g.stop)
	<-g.done
	_ = g.hk.Unregister() // answers an error only for what is not registered
}
