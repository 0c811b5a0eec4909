package embedded

import (
	"bytes"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"
)

// frames has ffmpeg encode access units with a delimiter each, sliced, a keyframe every 30, at 30 a second.
func frames(t *testing.T, seconds int, size string) (units [][]byte) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=r=30:s="+size,
		"-t",
		strconv.Itoa(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p",
		"-x264-params",
		"aud=1:repeat-headers=1:keyint=30:scenecut=0:slices=3", "-f", "h264", "-").Output()
	require.NoError(t, err, "ffmpeg is needed, run make setup")
	delimiter := []byte{0, 0, 0, 1, nalDelimiter}
	for _, u := range bytes.Split(out, delimiter)[1:] {
		units = append(units, slices.Concat(delimiter, u))
	}
	require.Len(t, units, seconds*30)
	return units
}

// wire is the access units as a publisher sends them.
func wire(units [][]byte, stamp uint32) (out []*rtp.Packet) {
	payloader := &codecs.H264Payloader{}
	sequence := uint16(65500) // it turns over soon
	for i, u := range units {
		parts := payloader.Payload(600, u)
		for j, p := range parts {
			out = append(out, &rtp.Packet{Header: rtp.Header{SequenceNumber: sequence, Marker: j == len(parts)-1,
				Timestamp: stamp + uint32(i)*3000}, Payload: p})
			sequence++
		}
	}
	return out
}

// run pushes packets at 1 ms each and returns the units.
func run(packets []*rtp.Packet) (out []unit) {
	a := newAssembler(true, func(u unit) { out = append(out, u) })
	at := time.Unix(0, 0)
	for _, p := range packets {
		a.push(p, at)
		at = at.Add(time.Millisecond)
	}
	a.flush(at)
	return out
}

// Whatever the order of arrival, with padding in between, each access unit comes out once, complete, in order.
func TestPacketsBecomeFrames(t *testing.T) {
	packets := wire(frames(t, 3, "320x180"), 1<<32-50000) // and time turns over too
	check := func(units []unit) {
		require.Len(t, units, 90)
		for i, u := range units {
			require.False(t, u.lost, i)
			require.Equal(t, i%30 == 0, u.key, i)
			require.Equal(t, units[0].rtp+int64(i)*3000, u.rtp)
			require.NotEmpty(t, u.sets.sps)
			var nals h264.AVCC
			require.NoError(t, nals.Unmarshal(u.data))
			parts := 0
			for _, n := range nals {
				require.NotContains(t, []byte{nalSPS, nalPPS, nalDelimiter}, n[0]&0x1f)
				if kind := n[0] & 0x1f; kind == 1 || kind == nalIDR {
					parts++
				}
			}
			require.GreaterOrEqual(t, parts, 2, "frame %d", i)
		}
	}
	check(run(packets))

	var mixed []*rtp.Packet
	for i := 0; i < len(packets); i += 4 {
		part := packets[i:min(i+4, len(packets))]
		for j := range part {
			mixed = append(mixed, part[len(part)-1-j], part[len(part)-1-j]) // backwards, and twice
		}
	}
	check(run(append(packets[:1:1], mixed...)))

	var padded []*rtp.Packet
	shift := uint16(0)
	for _, p := range packets {
		q := *p
		q.SequenceNumber += shift
		if padded = append(padded, &q); p.Marker {
			shift++
			padded = append(padded, &rtp.Packet{Header: rtp.Header{SequenceNumber: q.SequenceNumber + 1, Timestamp: q.Timestamp,
				Padding: true}})
		}
	}
	check(run(padded))
}

// A frame with a missing packet is left out, and the next one says so.
func TestLossIsTold(t *testing.T) {
	packets := wire(frames(t, 2, "320x180"), 1000)
	whole := run(packets)
	for _, gone := range []int{3, 40, 41, 100} {
		missing := append(append([]*rtp.Packet(nil), packets[:gone]...), packets[gone+1:]...)
		units := run(missing)
		require.Less(t, len(units), len(whole))
		known := map[int64]string{}
		for _, u := range whole {
			known[u.rtp] = string(u.data)
		}
		lost := 0
		for _, u := range units {
			require.Equal(t, known[u.rtp], string(u.data), "what comes is whole")
			if u.lost {
				lost++
			}
		}
		require.Equal(t, 1, lost, "packet %d", gone)
	}
}

// LiveKit's black frames of a muted track are not the publisher's.
func TestTinyFramesAreLeftOut(t *testing.T) {
	require.False(t, proper(""))
	require.False(t, proper("\x67\x42"))
	big, tiny := frames(t, 1, "320x180"), frames(t, 1, "8x8")
	units := run(wire(append(append(append([][]byte(nil), big...), tiny[0]), big...), 5000))
	require.Len(t, units, 60)
	require.True(t, units[30].lost)
	require.True(t, units[30].key)
}
