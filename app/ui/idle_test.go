package ui

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// resting is an idle with a main goroutine of its own, which rests until it is woken.
func resting(t *testing.T) *idle {
	functions := make(chan func(), 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for f := range functions {
			f()
		}
	}()
	n := newIdle(func(f func()) { functions <- f })
	n.frame = time.Hour
	t.Cleanup(func() {
		n.close()
		close(functions)
		<-done
	})
	return n
}

func TestRestsWhileTheWindowIsHidden(t *testing.T) {
	b := start(t)
	b.ui.show(pageHome)
	require.False(t, b.ui.idle.resting)
	b.ui.closed()
	require.Equal(t, runtime.GOOS == "linux", b.ui.idle.resting)
	b.ui.show(-1)
	require.False(t, b.ui.idle.resting)
}

// Whatever the main goroutine is given while the window is hidden is done at once, also when it just begins to rest.
func TestRestingEndsWhenThereIsSomethingToDo(t *testing.T) {
	n := resting(t)
	for range 20 {
		n.set(true)
		for range 100 {
			done := make(chan struct{})
			n.do(func() { close(done) })
			n.wake()
			<-done
		}
		n.set(false)
		n.close()
		n.close()
	}
}
