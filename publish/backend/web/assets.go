package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/hindsight-app/hindsight/assets/icons"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

//go:embed rewind.html
var rewindHTML string

var rewindTemplate = template.Must(template.New("rewind").Parse(rewindHTML))

//go:embed rewind.css
var rewindCSS string

//go:embed rewind.js
var rewindJS string

// hls.js of npm, the build without subtitles, encryption and more than one sound; it plays what browsers do not play by
// themselves. hlsjs/renew.sh fetches another version.
const (
	hlsVersion = "1.7.4"
	hlsSum     = "754c1d6778a8fcd9d3e4186604d2f9f9bdc178b86a696f7a8ccecb97c2efd318" + // SHA-512
		"9cdbf6150503f7dce2726cdb4d9aaa99c24512d57a22da6bc2437279a6b80f3e"
)

//go:embed hlsjs/hls.light.min.js
var hlsJS string

// asset is a file of our pages. Its address has a part of its sum, so that it can be kept for good.
type asset struct {
	name, media string
	body        []byte
	version     string
	gzipped     func() []byte
}

func newAsset(name, media, body string) *asset {
	sum := sha256.Sum256([]byte(body))
	a := &asset{name: name, media: media, body: []byte(body), version: hex.EncodeToString(sum[:8])}
	a.gzipped = sync.OnceValue(func() []byte {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return nil
		}
		_, _ = w.Write(a.body) // a buffer takes all
		_ = w.Close()
		return b.Bytes()
	})
	return a
}

// path is below api.Prefix.
func (a *asset) path() string { return "/assets/" + a.version + "/" + a.name }

var (
	rewindStyle  = newAsset("rewind.css", "text/css; charset=utf-8", watchCSS+rewindCSS)
	rewindScript = newAsset("rewind.js", "text/javascript; charset=utf-8", rewindJS)
	hlsScript    = newAsset("hls-"+hlsVersion+".js", "text/javascript; charset=utf-8", hlsJS)
	iconImage    = newAsset("hindsight.svg", "image/svg+xml", icons.SVG)
	assets       = []*asset{rewindStyle, rewindScript, hlsScript, iconImage}
)

// takesGzip reports whether the caller takes gzip: named, or with all others, and not with a weight of 0 (RFC 9110,
// 12.5.3).
func takesGzip(r *http.Request) bool {
	takes := map[string]bool{}
	for _, c := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(strings.ToLower(c), ";")
		key, value, _ := strings.Cut(strings.TrimSpace(weight), "=")
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		takes[strings.TrimSpace(name)] = strings.TrimSpace(key) != "q" || err == nil && q > 0
	}
	if named, ok := takes["gzip"]; ok {
		return named
	}
	return takes["*"]
}

// getAsset serves a file of our pages, which never changes under its address.
func (s *Server) getAsset(w http.ResponseWriter, r *http.Request) {
	for _, a := range assets {
		if a.name != r.PathValue("name") || a.version != r.PathValue("version") {
			continue
		}
		h := w.Header()
		h.Set("Content-Type", a.media)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Vary", "Accept-Encoding")
		body := a.body
		if takesGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body = a.gzipped()
		}
		_, _ = w.Write(body)
		return
	}
	s.fail(w, r, notFound("file"))
}

// rewindPolicy allows the page its own files, and the video that its script puts together (W3C Content Security
// Policy 3).
const rewindPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// rewindPage is what the page of a replay begins with.
type rewindPage struct {
	// Missing stands for a link that does not work.
	Missing bool
	Title   string
	// MaxTitle is how many characters the title of a clip may have.
	MaxTitle int
	// CSS, JS, HLS and Icon are addresses, relative to the page.
	CSS, JS, HLS, Icon string
}

// getRewind is the page of a replay, which asks for all else by itself. All links that do not work look the same.
func (s *Server) getRewind(w http.ResponseWriter, r *http.Request) {
	err := s.limitAddress(w, r)
	var v watcher
	if err == nil {
		v, err = s.watcher(r)
	}
	const up = "../.." // from /replays/{id} to api.Prefix
	page := rewindPage{MaxTitle: api.MaxTitle, CSS: up + rewindStyle.path(), JS: up + rewindScript.path(),
		HLS: up + hlsScript.path(), Icon: up + iconImage.path()}
	if err == nil {
		page.Title = "Replay of " + state.OwnerName(v.replay.Identity)
	} else if page.Missing = asFailure(err).status == http.StatusNotFound; page.Missing {
		err = s.limit(w, "from "+s.caller(r).bucket()) // who guesses links is slowed down
	}
	var body bytes.Buffer
	if err == nil {
		err = rewindTemplate.Execute(&body, page)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", rewindPolicy)
	h.Set("Referrer-Policy", "no-referrer") // the address has the secret
	h.Set("X-Robots-Tag", "noindex, nofollow")
	if page.Missing {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = w.Write(body.Bytes())
}
