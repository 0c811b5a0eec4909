package hls

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The text that players get: a header where it changes, a jump where there is one, but for the first segment's, which
// is in the sequence number.
func TestLivePlaylist(t *testing.T) {
	at := time.Date(2026, 11, 22, 6, 0, 0, 123456789, time.UTC)
	l := Live{Sequence: 7, Jumps: 3, Longest: 4400 * time.Millisecond, Ended: true, Segments: []Listed{
		{URI: "a.m4s?link=x", Header: "h.mp4", Wall: at, Duration: 2 * time.Second, Jump: true},
		{URI: "b.m4s", Header: "h.mp4", Wall: at.Add(2 * time.Second), Duration: 1500 * time.Millisecond},
		{URI: "c.m4s", Header: "i.mp4", Wall: at.Add(time.Minute), Duration: 4400 * time.Millisecond, Jump: true},
	}}
	require.Equal(t, "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n"+
		"#EXT-X-DISCONTINUITY-SEQUENCE:3\n"+
		"#EXT-X-MAP:URI=\"h.mp4\"\n"+
		"#EXT-X-PROGRAM-DATE-TIME:2026-11-22T06:00:00.123Z\n#EXTINF:2.000000,\na.m4s?link=x\n"+
		"#EXT-X-PROGRAM-DATE-TIME:2026-11-22T06:00:02.123Z\n#EXTINF:1.500000,\nb.m4s\n"+
		"#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"i.mp4\"\n"+
		"#EXT-X-PROGRAM-DATE-TIME:2026-11-22T06:01:00.123Z\n#EXTINF:4.400000,\nc.m4s\n"+
		"#EXT-X-ENDLIST\n", string(l.Bytes()))
	for longest, want := range map[time.Duration]int{0: 4, 4499 * time.Millisecond: 4, 4500 * time.Millisecond: 10,
		10 * time.Second: 10, 11 * time.Second: 11} {
		require.Equal(t, want, target(longest), longest)
	}
}
