package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

//go:embed watch.html
var watchHTML string

//go:embed watch.css
var watchCSS string

var watchPage = template.Must(template.New("watch").Parse(watchHTML))

// watchPolicy allows a page its own style, poster and video, and nothing else (W3C Content Security Policy 3).
var watchPolicy = func() string {
	sum := sha256.Sum256([]byte(watchCSS))
	return "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// watched is what the page shows.
type watched struct {
	CSS template.CSS
	// Missing stands for a link that does not work.
	Missing bool

	Owner, Title         string
	Recorded, RecordedAt string // for people and for machines
	Length, Size, Ends   string
	Secs                 int
	// URL is absolute, and empty where nobody but the caller says what this service is called: what programs that show
	// links fetch and keep must not be the caller's word. Video, Download and Poster are below it, or relative to the
	// page; Poster may be empty.
	URL, Video, Download, Poster string
}

// findLinked returns the clip that a link's secret in the path leads to.
func (s *Server) findLinked(r *http.Request) (state.Link, state.Clip, error) {
	link, err := s.o.State.LinkWith(r.Context(), r.PathValue("link"))
	if err != nil {
		return link, state.Clip{}, err
	}
	about(r.Context(), "link", link.ID, "id", link.ClipID)
	trailOf(r.Context()).link = link.ID
	clip, err := s.o.State.Clip(r.Context(), link.ClipID)
	return link, clip, err
}

// getWatch is the page behind a link: no script, no cookie, nothing from elsewhere. All links that do not work look the
// same.
func (s *Server) getWatch(w http.ResponseWriter, r *http.Request) {
	link, clip, err := s.findLinked(r)
	status, page := http.StatusOK, watched{CSS: template.CSS(watchCSS)} // #nosec G203 -- our own embedded file
	switch {
	case errors.Is(err, state.ErrNotFound) || err == nil && clip.State != api.ClipReady:
		status, page.Missing = http.StatusNotFound, true
	case err != nil:
		s.fail(w, r, err)
		return
	default:
		_, err := s.o.State.Poster(r.Context(), clip.ID)
		page.fill(clip, link, r.PathValue("link"), s.o.BaseURL, err == nil)
	}
	var body bytes.Buffer
	if err := watchPage.Execute(&body, page); err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", watchPolicy)
	h.Set("Referrer-Policy", "no-referrer") // the address is the secret
	h.Set("X-Robots-Tag", "noindex, nofollow")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// fill describes a clip behind a link with a secret. base is where users reach this service; it may be empty.
func (p *watched) fill(c state.Clip, l state.Link, secret, base string, poster bool) {
	length := c.To.Sub(c.From)
	p.Owner = state.OwnerName(c.Identity)
	p.Title = fmt.Sprintf("A clip of %s by %s", spoken(length), p.Owner)
	p.Recorded, p.RecordedAt = c.From.UTC().Format("2 January 2006, 15:04"), c.From.UTC().Format(time.RFC3339)
	p.Length, p.Size = spoken(length), fmt.Sprintf("%.1f MB", float64(c.Bytes)/1e6)
	p.Ends = l.Expires.UTC().Format("2 January 2006, 15:04")
	url := secret
	if base != "" {
		url = base + api.Prefix + "/watch/" + secret
		p.URL = url
	}
	p.Video, p.Download = url+"/video", url+"/video?download=1"
	p.Secs = int(length.Round(time.Second).Seconds())
	if poster {
		p.Poster = url + "/poster.jpg"
	}
}

// spoken is a length for people: 42 s, 3 min, 3 min 20 s.
func spoken(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s%60 == 0:
		return fmt.Sprintf("%d min", s/60)
	}
	return fmt.Sprintf("%d min %d s", s/60, s%60)
}

func (s *Server) getWatchVideo(w http.ResponseWriter, r *http.Request) {
	_, clip, err := s.findLinked(r)
	disposition := "inline"
	if r.URL.Query().Get("download") != "" {
		disposition = "attachment"
	}
	if errors.Is(err, state.ErrNotFound) || err == nil && clip.State != api.ClipReady {
		err = notFound("link")
	}
	if err == nil {
		err = s.sendVideo(w, r, clip, disposition)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

func (s *Server) getWatchPoster(w http.ResponseWriter, r *http.Request) {
	_, clip, err := s.findLinked(r)
	var poster []byte
	if err == nil {
		poster, err = s.o.State.Poster(r.Context(), clip.ID)
	}
	if errors.Is(err, state.ErrNotFound) {
		err = notFound("poster")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	if err := s.serveContent(w, r, clip.Created, bytes.NewReader(poster)); err != nil {
		s.fail(w, r, err)
	}
}
