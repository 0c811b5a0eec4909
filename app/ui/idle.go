package ui

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// idleFrame is how long the main goroutine rests at a time. What the tray's menu wants waits as long, at most.
const idleFrame = 100 * time.Millisecond

// idle lets the main goroutine rest while the window is hidden. Fyne's loop goes its round 60 times a second, whether
// there is a window or not (fyne-io/fyne issue 2506), which takes 1 to 2 % of a core beside capture: more than mixing
// the sound does. So while nothing is to be drawn, Fyne is given one function after the other to run on the main
// goroutine, each of which only waits until there is something to do. In between the loop goes its round, and handles
// the events that have come. GLFW's own function to wait for events would do as well, but Go's scheduler watches calls
// out to C that take long, which costs half of what is saved.
//
// It owns one goroutine, which hands these functions to Fyne; close waits for it.
type idle struct {
	// do runs a function on the main goroutine, some time later.
	do    func(func())
	frame time.Duration
	// woken holds a token when there is something to do.
	woken chan struct{}

	resting bool // the main goroutine's
	stop    context.CancelFunc
	work    sync.WaitGroup
}

func newIdle(do func(func())) *idle {
	return &idle{do: do, frame: idleFrame, woken: make(chan struct{}, 1), stop: func() {}}
}

// set starts or stops the resting, on the main goroutine. The trays of other systems live in that goroutine and need
// it awake.
func (n *idle) set(hidden bool) {
	hidden = hidden && runtime.GOOS == "linux"
	if hidden == n.resting {
		return
	}
	n.resting = hidden
	if !hidden {
		n.stop()
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.work.Go(func() { n.run(ctx) })
}

func (n *idle) run(ctx context.Context) {
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
	limit := time.NewTimer(n.frame)
	defer limit.Stop()
	select {
	case <-ctx.Done():
	case <-n.woken:
	case <-limit.C:
	}
}

// wake ends the current rest, or the next one, for what the main goroutine was given before; from any goroutine.
func (n *idle) wake() {
	media.Poke(n.woken)
}

// close ends the goroutine. It may be called twice.
func (n *idle) close() {
	n.stop()
	n.work.Wait()
}
