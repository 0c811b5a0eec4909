// Package rewindtest watches a replay's playlist as a player does, and holds it to RFC 8216: what it has said once of a
// number stays true. It has no goroutines.
package rewindtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Entry is a segment of a playlist.
type Entry struct {
	// URL and Header are absolute; Header is empty without EXT-X-MAP.
	URL, Header string
	// Number and Jumps are the media and the discontinuity sequence number.
	Number, Jumps int
	Wall          time.Time
	Duration      time.Duration
}

// End is when it ends.
func (e Entry) End() time.Time { return e.Wall.Add(e.Duration) }

// Playlist is what a look has found.
type Playlist struct {
	Entries []Entry
	Target  int // seconds
	Ended   bool
	Header  http.Header
	// Sent is its length in bytes as it was sent, which is compressed.
	Sent int
}

// To is the end of the newest segment; zero if there is none.
func (p Playlist) To() time.Time {
	if len(p.Entries) == 0 {
		return time.Time{}
	}
	return p.Entries[len(p.Entries)-1].End()
}

// Viewer looks at one replay. It is used by one goroutine at a time.
type Viewer struct {
	// URL is the playlist's, with a link in its query unless there is a user token.
	URL, Token string
	// Client makes the calls; nil is http.DefaultClient.
	Client *http.Client

	known    map[string]Entry // by path, however many backends there are
	byNumber map[int]string
	last     Playlist
	first    int // the greatest number that a playlist has begun with
}

// StatusError is a response that is no success.
type StatusError int

// Error is the status.
func (e StatusError) Error() string { return "the server responds " + strconv.Itoa(int(e)) }

// Get fetches what an address of the playlist leads to.
func (v *Viewer) Get(ctx context.Context, address string) (body []byte, header http.Header, err error) {
	body, header, err = v.fetch(ctx, address)
	if err == nil && header.Get("Content-Encoding") == "gzip" {
		z, e := gzip.NewReader(bytes.NewReader(body))
		if e != nil {
			return nil, nil, e
		}
		body, err = io.ReadAll(z)
	}
	return body, header, err
}

// fetch is Get as it is sent.
func (v *Viewer) fetch(ctx context.Context, address string) (body []byte, header http.Header, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept-Encoding", "gzip")
	if v.Token != "" {
		req.Header.Set("Authorization", "Bearer "+v.Token)
	}
	client := v.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = StatusError(resp.StatusCode)
	}
	return body, resp.Header, err
}

// Look fetches the playlist and returns it, or what is wrong with it.
func (v *Viewer) Look(ctx context.Context) (Playlist, error) {
	body, header, err := v.Get(ctx, v.URL)
	if err != nil {
		return Playlist{}, err
	}
	p, err := parse(string(body), v.URL)
	p.Header = header
	if p.Sent, _ = strconv.Atoi(header.Get("Content-Length")); p.Sent == 0 {
		p.Sent = len(body)
	}
	if err == nil {
		err = v.compare(p)
	}
	if err != nil {
		return p, fmt.Errorf("%w in:\n%s", err, body)
	}
	v.last = p
	return p, nil
}

// compare holds a playlist against those before it (RFC 8216, 6.2.1 and 6.2.2).
func (v *Viewer) compare(p Playlist) error {
	if v.known == nil {
		v.known, v.byNumber = map[string]Entry{}, map[int]string{}
	}
	for i, e := range p.Entries {
		u, err := url.Parse(e.URL)
		if err != nil {
			return err
		}
		if i == 0 && e.Number < v.first {
			return fmt.Errorf("EXT-X-MEDIA-SEQUENCE goes back from %d to %d", v.first, e.Number)
		}
		if before, ok := v.known[u.Path]; ok && (before.Number != e.Number || before.Jumps != e.Jumps ||
			!before.Wall.Equal(e.Wall) || before.Duration != e.Duration) {
			return fmt.Errorf("%s was %+v and is %+v", u.Path, before, e)
		}
		if other, ok := v.byNumber[e.Number]; ok && other != u.Path {
			return fmt.Errorf("segment %d was %s and is %s", e.Number, other, u.Path)
		}
		v.known[u.Path], v.byNumber[e.Number] = e, u.Path
	}
	if len(p.Entries) > 0 {
		v.first = p.Entries[0].Number
	}
	if v.last.Target != 0 && v.last.Target != p.Target {
		return fmt.Errorf("EXT-X-TARGETDURATION was %d and is %d", v.last.Target, p.Target)
	}
	if v.last.Ended && !p.Ended {
		return errors.New("it had ended and goes on")
	}
	return nil
}

// parse reads a playlist, and wants everything in it that players need.
func parse(text, address string) (p Playlist, err error) {
	base, err := url.Parse(address)
	if err != nil {
		return p, err
	}
	absolute := func(ref string) string {
		u, e := base.Parse(ref)
		if e != nil {
			err = errors.Join(err, e)
			return ref
		}
		return u.String()
	}
	number := func(s string) int {
		n, e := strconv.Atoi(s)
		err = errors.Join(err, e)
		return n
	}
	next := Entry{}
	sequence, header, jumped := 0, "", false
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "#EXTM3U" {
		return p, errors.New("it is no playlist")
	}
	for _, line := range lines[1:] {
		if p.Ended {
			return p, errors.New("something follows EXT-X-ENDLIST")
		}
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "#EXT-X-VERSION":
		case "#EXT-X-TARGETDURATION":
			p.Target = number(value)
		case "#EXT-X-MEDIA-SEQUENCE":
			sequence = number(value)
		case "#EXT-X-DISCONTINUITY-SEQUENCE":
			next.Jumps = number(value)
		case "#EXT-X-DISCONTINUITY":
			next.Jumps++
			jumped = true
		case "#EXT-X-MAP":
			header = absolute(strings.Trim(strings.TrimPrefix(value, "URI="), `"`))
		case "#EXT-X-PROGRAM-DATE-TIME":
			var e error
			next.Wall, e = time.Parse(time.RFC3339Nano, value)
			err = errors.Join(err, e)
		case "#EXTINF":
			f, e := strconv.ParseFloat(strings.TrimSuffix(value, ","), 64)
			err = errors.Join(err, e)
			next.Duration = time.Duration(f * float64(time.Second))
		case "#EXT-X-ENDLIST":
			p.Ended = true
		default:
			if strings.HasPrefix(line, "#") || line == "" {
				return p, fmt.Errorf("the line %q means nothing here", line)
			}
			next.URL, next.Header, next.Number = absolute(line), header, sequence+len(p.Entries)
			if e := p.add(next, jumped); e != nil {
				return p, e
			}
			next, jumped = Entry{Jumps: next.Jumps}, false
		}
	}
	return p, err
}

// Slack is by how much program times may differ from what durations add up to: it is the grain of what recorders
// write.
const Slack = time.Second

func (p *Playlist) add(e Entry, jumped bool) error {
	if e.Wall.IsZero() || e.Duration <= 0 {
		return fmt.Errorf("%s has no time or length", e.URL)
	}
	if int(math.Round(e.Duration.Seconds())) > p.Target {
		return fmt.Errorf("%s is longer than EXT-X-TARGETDURATION", e.URL)
	}
	if n := len(p.Entries); n > 0 {
		last := p.Entries[n-1]
		off := e.Wall.Sub(last.End())
		if off < -Slack-last.Duration || !jumped && off > Slack {
			return fmt.Errorf("between %s and %s are %v without EXT-X-DISCONTINUITY", last.URL, e.URL, off)
		}
		if !jumped && e.Header != last.Header {
			return fmt.Errorf("%s has another header than the one before, without EXT-X-DISCONTINUITY", e.URL)
		}
	} else if jumped {
		return errors.New("the first segment has an EXT-X-DISCONTINUITY that its sequence number should have")
	}
	p.Entries = append(p.Entries, e)
	return nil
}
