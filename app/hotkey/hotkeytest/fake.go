// Package hotkeytest is a keyboard in memory for tests of what binds hotkeys. It has no goroutine; Close is for the
// interface only.
package hotkeytest

import (
	"context"
	"fmt"
	"sync"

	"github.com/hindsight-app/hindsight/app/hotkey"
)

// Fake is a Binder in memory: Press and Release play the part of the keyboard.
type Fake struct {
	mu    sync.Mutex
	bound map[hotkey.Combo]hotkey.Handler
	taken map[hotkey.Combo]bool
	typed chan hotkey.Combo
}

// NewFake makes a keyboard on which other programs hold the taken combinations.
func NewFake(taken ...hotkey.Combo) *Fake {
	f := &Fake{bound: map[hotkey.Combo]hotkey.Handler{}, taken: map[hotkey.Combo]bool{}, typed: make(chan hotkey.Combo)}
	for _, c := range taken {
		f.taken[c] = true
	}
	return f
}

// Bind implements Binder.
func (f *Fake) Bind(_, _ string, c hotkey.Combo, on hotkey.Handler) (hotkey.Binding, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, bound := f.bound[c]; bound || f.taken[c] {
		return nil, fmt.Errorf("%s: %w", c, hotkey.ErrTaken)
	}
	f.bound[c] = on
	return binding{f, c}, nil
}

// Type gives a combination to the Capture that waits for one, or is the next to wait; Escape cancels it.
func (f *Fake) Type(c hotkey.Combo) { f.typed <- c }

// Capture implements Keyboard.
func (f *Fake) Capture(ctx context.Context, seen func(hotkey.Combo)) (hotkey.Combo, error) {
	select {
	case <-ctx.Done():
		return hotkey.Combo{}, ctx.Err()
	case c := <-f.typed:
		switch c {
		case hotkey.Combo{Key: "Escape"}:
			return hotkey.Combo{}, hotkey.ErrCanceled
		case hotkey.Combo{Key: "Backspace"}:
			return hotkey.Combo{}, nil
		}
		seen(hotkey.Combo{Mods: c.Mods})
		return c, nil
	}
}

// Probe implements Keyboard.
func (f *Fake) Probe(c hotkey.Combo) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.taken[c] {
		return hotkey.ErrTaken
	}
	return nil
}

// Label implements Keyboard.
func (f *Fake) Label(c hotkey.Combo) string { return c.Label(nil) }

// Refresh implements Keyboard.
func (f *Fake) Refresh() {}

// Press presses a combination and returns whether anything listened.
func (f *Fake) Press(c hotkey.Combo) bool {
	return f.call(c, func(on hotkey.Handler) { on.Down() })
}

// Release lets a combination go and returns whether anything listened.
func (f *Fake) Release(c hotkey.Combo) bool {
	return f.call(c, func(on hotkey.Handler) { on.Up() })
}

func (f *Fake) call(c hotkey.Combo, do func(hotkey.Handler)) bool {
	f.mu.Lock()
	on, ok := f.bound[c]
	f.mu.Unlock()
	if ok {
		do(on)
	}
	return ok
}

// Close implements Binder.
func (f *Fake) Close() error { return nil }

type binding struct {
	fake  *Fake
	combo hotkey.Combo
}

func (b binding) Close() error {
	b.fake.mu.Lock()
	defer b.fake.mu.Unlock()
	delete(b.fake.bound, b.combo)
	return nil
}
