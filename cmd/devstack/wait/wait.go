// Package wait is how tests wait: for a state or a message, with a deadline, never for time to pass. It holds no state;
// its goroutines are its callers'.
package wait

import (
	"context"
	"os"
	"testing"
	"time"
)

const (
	// every is the time between two looks at a state of this program, slowly of another one, which counts how often it
	// is asked.
	every  = 10 * time.Millisecond
	slowly = 250 * time.Millisecond
)

// For returns the next message of a channel, or its zero value once the channel is closed. If neither comes within the
// limit the test fails and says what was awaited.
func For[T any](t testing.TB, c <-chan T, limit time.Duration, what string) (message T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	select {
	case message = <-c:
	case <-ctx.Done():
		t.Fatalf("this did not come within %v: %s", limit, what)
	}
	return message
}

// First returns the first message that fits; all before it are passed over. If none comes within the limit, or the
// channel is closed, the test fails and shows the last one.
func First[T any](t testing.TB, c <-chan T, limit time.Duration, what string, fits func(T) bool) (message T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var last T
	for {
		select {
		case got, open := <-c:
			if !open {
				t.Fatalf("the channel was closed before this came: %s; the last message: %+v", what, last)
			}
			if fits(got) {
				return got
			}
			last = got
		case <-ctx.Done():
			t.Fatalf("this did not come within %v: %s; the last message: %+v", limit, what, last)
		}
	}
}

// Until looks every 10 ms whether ok returns true. It returns false if that is not so within the limit.
func Until(limit time.Duration, ok func() bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return Poll(ctx, ok) == nil
}

// Slowly is Until for what is asked of a server: it looks four times a second.
func Slowly(limit time.Duration, ok func() bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return poll(ctx, slowly, ok) == nil
}

// Folder is a temporary folder of a test for a program that writes there for a moment after its end, as Chromium's
// helpers do: t.TempDir would fail the test then.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hindsight-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !Slowly(30*time.Second, func() bool { return os.RemoveAll(dir) == nil }) {
			t.Errorf("%s cannot be deleted", dir)
		}
	})
	return dir
}

// Poll looks every 10 ms whether ok returns true. It returns the context's error if that ends first.
func Poll(ctx context.Context, ok func() bool) error { return poll(ctx, every, ok) }

func poll(ctx context.Context, every time.Duration, ok func() bool) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
