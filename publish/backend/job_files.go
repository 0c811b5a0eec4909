package backend

import (
	"errors"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// jobFileName is the form of everything that a recorder writes into a take's folder.
var jobFileName = regexp.MustCompile(`^(` + recorder.JobFile + `\.(mp4|ogg|webm)|` + regexp.QuoteMeta(
	recorder.Playlist) +
	`|` + recorder.SegmentPrefix + `_[0-9]{5,10}\.ts)$`)

// mediaTypes are those of the names above (RFC 8216, 4 and 10; RFC 4337; RFC 5334).
var mediaTypes = map[string]string{".mp4": "video/mp4", ".ogg": "audio/ogg", ".webm": "video/webm", ".ts": "video/mp2t",
	".m3u8": "application/vnd.apple.mpegurl"}

func isSegment(name string) bool { return path.Ext(name) == ".ts" }

// modified is when a take's file was last changed; the zero time, which no cache relies on, while it may grow.
func modified(t state.Job) time.Time { return t.Ended }

// getJobFile sends a file of a recording, whole or a range of it. What a player of the playlist asks for is complete
// while the recording runs; the file is not.
func (s *Server) getJobFile(w http.ResponseWriter, r *http.Request, user state.Token) error {
	job, err := s.findJob(r, user)
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	if !jobFileName.MatchString(name) {
		return notFound("file")
	}
	ext := path.Ext(name)
	hls := isSegment(name) || name == recorder.Playlist
	if !hls && !job.Over() {
		return &failure{http.StatusConflict, api.ProblemConflict, "the file is complete when the recording's state is ended"}
	}
	f, err := s.o.JobFiles.OpenFile(r.Context(), job.ID, name)
	if errors.Is(err, fs.ErrNotExist) {
		return notFound("file")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	w.Header().Set("Content-Type", mediaTypes[ext])
	if !hls {
		w.Header().Set("Content-Disposition",
			`attachment; filename="hindsight-`+job.Created.Format("20060102-150405")+ext+`"`)
	}
	return s.serveContent(w, r, modified(job), f)
}
