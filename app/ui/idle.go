package ui

import (
	"context"
	"sync"
	"time"
)

// idleFrame is how long the main goroutine waits at a time. What the tray's menu wants waits as long, at most.
const idleFrame = 200 * time.Millisecond

// idle has the main goroutine wait for events while the window is hidden. Fyne's loop only looks for them, 60 times a
// second, whether there is a window or not (fyne-io/fyne issue 2506), which takes 1 to 2 % of a core beside capture:
// more than mixing the sound does. It asks Fyne to run a function on the main goroutine again and again, and that one
// waits in GLFW's own function for it, which handles what comes at once. It owns one goroutine, which asks; close waits
// for it.
type idle struct {
	// do runs a function on the main goroutine, some time later.
	do func(func())
	// wait handles events on the main goroutine, for so long or until post, which may be called from any goroutine.
	wait func(time.Duration)
	post func()

	resting bool // the main goroutine's
	stop    context.CancelFunc
	work    sync.WaitGroup

	mu      sync.Mutex
	waiting bool // the main goroutine is about to wait, or does
	due     bool // it was to be woken when it did not
}

// set starts or stops the waiting, on the main goroutine.
func (n *idle) set(hidden bool) {
	if n.do == nil || hidden == n.resting {
		return
	}
	n.resting = hidden
	if !hidden {
		n.stop()
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.work.Go(func() { n.ask(ctx) })
}

// ask has the main goroutine wait once after the other. In between it does what else it is given, and its own round.
func (n *idle) ask(ctx context.Context) {
	rested := make(chan struct{}, 1)
	for ctx.Err() == nil {
		n.do(func() {
			n.rest(ctx)
			rested <- struct{}{}
		})
		select {
		case <-ctx.Done():
		case <-rested:
		}
	}
}

func (n *idle) rest(ctx context.Context) {
	n.mu.Lock()
	skip := n.due || ctx.Err() != nil
	n.due, n.waiting = false, !skip
	n.mu.Unlock()
	if skip {
		return
	}
	n.wait(idleFrame)
	n.mu.Lock()
	n.waiting = false
	n.mu.Unlock()
}

// wake ends the waiting, or the next one, for what the main goroutine was given before; from any goroutine.
func (n *idle) wake() {
	if n.do == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting {
		n.post()
	} else {
		n.due = true
	}
}

// close ends the goroutine, after Run.
func (n *idle) close() {
	if n.stop != nil {
		n.stop()
	}
	n.work.Wait()
}
