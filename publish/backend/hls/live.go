package hls

import (
	"bytes"
	"fmt"
	"math"
	"time"
)

// Listed is a segment of a playlist for viewers.
type Listed struct {
	// URI is the segment's address, Header that of its header; empty for MPEG-TS.
	URI, Header string
	// Wall is when its begin was captured.
	Wall     time.Time
	Duration time.Duration
	// Jump says that its times do not continue those of the one before.
	Jump bool
}

// Live is a playlist for viewers whose oldest segments go (RFC 8216, 6.2.2).
type Live struct {
	Segments []Listed
	// Sequence and Jumps are the media and the discontinuity sequence number of the first segment, or where there is none
	// of the one to come.
	Sequence, Jumps int
	// Longest is the length of the longest segment there has been.
	Longest time.Duration
	// Ended says that nothing will follow.
	Ended bool
}

// targets are what EXT-X-TARGETDURATION may be, in seconds: the length of the segments of LiveKit Egress, which the
// embedded recorder stays below with keyframes as Hindsight sends them, and the longest of the latter. It must not
// change while a playlist is played (RFC 8216, 6.2.1), so that there is only one step, and players begin as near to the
// live edge as they may.
var targets = []int{4, 10}

// target is what the longest segment needs.
func target(longest time.Duration) int {
	need := int(math.Round(longest.Seconds()))
	for _, t := range targets {
		if need <= t {
			return t
		}
	}
	return need
}

// wallForm is the form of EXT-X-PROGRAM-DATE-TIME (RFC 8216, 4.3.2.6), in milliseconds, as much as players read.
const wallForm = "2006-01-02T15:04:05.000Z"

// Bytes is the playlist's text. Version 6 has EXT-X-MAP (RFC 8216, 7).
func (l Live) Bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:%d\n"+
		"#EXT-X-DISCONTINUITY-SEQUENCE:%d\n", target(l.Longest), l.Sequence, l.Jumps)
	header := ""
	for i, s := range l.Segments {
		if s.Jump && i > 0 { // the first one's is in the sequence number
			b.WriteString("#EXT-X-DISCONTINUITY\n")
		}
		if s.Header != header && s.Header != "" {
			header = s.Header
			fmt.Fprintf(&b, "#EXT-X-MAP:URI=%q\n", header)
		}
		fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:%.6f,\n%s\n", s.Wall.UTC().Format(wallForm),
			s.Duration.Seconds(), s.URI)
	}
	if l.Ended {
		b.WriteString("#EXT-X-ENDLIST\n")
	}
	return b.Bytes()
}
