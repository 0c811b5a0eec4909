package audio

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mix"
)

// The mixer's latency is what it waits for its sources plus the limiter's look-ahead. A busy machine makes the wait
// grow, so the measurement only logs.
func TestMixerLatency(t *testing.T) {
	require.LessOrEqual(t, mixDelay+mix.Latency, 40*time.Millisecond)
	require.NoError(t, gst.Init())
	packets := make(chan time.Duration, 1000)
	s := New(Options{Now: clock.Now, Log: slog.New(slog.DiscardHandler),
		Wants: func(tr media.Track) bool { return tr == media.Opus },
		Emit:  func(p *media.Packet) { packets <- clock.Now() - (p.PTS + p.Duration) }})
	require.NoError(t, s.start())
	defer s.Close()
	var all []time.Duration
	for range 100 {
		all = append(all, <-packets)
	}
	slices.Sort(all)
	t.Logf("from the end of a packet's sound to the packet: %v at best, %v in the middle, %v at worst", all[0], all[50],
		all[99])
}
