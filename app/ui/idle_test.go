package ui

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// loop is a main goroutine that can wait for events.
type loop struct {
	functions chan func()
	events    chan struct{}
	waits     atomic.Int64
}

func (l *loop) idle() *idle {
	return &idle{
		do: func(f func()) { l.functions <- f },
		wait: func(time.Duration) {
			l.waits.Add(1)
			<-l.events // nothing but an event ends it
		},
		post: func() { l.events <- struct{}{} },
	}
}

func startLoop(t *testing.T) *loop {
	l := &loop{functions: make(chan func(), 100), events: make(chan struct{}, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for f := range l.functions {
			f()
		}
	}()
	t.Cleanup(func() { close(l.functions); <-done })
	return l
}

func TestWaitsForEventsWhileTheWindowIsHidden(t *testing.T) {
	l := startLoop(t)
	b := start(t)
	require.False(t, b.ui.idle.resting, "without a main goroutine that can wait")
	b.ui.idle = l.idle()
	b.ui.show(pageHome)
	require.False(t, b.ui.idle.resting)
	b.ui.closed()
	require.True(t, b.ui.idle.resting)
	require.Eventually(t, func() bool { return l.waits.Load() == 1 }, 30*time.Second, time.Millisecond)
	b.ui.show(-1)
	require.False(t, b.ui.idle.resting)
	b.ui.idle.wake()
	b.ui.idle.close()
	require.EqualValues(t, 1, l.waits.Load())
}

// Whatever the main goroutine is given while the window is hidden is done, also when it is just about to wait.
func TestWaitingEndsWhenThereIsSomethingToDo(t *testing.T) {
	l := startLoop(t)
	n := l.idle()
	n.set(true)
	for range 2000 {
		done := make(chan struct{})
		n.do(func() { close(done) })
		n.wake()
		<-done
	}
	n.set(false)
	n.wake() // as the function that called set does at its end
	n.close()
	n.close()
	before := l.waits.Load()
	require.Positive(t, before)
	n.set(true)
	require.Eventually(t, func() bool { return l.waits.Load() > before }, 30*time.Second, time.Millisecond)
	n.set(false)
	n.wake()
	n.close()
}

// Where the main goroutine must stay awake nothing waits.
func TestNothingWaitsWithoutAWayTo(t *testing.T) {
	n := &idle{}
	n.set(true)
	n.wake()
	require.False(t, n.resting)
	n.close()
}
