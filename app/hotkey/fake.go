package hotkey

import (
	"context"
	"fmt"
	"sync"
)

// Fake is a Binder in memory: Press and Release play the part of the keyboard.
type Fake struct {
	mu    sync.Mutex
	bound map[Combo]Handler
	taken map[Combo]bool
	typed chan Combo
}

// NewFake makes a keyboard on which other programs hold the taken combinations.
func NewFake(taken ...Combo) *Fake {
	f := &Fake{bound: map[Combo]Handler{}, taken: map[Combo]bool{}, typed: make(chan Combo)}
	for _, c := range taken {
		f.taken[c] = true
	}
	return f
}

// Bind implements Binder.
func (f *Fake) Bind(_, _ string, c Combo, on Handler) (Binding, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, bound := f.bound[c]; bound || f.taken[c] {
		return nil, fmt.Errorf("%s: %w", c, ErrTaken)
	}
	f.bound[c] = on
	return fakeBinding{f, c}, nil
}

// Type gives a combination to the Capture that waits for one, or is the next to wait; Escape cancels it.
func (f *Fake) Type(c Combo) { f.typed <- c }

// Capture implements Keyboard.
func (f *Fake) Capture(ctx context.Context, seen func(Combo)) (Combo, error) {
	select {
	case <-ctx.Done():
		return Combo{}, ctx.Err()
	case c := <-f.typed:
		switch c {
		case Combo{Key: "Escape"}:
			return Combo{}, ErrCanceled
		case Combo{Key: "Backspace"}:
			return Combo{}, nil
		}
		seen(Combo{Mods: c.Mods})
		return c, nil
	}
}

// Probe implements Keyboard.
func (f *Fake) Probe(c Combo) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.taken[c] {
		return ErrTaken
	}
	return nil
}

// Label implements Keyboard.
func (f *Fake) Label(c Combo) string { return c.Label(nil) }

// Refresh implements Keyboard.
func (f *Fake) Refresh() {}

// Press presses a combination and returns whether anything listened.
func (f *Fake) Press(c Combo) bool {
	return f.call(c, func(on Handler) { on.Down() })
}

// Release lets a combination go and returns whether anything listened.
func (f *Fake) Release(c Combo) bool {
	return f.call(c, func(on Handler) { on.Up() })
}

func (f *Fake) call(c Combo, do func(Handler)) bool {
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

type fakeBinding struct {
	fake  *Fake
	combo Combo
}

func (b fakeBinding) Close() error {
	b.fake.mu.Lock()
	defer b.fake.mu.Unlock()
	delete(b.fake.bound, b.combo)
	return nil
}
