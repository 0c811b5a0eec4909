// Package hls reads what the recorders write: an HLS playlist (RFC 8216) that grows, and segments with H.264 and sound.
// LiveKit Egress writes MPEG-TS with AAC, the embedded recorder fragmented MP4 with Opus. The package has no state but
// what its values hold, and no goroutines.
package hls

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Entry is one segment of a playlist.
type Entry struct {
	// Name is the file, in the playlist's folder.
	Name string
	// Header is the file of EXT-X-MAP, the header of a segment in fragmented MP4; empty for MPEG-TS.
	Header string
	// Wall is EXT-X-PROGRAM-DATE-TIME. In fragmented MP4 it is when the first frame was taken, or the first sound of a
	// segment without video; in MPEG-TS a time of the recorder's clock when it wrote.
	Wall time.Time
	// Duration is EXTINF.
	Duration time.Duration
}

// These are the only forms of names that are taken from a playlist.
var (
	transportName = regexp.MustCompile(`^[A-Za-z0-9-]+_[0-9]{5,9}\.ts$`)
	fragmentName  = regexp.MustCompile(`^[A-Za-z0-9-]+_[0-9]{5,9}\.m4s$`)
	headerName    = regexp.MustCompile(`^[A-Za-z0-9-]+_[0-9]{5,9}\.mp4$`)
	mapTag        = regexp.MustCompile(`^#EXT-X-MAP:URI="([^"]*)"$`)
)

// Number is where the segment stands in its recording, from its name; -1 if that has none.
func (e Entry) Number() int {
	_, digits, _ := strings.Cut(e.Name, "_")
	digits, _, _ = strings.Cut(digits, ".")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}

// mostBetween is how many segments may be missing between two playlists.
const mostBetween = 1000

// Continue returns what follows the entries so far, by a playlist of the newest segments alone. Segments between the
// two are known by their numbers, and their times by what lies around them; in fragmented MP4, whose times must be
// exact, there is nothing to return until the whole playlist has caught up.
func Continue(sofar []Entry, live []Entry) (more []Entry) {
	if len(sofar) == 0 {
		return nil
	}
	last := sofar[len(sofar)-1]
	for _, e := range live {
		between := e.Number() - last.Number() - 1
		if between < 0 {
			continue
		}
		end := last.Wall.Add(last.Duration)
		if between > mostBetween || between > 0 && (e.Header != "" || !e.Wall.After(end)) {
			return more
		}
		step := e.Wall.Sub(end) / time.Duration(max(between, 1))
		prefix, digits, _ := strings.Cut(strings.TrimSuffix(e.Name, ".ts"), "_")
		for i := range between {
			name := fmt.Sprintf("%s_%0*d.ts", prefix, len(digits), last.Number()+1+i)
			more = append(more, Entry{Name: name, Wall: end.Add(time.Duration(i) * step), Duration: step})
		}
		more = append(more, e)
		last = e
	}
	return more
}

// valid reports whether an entry is complete and its files may be opened.
func (e Entry) valid() bool {
	named := e.Header == "" && transportName.MatchString(e.Name) || headerName.MatchString(e.Header) &&
		fragmentName.MatchString(e.Name)
	return named && !e.Wall.IsZero() && e.Duration > 0
}

// Playlist collects the entries of an EVENT playlist, which only ever grows at its end.
type Playlist struct {
	Entries []Entry
	// Ended is set by EXT-X-ENDLIST: nothing will follow.
	Ended bool

	next   Entry
	header string // of EXT-X-MAP, which holds until the next one
	rest   []byte
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
	case tag == "#EXT-X-MAP":
		p.header = "?" // no name of ours
		if m := mapTag.FindStringSubmatch(s); m != nil {
			p.header = m[1]
		}
	case tag == "#EXTINF":
		seconds, _, _ := strings.Cut(value, ",")
		if f, err := strconv.ParseFloat(seconds, 64); err == nil && f > 0 && f < 3600 {
			p.next.Duration = time.Duration(f * float64(time.Second))
		}
	case tag == "#EXT-X-ENDLIST":
		p.Ended = true
	case s == "" || strings.HasPrefix(s, "#"):
	default:
		p.next.Name, p.next.Header = s, p.header
		if p.next.valid() {
			p.Entries = append(p.Entries, p.next)
		}
		p.next = Entry{}
	}
}
