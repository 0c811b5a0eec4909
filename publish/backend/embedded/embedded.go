// Package embedded records two tracks of a LiveKit room in this process: it joins the room as a hidden listener,
// subscribes to exactly the two, and writes HLS segments in fragmented MP4 (RFC 8216, 3.3), H.264 and Opus as they
// come. Nothing is decoded or encoded, so it costs a small part of what LiveKit Egress does; it takes only H.264, as
// large and as fast as it is published.
//
// Segments begin at keyframes, about every 2 s where the publisher sends them unasked, as Hindsight does, and about
// every 4 s where they have to be asked for. Their program times are moments of capture on this machine's clock, from
// RTCP sender reports; sound and video are put on one time line by them.
//
// A Recorder owns its recordings. Each has a goroutine that cuts and writes, one for each track that receives, and
// those of the LiveKit client. A recording ends when it is stopped, when its video track ends, or when the
// connection to LiveKit is lost for good; it does not survive the process. Close ends all recordings and waits; it may
// be called twice.
package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/livekit/protocol/livekit"
	protologger "github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
)

// idPrefix begins the ids of recordings made here; those of LiveKit Egress begin with EG_.
const idPrefix = "EM_"

// remembered is how long the end of a recording can be asked for.
const remembered = time.Hour

// Rooms is what the recorder needs of LiveKit's API.
type Rooms interface {
	// Tracks finds the tracks of a request, or says why they are not to be recorded.
	Tracks(ctx context.Context, r recorder.Request) (video, audio *livekit.TrackInfo, err error)
	// Listen signs a token to join a room as a hidden, receiving participant.
	Listen(room, identity string, ttl time.Duration) (string, error)
}

// Files is where segments go.
type Files interface {
	// WriteFile writes a file of a recording, whole or not at all, in place of an older one.
	WriteFile(ctx context.Context, id, file string, data []byte) error
}

// Options say what a Recorder works with; all must be set.
type Options struct {
	// URL is LiveKit's address, ws(s):// or http(s)://.
	URL   string
	Rooms Rooms
	Files Files
	Log   *slog.Logger
}

// Recorder records in this process.
type Recorder struct {
	o Options

	mu       sync.Mutex
	closed   bool
	sessions map[string]*session
}

// New makes a recorder; it does not connect.
func New(o Options) *Recorder {
	// WebRTC writes its inner life to this logger; what matters of it reaches a recording's state.
	lksdk.SetLogger(quiet)
	return &Recorder{o: o, sessions: map[string]*session{}}
}

var quiet = protologger.LogRLogger(logr.Discard())

// Start checks that the tracks are the participant's and joins the room. Progress and errors are in the Status.
func (r *Recorder) Start(ctx context.Context, req recorder.Request) (recorder.Status, error) {
	video, audio, err := r.o.Rooms.Tracks(ctx, req)
	if err != nil {
		return recorder.Status{}, err
	}
	// The server fills the type in when the first packets arrive.
	if mime := video.MimeType; mime != "" && !strings.EqualFold(mime, "video/h264") {
		return recorder.Status{}, fmt.Errorf("%w: %s is %s, and the embedded recorder takes H.264 only; publish H.264, or "+
			"record "+
			"with --recorder livekit", recorder.ErrTrack, req.VideoTrack, mime)
	}
	if audio != nil && strings.Contains(strings.ToLower(audio.MimeType), "pcm") {
		return recorder.Status{}, fmt.Errorf("%w: %s is %s, and the embedded recorder takes Opus only", recorder.ErrTrack,
			req.AudioTrack, audio.MimeType)
	}
	s := newSession(idPrefix+rand.Text()[:16], req, r.o)
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return recorder.Status{}, fmt.Errorf("%w: the recorder is closed", recorder.ErrUnavailable)
	}
	r.forget()
	r.sessions[s.id] = s
	r.mu.Unlock()
	if err := s.start(ctx); err != nil {
		r.mu.Lock()
		delete(r.sessions, s.id)
		r.mu.Unlock()
		return recorder.Status{}, fmt.Errorf("%w: %w", recorder.ErrUnavailable, err)
	}
	return s.Status(), nil
}

// forget drops recordings that ended long ago. The lock is held.
func (r *Recorder) forget() {
	for id, s := range r.sessions {
		if ended := s.ended(); !ended.IsZero() && time.Since(ended) > remembered {
			delete(r.sessions, id)
		}
	}
}

func (r *Recorder) find(id string) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[id]
}

// Stop ends a recording and waits until all of it is stored; one that has ended already, or is of before a restart, is
// fine.
func (r *Recorder) Stop(ctx context.Context, id string) error {
	s := r.find(id)
	if s == nil {
		return nil
	}
	s.end(end{asked: true})
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: the recording is not stored yet: %w", recorder.ErrUnavailable, ctx.Err())
	}
}

// Status returns the state of a recording. One that is not known has ended with the process that made it.
func (r *Recorder) Status(_ context.Context, id string) (recorder.Status, error) {
	if s := r.find(id); s != nil {
		return s.Status(), nil
	}
	return recorder.Status{EgressID: id, State: api.StateEnded}, nil
}

// Close ends all recordings and waits for them.
func (r *Recorder) Close() error {
	r.mu.Lock()
	r.closed = true
	var all []*session
	for _, s := range r.sessions {
		all = append(all, s)
	}
	r.mu.Unlock()
	for _, s := range all {
		s.end(end{asked: true})
	}
	for _, s := range all {
		<-s.done
	}
	return nil
}

// errNoVideo is the error of a recording that never got a frame.
var errNoVideo = errors.New("no video has arrived from the track; is it muted?")

// stateOf is a recording's state in the words of the interface.
func stateOf(stored, over bool, err error) api.State {
	switch {
	case over && err != nil:
		return api.StateFailed
	case over:
		return api.StateEnded
	case stored:
		return api.StateActive
	}
	return api.StateStarting
}
