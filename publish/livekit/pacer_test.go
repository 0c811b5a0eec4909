package livekit

import (
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
)

func stoppedPacer(rate int) *pacer {
	return &pacer{rate: rate, wake: make(chan struct{}, 1)}
}

func TestPacerSpreadsABurst(t *testing.T) {
	p := stoppedPacer(12e6) // 1.5 kB a millisecond
	for range 100 {
		require.NoError(t, p.add(time.Time{}, &rtp.Header{Version: 2}, make([]byte, 1144), nil)) // 1200 bytes each
	}
	sent, ticks := 0, 0
	for empty := false; !empty; ticks++ {
		var out []pacedPacket
		out, empty = p.take(paceTick)
		require.LessOrEqual(t, len(out), 7, "7.5 kB a tick")
		sent += len(out)
	}
	require.Equal(t, 100, sent)
	require.InDelta(t, 16, ticks, 1, "120 kB at 12 Mb/s take 80 ms")
	require.Zero(t, p.queued)
}

func TestPacerBoundsTheDelay(t *testing.T) {
	p := stoppedPacer(200e3)
	for range 1000 {
		require.NoError(t, p.add(time.Time{}, &rtp.Header{Version: 2}, make([]byte, 1144), nil))
	}
	// However slow the estimate, the queue shrinks to a third within twice the delay it should have at most.
	before, ticks := p.queued, 0
	for ; p.queued > before/3; ticks++ {
		p.take(paceTick)
	}
	require.LessOrEqual(t, time.Duration(ticks)*paceTick, 2*paceMaxDelay)
}

// A connection that holds up its writer must not fill the memory.
func TestPacerRefusesBehindABlockedConnection(t *testing.T) {
	p := stoppedPacer(8e6)
	now := time.Unix(1000, 0)
	for range 100 {
		require.NoError(t, p.add(now, &rtp.Header{Version: 2}, make([]byte, 1144), nil))
	}
	require.NoError(t, p.add(now.Add(paceLimit), &rtp.Header{Version: 2}, make([]byte, 1144), nil))
	late := now.Add(paceLimit + time.Millisecond)
	require.ErrorIs(t, p.add(late, &rtp.Header{Version: 2}, make([]byte, 1144), nil), ErrSlow)
	require.Len(t, p.queue, 101)
	for len(p.queue) > 1 {
		p.take(paceTick)
	}
	require.NoError(t, p.add(late, &rtp.Header{Version: 2}, make([]byte, 1144), nil), "what was old has left")
}

func TestPacerKeepsOrderAndCopies(t *testing.T) {
	p := newPacer(50e6)
	defer p.close()
	var mu sync.Mutex
	var got []uint16
	var bytes []byte
	done := make(chan struct{})
	send := interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, _ interceptor.Attributes) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		got, bytes = append(got, h.SequenceNumber), append(bytes, payload[0])
		if len(got) == 200 {
			close(done)
		}
		return len(payload), nil
	})
	h, payload := rtp.Header{Version: 2}, []byte{0}
	for i := range 200 {
		h.SequenceNumber, payload[0] = uint16(i), byte(i)
		require.NoError(t, p.add(time.Now(), &h, payload, send))
	}
	wait.For(t, done, 30*time.Second, "all packets leave")
	mu.Lock()
	defer mu.Unlock()
	for i := range 200 {
		require.Equal(t, uint16(i), got[i])
		require.Equal(t, byte(i), bytes[i])
	}
}

func TestPacerCloses(t *testing.T) {
	p := newPacer(1)
	require.NoError(t, p.add(time.Now(), &rtp.Header{Version: 2}, make([]byte, 1000), interceptor.RTPWriterFunc(
		func(*rtp.Header, []byte, interceptor.Attributes) (int, error) { return 0, nil })))
	p.close()
	p.close()
}

// What is sent again waits for nothing that is sent first: on a slow path a keyframe would hold it up.
func TestPacerLetsUrgentPacketsPass(t *testing.T) {
	p := stoppedPacer(8e6)
	for range 100 {
		require.NoError(t, p.add(time.Time{}, &rtp.Header{Version: 2}, make([]byte, 1144), nil))
	}
	p.first(time.Time{}, &rtp.Header{Version: 2, SequenceNumber: 7}, make([]byte, 1144), nil)
	out, empty := p.take(paceTick)
	require.False(t, empty)
	require.Equal(t, uint16(7), out[0].header.SequenceNumber)
	require.Zero(t, out[1].header.SequenceNumber)
}
