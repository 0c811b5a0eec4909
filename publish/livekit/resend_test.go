package livekit

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

const (
	videoSSRC, repairSSRC = 1, 2
	trip                  = 200 * time.Millisecond
)

// repaired is a resender after n packets of video, which left with the transport-wide numbers 100 on.
func repaired(start time.Time, n int) *resender {
	r := newResender(repairSSRC, 97, 1000)
	for i := range n {
		r.left(start, uint16(100+i), &rtp.Header{Version: 2, SSRC: videoSSRC, PayloadType: 96, SequenceNumber: uint16(i),
			Timestamp: 9},
			[]byte{byte(i), 1, 2})
	}
	return r
}

// A lost packet is sent again when the report tells of it, and again when its copy got lost too, without anybody
// asking.
func TestLostPacketsAreSentAgain(t *testing.T) {
	start := time.Unix(1000, 0)
	r := repaired(start, 3)
	require.Nil(t, r.reported(start.Add(trip), 100, true))
	p := r.reported(start.Add(trip), 101, false)
	require.NotNil(t, p)
	h, payload := r.retransmission(p)
	require.Equal(t, []uint32{repairSSRC, 9}, []uint32{h.SSRC, h.Timestamp})
	require.Equal(t, []uint16{97, 1000}, []uint16{uint16(h.PayloadType), h.SequenceNumber})
	require.Equal(t, uint16(1), binary.BigEndian.Uint16(payload), "the original number comes first (RFC 4588, 4)")
	require.Equal(t, []byte{1, 1, 2}, payload[2:])

	// It leaves twice; only the loss of the later copy counts.
	again, second := r.retransmission(p)
	require.Equal(t, uint16(1001), again.SequenceNumber, "each copy has a number of its own: it is the nonce of SRTP")
	r.left(start.Add(trip), 103, h, payload)
	r.left(start.Add(trip), 104, again, second)
	require.Nil(t, r.reported(start.Add(2*trip), 103, false))
	require.NotNil(t, r.reported(start.Add(2*trip), 104, false))
	r.left(start.Add(2*trip), 105, again, second)
	require.False(t, r.late(start.Add(2*trip), trip))
	require.Nil(t, r.reported(start.Add(3*trip), 105, true))
	require.False(t, r.late(start.Add(time.Minute), trip), "it has arrived")
}

// The server asks again before what was sent can be there, since it measures its round trip seldom.
func TestRequestsAreAnsweredOnceEachRoundTrip(t *testing.T) {
	start := time.Unix(1000, 0)
	r := repaired(start, 3)
	sent := 0
	for since := 20 * time.Millisecond; since <= 2*trip; since += 20 * time.Millisecond {
		if p := r.asked(start.Add(since), 1, trip); p != nil {
			sent++
		}
	}
	require.Equal(t, 2, sent)
	require.Nil(t, r.asked(start, 77, trip), "nobody sent that")
	require.Nil(t, r.asked(start.Add(resendFor+time.Second), 2, trip), "no viewer waits for it any more")
}

// A packet that stays away makes a keyframe worth its size, once. While a queue is in the way it would only make that
// longer.
func TestLatePacketsNeedAKeyframeOnce(t *testing.T) {
	start := time.Unix(1000, 0)
	r := repaired(start, 3)
	require.NotNil(t, r.reported(start.Add(trip), 101, false))
	require.False(t, r.late(start.Add(lateAfter-time.Millisecond), trip))
	require.False(t, r.late(start.Add(lateAfter+time.Millisecond), lateAfter))
	require.True(t, r.late(start.Add(lateAfter+time.Millisecond), trip))
	require.False(t, r.late(start.Add(2*lateAfter), trip))
}

// A queue on the path takes from the bitrate until it is gone; a path that is merely long does not.
func TestQueuesTakeFromTheBitrate(t *testing.T) {
	now := time.Unix(1000, 0)
	var r roundTrips
	require.Equal(t, firstRoundTrip, r.current())
	feed := func(sample time.Duration, times int) {
		for range times {
			now = now.Add(50 * time.Millisecond)
			r.add(now, sample)
		}
	}
	feed(20*time.Millisecond, 20)
	require.InDelta(t, 1, r.share(), 0.001)
	feed(150*time.Millisecond, 20)
	require.InDelta(t, 1, r.share(), 0.001, "150 ms may be the path's own")
	feed(450*time.Millisecond, 20)
	require.InDelta(t, 0.42, r.share(), 0.05)
	feed(2*time.Second, 20)
	require.InDelta(t, leastShare, r.share(), 0.001)
	feed(20*time.Millisecond, 1)
	require.InDelta(t, 1, r.share(), 0.001)
	feed(900*time.Millisecond, 300)
	require.InDelta(t, 1, r.share(), 0.001, "the path has become longer for good")
}
