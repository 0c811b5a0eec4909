// Package hls reads what LiveKit Egress writes: an HLS playlist (RFC 8216) that grows, and MPEG-TS segments with H.264
// and AAC. It has no state but what its values hold, and no goroutines.
package hls

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Entry is one segment of a playlist.
type Entry struct {
	// Name is the file, in the playlist's folder.
	Name string
	// Wall is EXT-X-PROGRAM-DATE-TIME, a time of the recorder's clock when it wrote, not when the picture was taken.
	Wall time.Time
	// Duration is EXTINF.
	Duration time.Duration
}

// segmentName is the only form of name that is taken from a playlist.
var segmentName = regexp.MustCompile(`^[A-Za-z0-9-]+_[0-9]{5,9}\.ts$`)

// Playlist collects the entries of an EVENT playlist, which only ever grows at its end.
type Playlist struct {
	Entries []Entry
	// Ended is set by EXT-X-ENDLIST: nothing will follow.
	Ended bool

	next Entry
	rest []byte
}

// Append takes what was added to the file. A line that is not complete yet waits for its end.
func (p *Playlist) Append(b []byte) {
	b = append(p.rest, b...)
	for {
		line, after, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			break
		}
		p.line(strings.TrimSpace(string(line)))
		b = after
	}
	p.rest = bytes.Clone(b)
}

func (p *Playlist) line(s string) {
	tag, value, _ := strings.Cut(s, ":")
	switch {
	case tag == "#EXT-X-PROGRAM-DATE-TIME":
		p.next.Wall, _ = time.Parse(time.RFC3339Nano, value)
	case tag == "#EXTINF":
		seconds, _, _ := strings.Cut(value, ",")
		if f, err := strconv.ParseFloat(seconds, 64); err == nil && f > 0 && f < 3600 {
			p.next.Duration = time.Duration(f * float64(time.Second))
		}
	case tag == "#EXT-X-ENDLIST":
		p.Ended = true
	case s == "" || strings.HasPrefix(s, "#"):
	default:
		p.next.Name = s
		if segmentName.MatchString(s) && !p.next.Wall.IsZero() && p.next.Duration > 0 {
			p.Entries = append(p.Entries, p.next)
		}
		p.next = Entry{}
	}
}
