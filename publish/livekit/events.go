package livekit

import (
	"context"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/livekit/protocol/livekit"
	protologger "github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtcp"

	"github.com/hindsight-app/hindsight/capture/media"
)

// update changes the state and tells whoever watches. A Session that is Gone stays so.
func (s *Session) update(change func(*State)) {
	s.mu.Lock()
	if s.state.Phase != Gone {
		change(&s.state)
	}
	s.mu.Unlock()
	media.Poke(s.changed)
}

func (s *Session) onReconnecting() {
	s.update(func(st *State) {
		if st.Phase == Live {
			st.Phase = Reconnecting
		}
	})
}

// onReconnected runs after a resume, where the tracks keep their ids, and after the client has published them again.
func (s *Session) onReconnected() {
	s.muteAgain()
	s.update(func(st *State) {
		if st.Phase == Joining {
			return // Join reads them itself
		}
		s.readTracks(st)
	})
	s.requestKeyframes()
}

// readTracks takes the ids of what is published now. The client only logs a track it could not publish again; then
// this stay is over.
func (s *Session) readTracks(st *State) {
	st.VideoSID, st.AudioSID = "", ""
	for _, pub := range s.room.LocalParticipant.TrackPublications() {
		switch pub.Source() {
		case livekit.TrackSource_SCREEN_SHARE:
			st.VideoSID = pub.SID()
		case livekit.TrackSource_SCREEN_SHARE_AUDIO:
			st.AudioSID = pub.SID()
		}
	}
	st.VideoMuted, st.SoundMuted = s.video.muted.Load(), s.sound != nil && s.sound.muted.Load()
	st.Phase = Live
	switch {
	case st.VideoSID == "" && !s.mayPublish():
		st.Phase, st.Reason, st.Final = Gone, reasonRevoked, true
	case st.VideoSID == "" || (s.sound != nil && !s.noSound && st.AudioSID == ""):
		st.Phase, st.Reason = Gone, "Couldn't publish again after the connection was lost."
	}
}

// reasonRevoked is why a stay is over whose right to share was taken.
const reasonRevoked = "A moderator stopped your screen share; start sharing again once you are allowed to."

// mayPublish says whether the server still lets us share the screen. No sources stand for all of them.
func (s *Session) mayPublish() bool {
	p := s.room.LocalParticipant.Permissions()
	return p == nil || p.CanPublish && (len(p.CanPublishSources) == 0 ||
		slices.Contains(p.CanPublishSources, livekit.TrackSource_SCREEN_SHARE))
}

// onUnpublished runs when the server takes a track away, which it does once the right to publish it is revoked. The
// client calls it as well while it publishes again after a loss of connection.
func (s *Session) onUnpublished(pub *lksdk.LocalTrackPublication, _ *lksdk.LocalParticipant) {
	s.update(func(st *State) {
		switch {
		case st.Phase != Live:
		case pub.SID() == st.VideoSID:
			st.Phase, st.Reason, st.Final = Gone, reasonRevoked, true
		case pub.SID() == st.AudioSID:
			st.AudioSID, st.SoundMuted, st.SoundTaken, s.noSound = "", false, true, true
		}
	})
}

// onMuted runs when a moderator mutes or unmutes a track, and after muteAgain.
func (s *Session) onMuted(pub lksdk.TrackPublication, muted bool) {
	if _, own := pub.(*lksdk.LocalTrackPublication); !own {
		return
	}
	t := s.trackOf(pub)
	if t == nil || t.muted.Swap(muted) == muted {
		return
	}
	if t.video && s.low != nil {
		s.low.muted.Store(muted)
	}
	s.update(func(st *State) {
		if t.video {
			st.VideoMuted = muted
		} else {
			st.SoundMuted = muted
		}
	})
	if t.video && !muted {
		s.requestKeyframes()
	}
}

// trackOf is the track that a publication of ours stands for.
func (s *Session) trackOf(pub lksdk.TrackPublication) *track {
	switch pub.Source() {
	case livekit.TrackSource_SCREEN_SHARE:
		return s.video
	case livekit.TrackSource_SCREEN_SHARE_AUDIO:
		return s.sound
	}
	return nil
}

// muteAgain tells the server of tracks that were muted before they were published; it takes every new one for unmuted.
func (s *Session) muteAgain() {
	for _, pub := range s.room.LocalParticipant.TrackPublications() {
		own, ok := pub.(*lksdk.LocalTrackPublication)
		if t := s.trackOf(pub); ok && t != nil && t.muted.Load() {
			own.SetMuted(true)
		}
	}
}

// onDisconnected runs when the client has given up or the server has sent us away.
func (s *Session) onDisconnected(lksdk.DisconnectionReason) {
	reason := s.room.DisconnectReason()
	s.update(func(st *State) { st.Phase = Gone; st.Reason, st.Final = explain(reason) })
}

// explain says why a stay ended, and whether coming back is somebody else's decision.
func explain(reason livekit.DisconnectReason) (message string, final bool) {
	switch reason {
	case livekit.DisconnectReason_PARTICIPANT_REMOVED:
		return "You were removed from the room; start sharing again if you may return.", true
	case livekit.DisconnectReason_DUPLICATE_IDENTITY:
		return "The same user started sharing from somewhere else; stop one of the two.", true
	case livekit.DisconnectReason_ROOM_DELETED:
		return "The room was closed; start sharing again once it is open.", true
	case livekit.DisconnectReason_SERVER_SHUTDOWN:
		return "The LiveKit server was shut down.", false
	}
	return "The connection to the LiveKit server was lost.", false
}

// onVideoRTCP watches for requests for an IDR frame of a layer: PLI (RFC 4585, 6.3.1) and FIR (RFC 5104, 4.3.1). A
// compound packet with requests for several comes to each of them.
func (s *Session) onVideoRTCP(l layer, p rtcp.Packet) {
	switch p.(type) {
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		if ssrc := uint32(s.videos()[l].local.SSRC()); slices.Contains(p.DestinationSSRC(), ssrc) {
			s.requestKeyframe(l)
		}
	}
}

// requestKeyframes asks for one of each layer.
func (s *Session) requestKeyframes() {
	for l := range s.videos() {
		s.requestKeyframe(layer(l))
	}
}

// requestKeyframe asks the encoder for a keyframe, once each keyframeEvery: several viewers ask one after the other,
// and on a slow path each keyframe delays what is needed most. A request that comes too soon is kept for the next frame
// after that.
func (s *Session) requestKeyframe(l layer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[l].wanted = true
	s.askForKeyframe(l)
}

// askForKeyframe calls under the lock, as onEstimate does: Close takes it before all else, so no call comes after it.
func (s *Session) askForKeyframe(l layer) {
	ask, _ := s.callbacks(l)
	k := &s.keys[l]
	if !k.wanted || s.closing || ask == nil || time.Since(k.asked) < keyframeEvery {
		return
	}
	k.wanted, k.asked = false, time.Now()
	ask()
}

// onEstimate takes what the path is thought to carry, in bit/s, and returns to what that is to rise, 0 where it stays.
func (s *Session) onEstimate(bitsPerSecond int) (raise int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raise = s.split.step(time.Now(), bitsPerSecond/1000) * 1000
	s.apply()
	return raise
}

// QuietClient silences the LiveKit client's logger for the whole process, which WebRTC writes its inner life to; what
// matters of it reaches a Session's own log. New calls it.
var QuietClient = sync.OnceFunc(func() { lksdk.SetLogger(protologger.LogRLogger(logr.Discard())) })

// clientLogger hands the client's messages to the log for debugging: what it warns of is, for us, a connection that is
// being restored, and what comes of that is in the State.
func (s *Session) clientLogger() protologger.Logger {
	return protologger.LogRLogger(logr.FromSlogHandler(quiet{s.log.Handler()}))
}

// quiet makes every message a debug message and takes tokens out of it.
type quiet struct {
	slog.Handler
}

func (q quiet) Enabled(ctx context.Context, _ slog.Level) bool {
	return q.Handler.Enabled(ctx, slog.LevelDebug)
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if !q.Handler.Enabled(ctx, slog.LevelDebug) {
		return nil // the client's errors come unasked
	}
	clean := slog.NewRecord(r.Time, slog.LevelDebug, withoutTokens(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(slog.String(a.Key, withoutTokens(a.Value.String())))
		return true
	})
	return q.Handler.Handle(ctx, clean)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, 0, len(attrs))
	for _, a := range attrs {
		clean = append(clean, slog.String(a.Key, withoutTokens(a.Value.String())))
	}
	return quiet{q.Handler.WithAttrs(clean)}
}

func (q quiet) WithGroup(name string) slog.Handler {
	return quiet{q.Handler.WithGroup(name)}
}

// jwt matches a JSON Web Token (RFC 7519); LiveKit's server quotes the one it refuses.
var jwt = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]*`)

func withoutTokens(text string) string { return jwt.ReplaceAllString(text, "(token)") }
