//go:build linux

package sharetest

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish"
)

const (
	// openFor is how long the link is as good as it gets, shapedFor how long it is bad; settleFor of that is left to
	// the publisher to find out.
	openFor, shapedFor, settleFor = 5 * time.Second, 25 * time.Second, 10 * time.Second
	clipLength                    = 15 * time.Second
)

// A link that becomes bad while the screen is shared: 1 Mb/s, 5 % lost, 150 ms later on the way to the server, some
// packets out of order, and losses on the way back as well. Viewers must not see the screen stand still, no queue may
// stay at the bottleneck, and the local clip must not notice.
func TestShapedLink(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	link := stack.NewLink()
	defer link.Close()
	server, err := link.StartFar(ctx, endSpec(t, dir, serverPart, "server.json"))
	require.NoError(t, err)
	defer server.Close()
	publisher, err := link.StartNear(ctx, endSpec(t, dir, publisherPart, "viewing.json", screenEnv(t)...))
	require.NoError(t, err)
	defer publisher.Close()

	waitUntil(t, time.Now().Add(openFor))
	begun := time.Now()
	up := stack.Shape{Kbps: 1000, Queue: time.Second, Delay: 150 * time.Millisecond, Loss: 0.05,
		Reorder: 0.01, ReorderBy: 30 * time.Millisecond}
	down := stack.Shape{Loss: 0.05}
	t.Logf("up: %s; down: %s", up.Describe(), down.Describe())
	link.SetShapes(up, down)
	waitUntil(t, begun.Add(shapedFor))
	ended := time.Now()
	// Without the shape, so that leaving takes no time.
	waits, counts := link.UpWaits(), link.UpCounts()
	link.SetShapes(stack.Shape{}, stack.Shape{})
	end(t, publisher)
	end(t, server)
	way := onTheWay{begun: begun, ended: ended, waits: waits}
	require.NoError(t, readJSON(dir, "published.json", &way.sent))
	require.NoError(t, readJSON(dir, "viewed.json", &way.seen))
	require.NotEmpty(t, way.seen.Frames)
	t.Logf("packets on the way up: %+v", counts)
	require.NotZero(t, counts.Lost)
	require.NotZero(t, counts.Reordered)
	way.log(t)
	way.neverFrozen(t)
	way.noStandingQueue(t)
	way.noStorm(t)
	way.localUntouched(t)
}

// onTheWay is what the link, the publisher and the viewer had to tell, from begun to ended with a bad link.
type onTheWay struct {
	begun, ended time.Time
	waits        []stack.Wait
	sent         published
	seen         viewed
}

// neverFrozen wants no more than a second between two frames that the viewer could show, from its first one on.
func (w onTheWay) neverFrozen(t *testing.T) {
	t.Helper()
	last, frames := w.seen.Frames[0].At, 0
	for _, f := range w.seen.Frames {
		if f.At.After(w.ended) {
			break
		}
		require.LessOrEqual(t, f.At.Sub(last), time.Second, "the viewer's screen stood still, %v after the link became bad",
			last.Sub(w.begun))
		if last = f.At; last.After(w.begun) {
			frames++
		}
	}
	require.LessOrEqual(t, w.ended.Sub(last), time.Second, "the viewer's screen stood still at the end")
	sent := 0
	for _, f := range w.sent.Sent {
		if f.At.After(w.begun) && f.At.Before(w.ended) {
			sent++
		}
	}
	require.Greater(t, frames, sent*3/4, "of %d frames that were sent the viewer saw too few", sent)
}

// noStandingQueue wants the bottleneck's queue to fall below half a second in each second, once the publisher had time
// to find out. A queue that does not is a standing one (RFC 8289, 3).
func (w onTheWay) noStandingQueue(t *testing.T) {
	t.Helper()
	for from := w.begun.Add(settleFor); !from.Add(time.Second).After(w.ended); from = from.Add(time.Second) {
		least, n := time.Hour, 0
		for _, wait := range w.waits {
			if !wait.At.Before(from) && wait.At.Before(from.Add(time.Second)) {
				least = min(least, wait.Wait)
				n++
			}
		}
		require.Positive(t, n, "nothing was sent")
		require.Less(t, least, 500*time.Millisecond, "a queue stands, %v after the link became bad", from.Sub(w.begun))
	}
}

// noStorm wants fewer keyframes than one a second: there is one each two seconds anyway.
func (w onTheWay) noStorm(t *testing.T) {
	t.Helper()
	keys := 0
	for _, f := range w.sent.Sent {
		if f.Key && f.At.After(w.begun) && f.At.Before(w.ended) {
			keys++
		}
	}
	require.LessOrEqual(t, keys, int(shapedFor.Seconds()), "keyframes are what a slow link needs least")
}

// localUntouched compares the local stream before and after the link became bad.
func (w onTheWay) localUntouched(t *testing.T) {
	t.Helper()
	mean := func(from, to time.Time) float64 {
		bytes, n := 0, 0
		for _, f := range w.sent.Local {
			if f.At.After(from) && f.At.Before(to) {
				bytes += f.Bytes
				n++
			}
		}
		require.Positive(t, n)
		return float64(bytes) / float64(n)
	}
	open, bad := mean(w.begun.Add(-openFor), w.begun), mean(w.begun.Add(settleFor), w.ended)
	t.Logf("a frame of the local stream has %.0f bytes with a good link and %.0f with a bad one", open, bad)
	require.Greater(t, bad, 0.7*open, "the local clip pays for the link")
	for _, m := range w.sent.Moments {
		if m.At.After(w.begun.Add(-openFor)) {
			require.Equal(t, w.sent.Moments[len(w.sent.Moments)-1].LocalKbps, m.LocalKbps, "the local bitrate changed")
		}
	}
	clip := w.sent.Clip
	require.Equal(t, []int{1280, 720}, []int{clip.Width, clip.Height})
	require.InDelta(t, clipLength.Seconds(), clip.Seconds, 0.04)
}

// log writes a line for each second.
func (w onTheWay) log(t *testing.T) {
	for from := w.begun.Add(-openFor); from.Before(w.ended); from = from.Add(time.Second) {
		within := func(at time.Time) bool { return !at.Before(from) && at.Before(from.Add(time.Second)) }
		var queue, gap time.Duration
		for _, wait := range w.waits {
			if within(wait.At) {
				queue = max(queue, wait.Wait)
			}
		}
		frames := 0
		for i, f := range w.seen.Frames {
			if i > 0 && within(f.At) {
				gap = max(gap, f.At.Sub(w.seen.Frames[i-1].At))
				frames++
			}
		}
		var st publish.Status
		for _, m := range w.sent.Moments {
			if within(m.At) {
				st = m.Status
			}
		}
		t.Logf("%+3.0f s: queue up to %3d ms, bitrate %4d kb/s, %2d frames shown, at most %3d ms apart",
			from.Sub(w.begun).Seconds(), queue.Milliseconds(), st.BitrateKbps, frames, gap.Milliseconds())
	}
}

// screenEnv is a desktop with a moving frame and sound, as the environment of a program.
func screenEnv(t *testing.T) []string {
	t.Helper()
	ctx := context.Background()
	desktop, err := stack.StartDesktop(ctx, t.TempDir(), stack.DesktopOptions{Width: 1280, Height: 720})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, desktop.Close()) })
	sound, err := stack.StartSound(ctx, t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sound.Close()) })
	pattern, err := stack.StartPattern(ctx, stack.PatternOptions{Display: desktop.Display, PulseServer: sound.Server,
		DesktopSink: sound.DesktopSink})
	require.NoError(t, err)
	t.Cleanup(func() { _ = pattern.Close() })
	return append(desktop.Env, sound.Env...)
}

// endSpec starts this program in a part, and waits for a file that it or the other end writes.
func endSpec(t *testing.T, dir, part, ready string, env ...string) stack.Spec {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	return stack.Spec{Name: part, Path: program, Dir: dir, Env: append(env, endEnv+"="+part, dirEnv+"="+dir),
		Ready: func(context.Context) error {
			_, err := os.Stat(filepath.Join(dir, ready))
			return err
		}}
}

// end asks a program to end and waits for it.
func end(t *testing.T, p *stack.Proc) {
	t.Helper()
	require.NoError(t, p.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool {
		select {
		case <-p.Done():
			return true
		default:
			return false
		}
	}, 20*time.Second, 10*time.Millisecond, "%s", p.Tail(3000))
}

// waitUntil lets time pass. What the test shows are rates over time: what a link of so many kb/s holds up in each
// second, and how soon the publisher has found it out. No event tells that those seconds are over, and a count of
// packets would stretch with the very stalls that are looked for.
func waitUntil(t *testing.T, at time.Time) {
	t.Helper()
	require.Eventually(t, func() bool { return time.Now().After(at) }, time.Until(at)+time.Minute, 10*time.Millisecond)
}
