package publish

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/fanout"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
	"github.com/hindsight-app/hindsight/publish/livekit"
)

const (
	firstPause = time.Second
	longPause  = 30 * time.Second
	// leaveTime bounds the stop of the recording and leaving the room, each.
	leaveTime = 5 * time.Second
	// firstFrameTime is how long the first frame is waited for before Status says so; tokenAge is how old a token may
	// be when the room is joined.
	firstFrameTime = 10 * time.Second
	tokenAge       = time.Minute
	// firstLowTime is how long the low-resolution layer's first frame is waited for.
	firstLowTime = 5 * time.Second
	// keyframeEvery is the least time between two requests for a keyframe after drops.
	keyframeEvery = 500 * time.Millisecond
)

// nextPause doubles a pause between tries.
func nextPause(d time.Duration) time.Duration { return min(2*d, longPause) }

// supervisor is the state that only the supervising goroutine touches.
type supervisor struct {
	*Publisher
	started    chan error // gets the outcome of Start, once
	reported   bool
	firstFrame chan struct{} // closed by the pump at the first frame
	firstLow   chan struct{} // closed by the pump at the first frame of the low-resolution layer
	rec        recording
	watch      sourceWatch
	// videoMuted and soundMuted outlast a stay: coming back unmuted would go against the moderator's will.
	videoMuted, soundMuted bool
}

func newSupervisor(p *Publisher) *supervisor {
	return &supervisor{Publisher: p, started: make(chan error, 1), firstFrame: make(chan struct{}),
		firstLow: make(chan struct{}), videoMuted: p.cfg.VideoMuted, soundMuted: p.cfg.SoundMuted,
		rec: recording{pause: firstPause, replayID: p.status.ReplayID}}
}

// tell reports the outcome of the start; later ones are nobody's.
func (s *supervisor) tell(err error) {
	if !s.reported {
		s.reported = true
		s.started <- err
	}
}

// run connects, serves and connects again until ctx is done.
func (s *supervisor) run(ctx context.Context) {
	defer close(s.done)
	defer s.http.CloseIdleConnections()
	pumping, stopPump := context.WithCancel(ctx)
	pumpDone := make(chan struct{})
	go func() {
		defer close(pumpDone)
		s.pump(pumping)
	}()
	defer func() {
		s.stopRecording() // where it ended while there was no connection
		stopPump()
		<-pumpDone
		_ = s.reader.Close()
		s.update(func(st *Status) { st.Recording, st.ServerSeconds = s.notRecording(), 0 })
	}()
	for pause := firstPause; ctx.Err() == nil; pause = nextPause(pause) {
		session, err := s.connect(ctx)
		switch {
		case err == nil:
			pause = firstPause
			final := s.serve(ctx, session)
			s.tell(nil)
			if final {
				<-ctx.Done()
			}
		case ctx.Err() != nil:
		case !s.reported && mustFix(err):
			s.leaveContinued()
			s.tell(err)
			return
		default:
			s.log.Warn("sharing is not connected; it is tried again", "error", err, "pause", pause)
			s.update(func(st *Status) { st.State, st.Error = StateReconnecting, err.Error() })
			s.tell(nil)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// mustFix finds the errors that retrying the start does not fix.
func mustFix(err error) bool {
	for _, kind := range []error{client.ErrURL, client.ErrUnreachable, client.ErrToken, client.ErrRoom, client.ErrInvalid,
		client.ErrNotFound, livekit.ErrRefused} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// connect fetches a token and joins the room, once there is a frame to show: before that, neither its size nor its
// bitrate is known, and a track without packets is soon given up.
func (s *supervisor) connect(ctx context.Context) (*livekit.Session, error) {
	token, err := s.backend.Token(ctx, api.TokenRequest{RoomName: s.cfg.Room})
	if err != nil {
		return nil, err
	}
	asked := time.Now()
	s.update(func(st *Status) { st.Identity = token.Identity })
	if err := s.awaitFrame(ctx); err != nil {
		return nil, err
	}
	if time.Since(asked) > tokenAge {
		if token, err = s.backend.Token(ctx, api.TokenRequest{RoomName: s.cfg.Room}); err != nil {
			return nil, err
		}
	}
	s.watch = newSourceWatch(s.src)
	floor, ceiling := s.watch.bounds()
	clock, _ := s.src.(media.Clock)
	s.watch.low = newLowWatch(s.cfg.Low)
	session, err := livekit.New(livekit.Options{
		URL: token.ServerURL, Token: token.Token, Video: s.watch.video, Sound: s.watch.sound, Clock: clock,
		VideoMuted: s.videoMuted, SoundMuted: s.soundMuted,
		Passphrase: s.cfg.Passphrase, MinKbps: floor, MaxKbps: ceiling, Log: s.log, Methods: s.methods(),
		OnKeyframe: s.src.RequestKeyframe, OnBitrate: s.src.SetBitrate, Low: s.lowLayer(),
	})
	if err != nil {
		return nil, err
	}
	s.session.Store(session)
	if err := session.Join(ctx); err != nil {
		s.leave(session)
		return nil, err
	}
	return session, nil
}

// lowLayer is what the session is to publish beside the video, nil for nothing.
func (s *supervisor) lowLayer() *livekit.LowLayer {
	low := &s.watch.low
	if low.src == nil {
		return nil
	}
	if !low.there() {
		s.log.Warn("the low-resolution layer is not there in time; it is published once it is")
		return nil
	}
	floor, ceiling := low.bounds()
	return &livekit.LowLayer{Video: low.video, MinKbps: floor, MaxKbps: ceiling,
		OnKeyframe: low.src.RequestKeyframe, OnBitrate: low.src.SetBitrate}
}

// awaitFrame waits for the first packet of video, and for a while for that of its low-resolution layer.
func (s *supervisor) awaitFrame(ctx context.Context) error {
	s.src.RequestKeyframe()
	for late := time.After(firstFrameTime); ; {
		select {
		case <-s.firstFrame:
			return s.awaitLow(ctx)
		case <-late:
			s.update(func(st *Status) { st.Error = "there is no video yet; sharing starts with the first frame" })
			s.tell(nil)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaitLow waits for the first packet of the low-resolution layer, but not for long: the video is of use without it.
func (s *supervisor) awaitLow(ctx context.Context) error {
	if s.cfg.Low == nil {
		return nil
	}
	select {
	case <-s.firstLow:
	case <-time.After(firstLowTime):
	case <-ctx.Done():
	}
	return ctx.Err()
}

// serve looks after one stay in the room until it is over or ctx is done, and leaves it. final means that it must not
// be followed by another.
func (s *supervisor) serve(ctx context.Context, session *livekit.Session) (final bool) {
	defer s.leave(session)
	room := roomReporter{session: session}
	for {
		st := session.State()
		s.show(st)
		s.watch.low.follow(session.LowKbps())
		s.reportRoom(&room, st)
		if st.Phase == livekit.Gone {
			s.log.Warn("the stay in the room is over", "reason", st.Reason)
			return st.Final
		}
		if s.watch.again(s.src, session) {
			s.log.Info("the frame size or the sound has changed; the tracks are published again")
			return false
		}
		wait := pollEvery
		if st.Phase == livekit.Live {
			// LiveKit announces a track at its first packet, so one that was published muted cannot be recorded yet.
			if muted := st.VideoMuted || st.SoundMuted; !muted || !s.rec.due(st) {
				wait = min(s.record(ctx, st), pollEvery)
			}
			s.tell(nil)
		}
		if s.rec.unknown >= unknownTracks {
			s.rec.unknown, s.rec.tryAt = 0, time.Time{}
			s.log.Warn("the server does not know the tracks; the room is joined again")
			return false
		}
		select {
		case <-session.Changed():
		case <-s.news:
		case <-time.After(wait):
		case <-ctx.Done():
			s.stopRecording()
			return false
		}
	}
}

// show copies the session's state into the status.
func (s *supervisor) show(session livekit.State) {
	if session.Phase == livekit.Live {
		s.videoMuted, s.soundMuted = session.VideoMuted, session.SoundMuted
	}
	s.update(func(st *Status) {
		st.VideoSID, st.AudioSID, st.Error = session.VideoSID, session.AudioSID, session.Reason
		st.SoundTaken = session.SoundTaken
		if st.VideoMuted, st.SoundMuted = s.videoMuted, s.soundMuted; st.Error == "" {
			st.Error = mutedError(st.VideoMuted, st.SoundMuted)
		}
		if st.Error == "" && session.Starved {
			st.Error = starvedError
		}
		if session.Phase != livekit.Live && st.Recording == RecordingActive {
			// What the server records now is not known; it is asked when the connection is back.
			st.Recording, s.rec.pollAt = RecordingStarting, time.Time{}
		}
		switch {
		case session.Phase == livekit.Live:
			st.State = StateLive
		case session.Phase == livekit.Gone && session.Final:
			st.State, st.Recording = StateFailed, s.notRecording()
		default:
			st.State = StateReconnecting
		}
	})
}

// starvedError says what others get while the connection does not carry the full layer.
const starvedError = "Your connection is too slow for the full resolution: viewers and the server's replay get a " +
	"lower one until it improves"

// mutedError says what viewers miss because a moderator muted it.
func mutedError(video, sound bool) string {
	const again = "; if you may share again, stop and start sharing"
	switch {
	case video && sound:
		return "Muted by a moderator: viewers neither see nor hear your screen" + again
	case video:
		return "Muted by a moderator: viewers do not see your screen" + again
	case sound:
		return "Muted by a moderator: viewers do not hear your audio" + again
	}
	return ""
}

// leave ends a stay and gives the video its configured bitrate back.
func (s *supervisor) leave(session *livekit.Session) {
	ctx, cancel := context.WithTimeout(s.closeContext(), leaveTime)
	defer cancel()
	if err := session.Close(ctx); err != nil {
		s.log.Warn("the room was not left cleanly", "error", err)
	}
	if _, ceiling := s.watch.bounds(); session.BitrateKbps() != ceiling {
		s.src.SetBitrate(ceiling)
	}
	if _, ceiling := s.watch.low.bounds(); s.watch.low.there() {
		s.watch.low.src.SetBitrate(ceiling)
	}
	s.session.CompareAndSwap(session, nil)
}

// closeContext is Close's once closing, so that its deadline holds for what closing does.
func (s *supervisor) closeContext() context.Context {
	if s.stopping.Load() {
		return s.closeCtx
	}
	return context.Background()
}

// pump moves packets from the engine to the session until the reader or ctx ends.
func (s *supervisor) pump(ctx context.Context) {
	var dropped uint64
	var asked time.Time
	var align aligner
	low := lowReader{src: s.cfg.Low, first: s.firstLow}
	defer low.follow(false)
	begun := time.Now()
	seen := false
	for {
		packet, isLow, wait := align.next(time.Since(begun))
		if packet != nil {
			s.send(packet, isLow)
			continue
		}
		low.follow(s.wantsLow())
		packet, isLow, err := s.read(ctx, low.reader, wait)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			continue // a packet that was held is due
		case err != nil:
			if errors.Is(err, fanout.ErrClosed) && ctx.Err() == nil {
				s.log.Error("the capture has ended, so nothing more is sent")
			}
			return
		}
		switch {
		case isLow:
			low.took(&s.unsent)
		case packet.Track == media.Video && !seen:
			seen = true
			close(s.firstFrame)
		}
		if n := s.reader.Dropped(); n != dropped && time.Since(asked) >= keyframeEvery {
			dropped, asked = n, time.Now()
			s.src.RequestKeyframe()
		}
		align.add(time.Since(begun), packet, isLow)
	}
}

// read waits for the engine's next packet, for no longer than wait unless that is 0, and says whether it is the
// low-resolution layer's.
func (s *supervisor) read(ctx context.Context, low *fanout.Reader, wait time.Duration) (*media.Packet, bool, error) {
	if wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	return fanout.Either(ctx, s.reader, low)
}

// send hands a packet to the session, if there is one.
func (s *supervisor) send(packet *media.Packet, low bool) {
	session := s.session.Load()
	if session == nil || s.silent.Load() {
		return
	}
	write := session.Write
	if low {
		write = session.WriteLow
	}
	if err := write(packet); err != nil {
		if errors.Is(err, livekit.ErrSlow) {
			s.unsent.Add(1)
		}
		s.log.Debug("a packet was not sent", "error", err)
	}
}

// wantsLow is whether the low-resolution layer is to be read: before it is published, so that its size is known, and
// then while there are viewers.
func (s *supervisor) wantsLow() bool {
	if s.cfg.Low == nil {
		return false
	}
	session := s.session.Load()
	return session == nil || !session.HasLow() || session.WantsLow()
}

// lowReader reads the low-resolution layer while it is wanted. It is the pump's.
type lowReader struct {
	src     Source
	first   chan struct{} // closed at the first frame
	seen    bool
	reader  *fanout.Reader // nil while it is not wanted; without a reader the layer is not encoded
	dropped uint64
	asked   time.Time
}

// follow opens or closes the reader.
func (l *lowReader) follow(want bool) {
	switch {
	case want && l.reader == nil && l.src != nil:
		l.reader, l.dropped = l.src.NewReader(readerCapacity, media.Video), 0
		l.src.RequestKeyframe()
	case !want && l.reader != nil:
		_ = l.reader.Close()
		l.reader = nil
	}
}

// took notes that a packet came, and asks for a keyframe after drops, which it adds to lost.
func (l *lowReader) took(lost *atomic.Uint64) {
	if !l.seen {
		l.seen = true
		close(l.first)
	}
	if n := l.reader.Dropped(); n != l.dropped && time.Since(l.asked) >= keyframeEvery {
		lost.Add(n - l.dropped)
		l.dropped, l.asked = n, time.Now()
		l.src.RequestKeyframe()
	}
}
