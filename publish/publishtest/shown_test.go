package publishtest

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

// A frame is shown when its last missing packet comes, those behind it then as well; a keyframe ends the wait for what
// never comes. Frames here have two packets each.
func TestFramesAreShownWhenTheyCanBeDecoded(t *testing.T) {
	start := time.Unix(1000, 0)
	const first = 65533 // numbers wrap
	packet := func(n int, key bool) *rtp.Packet {
		p := &rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(first + n), Timestamp: uint32(n / 2), Marker: n%2 == 1},
			Payload: []byte{1, 2}}
		if key && n%2 == 0 {
			p.Payload = []byte{24, 0, 9, 0x67, 1}
		}
		return p
	}
	var packets []*rtp.Packet
	var arrived []time.Time
	for _, n := range []int{0, 1, 2, 3, 5, 6, 7, 4, 9, 10, 11, 12, 13, 14, 15} { // 4 is late, 8 never comes
		packets = append(packets, packet(n, n < 2 || n >= 12 && n < 14))
		arrived = append(arrived, start.Add(time.Duration(len(arrived))*time.Second))
	}
	var rtps []uint32
	var at []float64
	for _, f := range shown(packets, arrived) {
		rtps, at = append(rtps, f.RTP), append(at, f.At.Sub(start).Seconds())
		require.Equal(t, f.RTP == 0 || f.RTP == 6, f.Key)
	}
	require.Equal(t, []uint32{0, 1, 2, 3, 6, 7}, rtps)
	require.Equal(t, []float64{1, 3, 7, 7, 12, 14}, at)
}
