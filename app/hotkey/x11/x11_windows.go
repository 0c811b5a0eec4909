package x11

import (
	"fmt"
	"sync"

	xhotkey "golang.design/x/hotkey"

	"github.com/hindsight-app/hindsight/app/hotkey"
)

// Binder takes combinations from the system.
type Binder struct{}

// New makes a Binder.
func New() *Binder { return &Binder{} }

// Bind implements hotkey.Binder.
func (*Binder) Bind(_, _ string, c hotkey.Combo, on hotkey.Handler) (hotkey.Binding, error) {
	g, err := newGrab(c, on)
	if err != nil {
		return nil, err
	}
	return &binding{grab: g}, nil
}

// Close implements hotkey.Binder.
func (*Binder) Close() error { return nil }

type binding struct {
	grab *grab
	once sync.Once
}

// Close implements hotkey.Binding.
func (bd *binding) Close() error {
	bd.once.Do(bd.grab.close)
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
		return nil, fmt.Errorf("Windows does not take %s as a hotkey", c.Key)
	}
	hk := xhotkey.New(modifiers(c.Mods), key)
	if err := hk.Register(); err != nil {
		return nil, hotkey.ErrTaken
	}
	g := &grab{hk: hk, stop: make(chan struct{}), done: make(chan struct{})}
	go g.run(hk.Keydown(), hk.Keyup(), on)
	return g, nil
}

// run tells each time the key goes down and comes up.
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
	_ = g.hk.Unregister() // fails only for what is not registered
}
