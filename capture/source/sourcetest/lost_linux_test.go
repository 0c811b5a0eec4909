package sourcetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source"
)

// A server that is killed is noticed at once, with requests under way.
func TestServerIsLost(t *testing.T) {
	s := newSound(t)
	ctx, cancel := context.WithCancel(t.Context())
	var changes atomic.Int64
	var all sync.WaitGroup
	all.Go(func() { source.WatchDevices(ctx, func() { changes.Add(1) }) })
	defer all.Wait()
	defer cancel()
	require.Eventually(t, func() bool { return changes.Load() > 0 }, time.Minute, time.Millisecond)
	var asking sync.WaitGroup
	var replies atomic.Int64
	for range 4 {
		asking.Go(func() {
			for {
				if _, err := source.Devices(ctx); err != nil {
					return
				}
				replies.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return replies.Load() > 20 }, time.Minute, time.Millisecond)
	before := changes.Load()
	s.Stop()
	asking.Wait()
	require.NoError(t, ctx.Err())
	require.Eventually(t, func() bool { return changes.Load() > before }, time.Minute, time.Millisecond)
}

// What a monitor delivers is dated to when it is played, somewhat later than it arrives, and after the server was
// started again as well.
func TestMonitorsRunAhead(t *testing.T) {
	s := newSound(t)
	leads := make(chan time.Duration, 1)
	monitor := source.OpenSound(source.Sound{Monitor: true, PCM: func(p media.PCM) {
		if len(p.Samples) > 0 {
			select {
			case leads <- p.PTS + p.Duration() - clock.Now():
			default:
			}
		}
	}}, log())
	defer func() { require.NoError(t, monitor.Close()) }()
	ahead := func() {
		t.Helper()
		require.Eventually(t, func() bool { lead := <-leads; return lead > 0 && lead < time.Second/2 }, time.Minute,
			time.Millisecond)
	}
	ahead()
	s.Stop()
	require.Eventually(t, state(monitor, media.Failed), time.Minute, time.Millisecond)
	for len(leads) > 0 {
		<-leads // of before
	}
	require.NoError(t, s.Start(t.Context()))
	require.Eventually(t, state(monitor, media.Running), time.Minute, time.Millisecond)
	ahead()
}
