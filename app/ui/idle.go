package ui

import (
	"runtime"
	"time"

	"fyne.io/fyne/v2"

	"github.com/hindsight-app/hindsight/capture/media"
)

// idleFrame is how long the main goroutine sleeps at a time. What the tray's menu wants waits as long.
const idleFrame = 100 * time.Millisecond

// idle lets the main goroutine sleep while the window is hidden. Fyne's loop goes its round 60 times a second, whether
// there is a window or not, which takes 1 % of a core: more than mixing the sound does. In each round it calls the
// animations, so this is one.
type idle struct {
	animation *fyne.Animation
	resting   bool
	slept     bool // in the round before
	// woken holds a token when there is something to do.
	woken chan struct{}
}

func newIdleThrottle() *idle {
	n := &idle{woken: make(chan struct{}, 1)}
	n.animation = &fyne.Animation{Duration: time.Second, RepeatCount: fyne.AnimationRepeatForever, Tick: n.throttle}
	return n
}

// set starts or stops the throttling, on the main goroutine. The trays of other systems live in that goroutine and need
// it awake.
func (n *idle) set(hidden bool) {
	hidden = hidden && runtime.GOOS == "linux"
	if hidden == n.resting {
		return
	}
	if n.resting = hidden; hidden {
		n.animation.Start()
	} else {
		n.animation.Stop()
	}
}

// throttle sleeps in every other round: the one after a sleep is due at once, and in what is left of its time the loop
// does what it was given to do.
func (n *idle) throttle(float32) {
	if n.slept = !n.slept; !n.slept {
		return
	}
	select {
	case <-n.woken:
	case <-time.After(idleFrame):
	}
}

// wake ends the current sleep, or the next one; from any goroutine.
func (n *idle) wake() {
	media.Poke(n.woken)
}
