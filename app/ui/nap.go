package ui

import (
	"runtime"
	"time"

	"fyne.io/fyne/v2"
)

// napLength is how long the main goroutine sleeps at a time. What the tray's menu wants waits as long.
const napLength = 100 * time.Millisecond

// naps let the main goroutine sleep while the window is hidden. Fyne's loop goes its round 60 times a second, whether there
// is a window or not, which takes 1 % of a core: more than mixing the sound does. In each round it calls the animations, so
// this is one.
type naps struct {
	animation *fyne.Animation
	resting   bool
	slept     bool // in the round before
	// woken holds a token when there is something to do.
	woken chan struct{}
}

func newNaps() *naps {
	n := &naps{woken: make(chan struct{}, 1)}
	n.animation = &fyne.Animation{Duration: time.Second, RepeatCount: fyne.AnimationRepeatForever, Tick: n.nap}
	return n
}

// set begins or ends the naps, on the main goroutine. The trays of other systems live in that goroutine and need it awake.
func (n *naps) set(hidden bool) {
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

// nap sleeps in every other round: the one after a nap is due at once, and in what is left of its time the loop does what it
// was given to do.
func (n *naps) nap(float32) {
	if n.slept = !n.slept; !n.slept {
		return
	}
	select {
	case <-n.woken:
	case <-time.After(napLength):
	}
}

// wake ends the nap of the moment, or the next one; from any goroutine.
func (n *naps) wake() {
	select {
	case n.woken <- struct{}{}:
	default:
	}
}
