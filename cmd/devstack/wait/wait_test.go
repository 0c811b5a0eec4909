package wait

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// failing is a test that remembers why it failed.
type failing struct {
	testing.TB
	why string
}

func (f *failing) Helper() {}
func (f *failing) Fatalf(format string, args ...any) {
	f.why = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// fails runs f as a test of its own and returns why it failed.
func fails(f func(t testing.TB)) string {
	var t failing
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(&t)
	}()
	<-done
	return t.why
}

func TestMessagesAreAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := make(chan int, 3)
		c <- 1
		c <- 2
		c <- 3
		require.Equal(t, 1, For(t, c, time.Minute, "one"))
		require.Equal(t, 3, First(t, c, time.Minute, "three", func(n int) bool { return n == 3 }))
		require.Contains(t, fails(func(t testing.TB) { For(t, c, time.Minute, "a fourth") }), "1m0s: a fourth")
		c <- 4
		never := func(int) bool { return false }
		require.Contains(t, fails(func(t testing.TB) { First(t, c, time.Minute, "a fifth", never) }), "message: 4")
		close(c)
		require.Zero(t, For(t, c, time.Minute, "the end"))
		require.Contains(t, fails(func(t testing.TB) { First(t, c, time.Minute, "a sixth", never) }), "closed")
	})
}

func TestStatesAreAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, looks := time.Now(), 0
		require.True(t, Until(time.Minute, func() bool { looks++; return looks == 4 }))
		require.Equal(t, 3*every, time.Since(begun))
		require.False(t, Until(time.Minute, func() bool { return false }))
		require.Equal(t, 3*every+time.Minute, time.Since(begun))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, Poll(ctx, func() bool { return false }), context.Canceled)
		require.NoError(t, Poll(ctx, func() bool { return true }), "a state that holds is seen though the time is over")
	})
}
