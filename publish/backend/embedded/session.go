package embedded

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/hindsight-app/hindsight/publish/backend/recorder"
)

const (
	joinTimeout = 10 * time.Second
	// tokenTTL is for joining and for the client's reconnects; the server renews it in the meantime.
	tokenTTL = 10 * time.Minute
	// stepPeriod is how often the tracks are looked at for a segment.
	stepPeriod = 200 * time.Millisecond
	// firstFrame is how long the first frame may take, as with LiveKit Egress.
	firstFrame = 30 * time.Second
	// queued is how many frames and packets of sound may wait for a slow disk: about 6 s of both tracks.
	queued = 512
	// queuedBytes bounds them too: frames may be large.
	queuedBytes = 64 << 20
	// storeTimeout bounds the storing of one segment.
	storeTimeout = 30 * time.Second
)

// end says why a recording is over; err is nil if that is all right, as it always is when it was asked for.
type end struct {
	err   error
	asked bool
}

// received is a unit of one of the tracks.
type received struct {
	unit
	video bool
}

// session is one recording. loop is the only one that touches cutter and files.
type session struct {
	id     string
	req    recorder.Request
	o      Options
	clock  *clock
	cutter *segmenter
	files  *writer

	room    *lksdk.Room
	units   chan received
	waiting atomic.Int64  // bytes of what is in units
	over    chan end      // the first reason to end
	done    chan struct{} // closed when all is stored
	readers sync.WaitGroup

	mu       sync.Mutex
	askKey   func()
	left     bool // no reader may begin anymore
	segments int
	began    time.Time
	finished time.Time
	err      error
}

func newSession(id string, req recorder.Request, o Options) *session {
	s := &session{id: id, req: req, o: o, clock: newClock(), units: make(chan received, queued), over: make(chan end, 1),
		done: make(chan struct{}), askKey: func() {}}
	hasSound := req.AudioTrack != ""
	s.cutter = newSegmenter(s.clock, hasSound)
	s.files = &writer{hasSound: hasSound, put: func(ctx context.Context, name string, data []byte) error {
		return o.Files.WriteFile(ctx, req.ID, name, data)
	}}
	return s
}

// start joins the room; what follows runs until end.
func (s *session) start(ctx context.Context) error {
	token, err := s.o.Rooms.Listen(s.req.Room, "recorder-"+s.id, tokenTTL)
	if err != nil {
		close(s.done)
		return err
	}
	s.room = lksdk.NewRoom(&lksdk.RoomCallback{
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackPublished: func(p *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
				s.guarded("subscribing to a track", func() { s.subscribe(p) })
			},
			OnTrackSubscribed: func(t *webrtc.TrackRemote, p *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant) {
				s.guarded("beginning with a track", func() { s.onTrack(t, p, from) })
			},
			OnTrackUnpublished: s.onUnpublished,
		},
		OnDisconnectedWithReason: s.onDisconnected,
	})
	s.room.SetLogger(quiet)
	if err := s.room.JoinWithContextAndToken(ctx, s.o.URL, token, lksdk.WithAutoSubscribe(false),
		lksdk.WithConnectTimeout(joinTimeout), lksdk.WithLogger(quiet)); err != nil {
		s.room.Disconnect()
		close(s.done)
		return fmt.Errorf("the recorder cannot join the room: %w", err)
	}
	for _, p := range s.room.GetRemoteParticipants() {
		for _, pub := range p.TrackPublications() {
			if pub, ok := pub.(*lksdk.RemoteTrackPublication); ok {
				s.subscribe(pub)
			}
		}
	}
	go s.run()
	return nil
}

// subscribe asks for a track if it is one of the two. Asking twice is fine.
func (s *session) subscribe(p *lksdk.RemoteTrackPublication) {
	if sid := p.SID(); sid == s.req.VideoTrack || sid == s.req.AudioTrack {
		if err := p.SetSubscribed(true); err != nil {
			s.end(end{err: fmt.Errorf("the tracks cannot be subscribed to: %w", err)})
		}
	}
}

// onTrack begins to receive a track.
func (s *session) onTrack(t *webrtc.TrackRemote, p *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant) {
	video := p.SID() == s.req.VideoTrack
	if !video && p.SID() != s.req.AudioTrack {
		return
	}
	want, line := webrtc.MimeTypeOpus, &s.clock.sound
	if video {
		want, line = webrtc.MimeTypeH264, &s.clock.video
	}
	if got := t.Codec().MimeType; got != want {
		s.end(end{err: fmt.Errorf("the embedded recorder takes %s, not %s; record with --recorder livekit", want, got)})
		return
	}
	p.OnRTCP(func(packet rtcp.Packet) {
		// A compound packet with the reports of all tracks comes to each of them.
		if sr, ok := packet.(*rtcp.SenderReport); ok && sr.SSRC == uint32(t.SSRC()) {
			s.guarded("reading a report", func() { s.clock.report(line, sr.NTPTime, sr.RTPTime, time.Now()) })
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return
	}
	if video {
		s.askKey = func() { from.WritePLI(t.SSRC()) }
	}
	s.readers.Add(1)
	go func() {
		defer s.readers.Done()
		s.guarded("reading a track", func() { s.receive(t, video, newFullFirst(p.TrackInfo())) })
	}()
}

// receive reads a track until it ends. Units that the loop has no time for are left out.
func (s *session) receive(t *webrtc.TrackRemote, video bool, first *fullFirst) {
	dropped := false
	a := newAssembler(video, func(u unit) {
		if !first.takes(u) {
			return
		}
		u.lost = u.lost || dropped
		dropped = true
		if size := int64(len(u.data)); s.waiting.Add(size) <= queuedBytes {
			select {
			case s.units <- received{u, video}:
				dropped = false
				return
			default:
			}
		}
		s.waiting.Add(-int64(len(u.data)))
	})
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			break
		}
		a.push(p, time.Now())
	}
	a.flush(time.Now())
	if video {
		s.end(end{})
	}
}

func (s *session) onUnpublished(p *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
	if p.SID() == s.req.VideoTrack {
		s.end(end{})
	}
}

func (s *session) onDisconnected(reason lksdk.DisconnectionReason) {
	switch {
	case reason == lksdk.Failed:
		s.end(end{err: errors.New("the connection to LiveKit was lost")})
	case s.room.DisconnectReason() == livekit.DisconnectReason_SERVER_SHUTDOWN:
		s.end(end{err: errors.New("the LiveKit server was shut down")})
	default:
		s.end(end{})
	}
}

// end has the loop finish; only the first reason counts.
func (s *session) end(e end) {
	select {
	case s.over <- e:
	default:
	}
}

// errPanicked is the end of a recording that met a fault of this program.
var errPanicked = errors.New("the recorder failed; the server's log says why")

// guarded does work in which a panic ends this recording, with an error, and not the process with all others. It tells
// whether there was one.
func (s *session) guarded(what string, work func()) (panicked bool) {
	defer func() {
		if v := recover(); v != nil {
			panicked = true
			s.o.Log.Error("the recorder panicked; ending its recording", "egress", s.id, "doing", what, "panic", v,
				"stack", string(debug.Stack()))
			s.end(end{err: errPanicked})
		}
	}()
	work()
	return false
}

// run is the session's goroutine.
func (s *session) run() {
	defer close(s.done)
	if !s.guarded("recording", s.loop) {
		return
	}
	s.guarded("leaving the room", func() {
		s.depart()
		for range s.units {
		}
	})
	s.guarded("closing the playlist", func() {
		ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
		defer cancel()
		if err := s.files.writePlaylists(ctx, true); err != nil {
			s.o.Log.Warn("the playlist of a recording that panicked stays open", "egress", s.id, "err", err)
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished, s.err = time.Now(), errPanicked
}

// loop cuts and writes until the end.
func (s *session) loop() {
	tick := time.NewTicker(stepPeriod)
	defer tick.Stop()
	begun := time.Now()
	for {
		select {
		case u := <-s.units:
			s.take(u)
		case now := <-tick.C:
			s.step(now)
			if s.cutter.empty() && now.Sub(begun) > firstFrame {
				s.end(end{err: errNoVideo})
			}
		case e := <-s.over:
			s.leave()
			s.finish(e)
			return
		}
	}
}

func (s *session) take(u received) {
	s.waiting.Add(-int64(len(u.data)))
	if u.video {
		s.cutter.addFrame(u.unit)
	} else {
		s.cutter.addSound(u.unit)
	}
}

func (s *session) step(now time.Time) {
	if s.cutter.wantsKey(now) {
		s.mu.Lock()
		ask := s.askKey
		s.mu.Unlock()
		ask()
	}
	for seg := s.cutter.step(now); seg != nil; seg = s.cutter.step(now) {
		s.store(seg)
	}
}

// depart leaves the room; units ends with what was still in flight.
func (s *session) depart() {
	s.mu.Lock()
	before := s.left
	s.left = true
	s.mu.Unlock()
	if before {
		return
	}
	go func() {
		s.readers.Wait()
		close(s.units)
	}()
	s.room.Disconnect()
}

// leave leaves the room and takes what was still in flight.
func (s *session) leave() {
	s.depart()
	for u := range s.units {
		s.take(u)
	}
}

// store writes a segment. A disk that is full for a while costs the segments of that while.
func (s *session) store(seg *segment) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	err := s.files.write(ctx, seg)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = err; err != nil {
		s.o.Log.Error("the recording has a gap", "egress", s.id, "from", seg.from, "to", seg.to, "err", err)
		return
	}
	if s.segments++; s.began.IsZero() {
		s.began = seg.from
	}
}

// finish stores the rest and says how it ended.
func (s *session) finish(e end) {
	s.step(time.Now())
	if seg := s.cutter.finish(); seg != nil {
		s.store(seg)
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	err := errors.Join(e.err, s.files.writePlaylists(ctx, true))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finished = time.Now(); s.segments == 0 && err == nil && !e.asked {
		err = errNoVideo
	}
	if s.err == nil {
		s.err = err
	}
}

// ended is when the recording ended; zero while it runs.
func (s *session) ended() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finished
}

// Status returns the state of the recording.
func (s *session) Status() recorder.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := recorder.Status{EgressID: s.id, State: stateOf(s.segments > 0, !s.finished.IsZero(), s.err), Began: s.began}
	if s.err != nil {
		out.Error = s.err.Error()
	}
	return out
}
