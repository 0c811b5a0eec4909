package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

//go:embed watch.html
var watchHTML string

//go:embed watch.css
var watchCSS string

var watchPage = template.Must(template.New("watch").Parse(watchHTML))

//go:embed embed.html
var embedHTML string

//go:embed embed.css
var embedCSS string

var embedPage = template.Must(template.New("embed").Parse(embedHTML))

// watchPolicy allows a page its own style, poster and video, and nothing else (W3C Content Security Policy 3). No other
// page may show it within itself; embedPolicy is of the one that is made for that.
var watchPolicy, embedPolicy = policy(watchCSS, "'none'"), policy(embedCSS, "*")

func policy(css, ancestors string) string {
	sum := sha256.Sum256([]byte(css))
	return "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors " + ancestors
}

// watched is what the page shows.
type watched struct {
	CSS template.CSS
	// Icon is relative to the page.
	Icon string
	// Missing stands for a link that does not work.
	Missing bool

	// Name is what the owner calls the clip, which may be empty; Title is never.
	Owner, Name, Title   string
	Recorded, RecordedAt string // for people and for machines
	Length, Size, Ends   string
	Secs                 int
	Width, Height        int // pixels
	Chapters             []watchedChapter
	// At is where the video begins to play, as the end of its address; empty is its begin.
	At string
	// URL is absolute, and empty where nobody but the caller says what this service is called: what programs that show
	// links fetch and keep must not be the caller's word. Video, Download and Poster are below it, or relative to the
	// page; Poster may be empty.
	URL, Video, Download, Poster, Embed, OEmbed string
}

// watchedChapter leads to a moment of the clip.
type watchedChapter struct{ Moment, Title, URL string }

// What a clip is taken for whose size is not known.
const defaultWidth, defaultHeight = 1280, 720

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
	page, err := s.watched(r)
	s.showClip(w, r, page, err, watchPage, watchCSS, watchPolicy)
}

// getEmbed is the player alone, for other pages to show.
func (s *Server) getEmbed(w http.ResponseWriter, r *http.Request) {
	page, err := s.watched(r)
	if page.URL == "" { // below the page's address, which is one longer than that of the other page
		page.Video = "video"
		if page.Poster != "" {
			page.Poster = "poster.jpg"
		}
	}
	s.showClip(w, r, page, err, embedPage, embedCSS, embedPolicy)
}

func (s *Server) showClip(w http.ResponseWriter, r *http.Request, page watched, err error, t *template.Template, css,
	policy string) {
	status := http.StatusOK
	if errors.Is(err, state.ErrNotFound) {
		status, page.Missing = http.StatusNotFound, true
	} else if err != nil {
		s.fail(w, r, err)
		return
	}
	page.Icon = ".." + iconImage.path()
	page.CSS = template.CSS(css) // #nosec G203 -- our own embedded file
	var body bytes.Buffer
	if err := t.Execute(&body, page); err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer") // the address is the secret
	h.Set("X-Robots-Tag", "noindex, nofollow")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// watched describes the clip that a link leads to; state.ErrNotFound is a link that does not work.
func (s *Server) watched(r *http.Request) (watched, error) {
	link, clip, err := s.findLinked(r)
	if err == nil && clip.State != api.ClipReady {
		err = state.ErrNotFound
	}
	if err != nil {
		return watched{}, err
	}
	var page watched
	_, err = s.o.State.Poster(r.Context(), clip.ID)
	page.fill(clip, link, r.PathValue("link"), s.o.BaseURL, err == nil)
	at, err := strconv.ParseFloat(r.URL.Query().Get("t"), 64)
	if err == nil && at > 0 && at < clip.To.Sub(clip.From).Seconds() {
		page.At = fmt.Sprintf("#t=%.3f", at) // W3C Media Fragments URI, 4.2.1
	}
	return page, nil
}

// fill describes a clip behind a link with a secret. base is where users reach this service; it may be empty.
func (p *watched) fill(c state.Clip, l state.Link, secret, base string, poster bool) {
	length := c.To.Sub(c.From)
	p.Owner = state.OwnerName(c.Identity)
	p.Name, p.Title = c.Title, cmp.Or(c.Title, fmt.Sprintf("A clip of %s by %s", spoken(length), p.Owner))
	p.Width, p.Height = cmp.Or(c.Width, defaultWidth), cmp.Or(c.Height, defaultHeight)
	for _, x := range c.Chapters {
		at := time.Duration(x.Seconds * float64(time.Second))
		p.Chapters = append(p.Chapters, watchedChapter{Moment: clock(at), Title: x.Title,
			URL: fmt.Sprintf("?t=%.3f", x.Seconds)})
	}
	p.Recorded, p.RecordedAt = c.From.UTC().Format("2 January 2006, 15:04"), c.From.UTC().Format(time.RFC3339)
	p.Length, p.Size = spoken(length), fmt.Sprintf("%.1f MB", float64(c.Bytes)/1e6)
	p.Ends = l.Expires.UTC().Format("2 January 2006, 15:04")
	url := secret
	if base != "" {
		url = base + api.Prefix + "/watch/" + secret
		p.URL, p.Embed, p.OEmbed = url, url+"/embed", url+"/oembed?format=json"
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

// clock is a moment of a clip: 0:07, 12:34, 1:02:03.
func clock(d time.Duration) string {
	s := int(d.Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// oEmbed is a response of oEmbed 1.0 (oembed.com, 2.3).
type oEmbed struct {
	Version  string `json:"version"`
	Type     string `json:"type"`
	Title    string `json:"title"`
	Author   string `json:"author_name"`
	Provider string `json:"provider_name"`
	HTML     string `json:"html"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
	// Of the poster, which fills the same shape.
	Thumbnail       string `json:"thumbnail_url,omitempty"`
	ThumbnailWidth  int    `json:"thumbnail_width,omitempty"`
	ThumbnailHeight int    `json:"thumbnail_height,omitempty"`
}

var embedFrame = template.Must(template.New("frame").Parse(`<iframe src="{{.Embed}}" width="{{.Width}}" ` +
	`height="{{.Height}}" title="{{.Title}}" allow="fullscreen; picture-in-picture" allowfullscreen ` +
	`referrerpolicy="no-referrer" frameborder="0"></iframe>`))

// getOEmbed tells chats how to show the clip; the watch page leads to it. Without a base URL there is nothing to tell:
// what chats fetch and keep must not be the caller's word.
func (s *Server) getOEmbed(w http.ResponseWriter, r *http.Request) {
	page, err := s.watched(r)
	if errors.Is(err, state.ErrNotFound) || err == nil && page.Embed == "" {
		err = notFound("link")
	}
	if f := r.URL.Query().Get("format"); err == nil && f != "" && f != "json" {
		err = invalid("the only format is json")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page.fit(number(r, "maxwidth"), number(r, "maxheight"))
	var frame bytes.Buffer
	if err := embedFrame.Execute(&frame, page); err != nil {
		s.fail(w, r, err)
		return
	}
	out := oEmbed{Version: "1.0", Type: "video", Title: page.Title, Author: page.Owner, Provider: "Hindsight",
		HTML: frame.String(), Width: page.Width, Height: page.Height}
	if page.Poster != "" {
		out.Thumbnail, out.ThumbnailWidth, out.ThumbnailHeight = page.Poster, page.Width, page.Height
	}
	_ = writeJSON(w, http.StatusOK, out)
}

// number is a whole number above 0 in the query, or 0.
func number(r *http.Request, key string) int {
	n, err := strconv.Atoi(r.URL.Query().Get(key))
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// fit shrinks the player to what its place has; 0 is without bound.
func (p *watched) fit(width, height int) {
	w, h := p.Width, p.Height
	if width > 0 && w > width {
		w, h = width, h*width/w
	}
	if height > 0 && h > height {
		w, h = w*height/h, height
	}
	p.Width, p.Height = max(w, 1), max(h, 1)
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
