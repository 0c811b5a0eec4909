package hotkey

import (
	"fmt"
	"sync"
)

// Fake is a Binder in memory: Press plays the part of the keyboard.
type Fake struct {
	mu    sync.Mutex
	bound map[Combo]func()
	taken map[Combo]bool
}

// NewFake makes a keyboard on which other programs hold the taken combinations.
func NewFake(taken ...Combo) *Fake {
	f := &Fake{bound: map[Combo]func(){}, taken: map[Combo]bool{}}
	for _, c := range taken {
		f.taken[c] = true
	}
	return f
}

// Bind implements Binder.
func (f *Fake) Bind(_, _ string, c Combo, press func()) (Binding, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.taken[c] || f.bound[c] != nil {
		return nil, fmt.Errorf("%s: %w", c, ErrTaken)
	}
	f.bound[c] = press
	return fakeBinding{f, c}, nil
}

// Press presses a combination and answers whether anything listened.
func (f *Fake) Press(c Combo) bool {
	f.mu.Lock()
	press := f.bound[c]
	f.mu.Unlock()
	if press == nil {
		return false
	}
	press()
	return true
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
