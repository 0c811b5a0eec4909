package web

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Limits for those who read slowly. A player that pauses for longer asks for the rest again.
const (
	sendPatience = 60 * time.Second // for each 32 KiB to be taken
	maxDownloads = 32               // at the same time, of one user, or through one link from one address
)

// downloads counts the files that are being sent, by who gets them, and what else may run only so often at once.
type downloads struct {
	mu      sync.Mutex
	running map[string]int
}

// begin counts one more; ok is false where key has as many as allowed.
func (d *downloads) begin(key string, most int) (end func(), ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running[key] >= most {
		return nil, false
	}
	if d.running == nil {
		d.running = map[string]int{}
	}
	d.running[key]++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.running[key]--; d.running[key] == 0 {
			delete(d.running, key)
		}
	}, true
}

// serveContent sends a file, whole or one range of it (RFC 9110, 14). Several ranges are ignored, as 14.2 allows:
// each would be a request to the storage of its own, thousands in one call. A reader who takes next to nothing is cut
// off, and nobody has more than some files sent at once.
func (s *Server) serveContent(w http.ResponseWriter, r *http.Request, modified time.Time, f io.ReadSeeker) error {
	key := s.downloader(r)
	end, ok := s.downloads.begin(key, maxDownloads)
	if !ok {
		w.Header().Del("ETag")
		w.Header().Del("Content-Disposition")
		w.Header().Set("Retry-After", "5")
		return &failure{http.StatusTooManyRequests, api.ProblemTooMany,
			"too many downloads are running at once; try again when one of them is done"}
	}
	defer end()
	if strings.Contains(r.Header.Get("Range"), ",") {
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	last, _ := r.Context().Deadline()
	http.ServeContent(&pacedWriter{w, s.patience, last}, r, "", modified, f)
	return nil
}

// downloader is who a file is counted for: a user, or what comes through one link from one address. Behind a proxy that
// is not trusted all viewers have one address, and those of one clip are not to keep those of another waiting.
func (s *Server) downloader(r *http.Request) string {
	t := trailOf(r.Context())
	if t.user.Identity != "" {
		return "user " + t.user.Owner()
	}
	return "link " + t.link + " from " + s.caller(r).bucket()
}

// pacedWriter gives each piece of an answer its own time. http.ServeContent writes pieces of 32 KiB.
type pacedWriter struct {
	http.ResponseWriter
	patience time.Duration
	last     time.Time // for all; zero is never
}

func (p *pacedWriter) Write(b []byte) (int, error) {
	until := time.Now().Add(p.patience)
	if !p.last.IsZero() && p.last.Before(until) {
		until = p.last
	}
	_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(until)
	return p.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (p *pacedWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }
