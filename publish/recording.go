package publish

import (
	"context"
	"errors"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
	"github.com/hindsight-app/hindsight/publish/livekit"
)

// pollEvery is how often the backend is asked how the recording does.
const pollEvery = 2500 * time.Millisecond

// recording is what the supervisor knows of the replay on the server.
type recording struct {
	replayID     string
	video, sound string // the tracks it was last started with
	broken       bool   // it has to be started again
	tryAt        time.Time
	pause        time.Duration // before the next try, after a failure
	pollAt       time.Time
	unknown      int // how often in a row the server did not know the tracks
	// retellAt is when the server hears again of a pause, where that failed.
	retellAt time.Time
}

// unknownTracks is how often in a row the server may not know tracks that are published before they are published
// again: where LiveKit's Redis was lost, the room goes on, but for all others it is empty until somebody joins it.
const unknownTracks = 2

// due reports whether the recording must be started for these tracks.
func (r *recording) due(st livekit.State) bool {
	return r.broken || r.video != st.VideoSID || r.sound != st.AudioSID
}

// record makes the next call to the backend that is due and returns how long the one after it can wait.
func (s *supervisor) record(ctx context.Context, st livekit.State) time.Duration {
	r := &s.rec
	if s.cfg.Passphrase != "" {
		return pollEvery
	}
	s.tellPause(ctx) // a start may take long
	if r.due(st) && time.Until(r.tryAt) <= 0 {
		s.startRecording(ctx, st)
		s.tellPause(ctx)
	}
	if !r.due(st) && time.Until(r.pollAt) <= 0 {
		s.pollRecording(ctx)
		r.pollAt = time.Now().Add(pollEvery)
	}
	next := time.Until(r.pollAt)
	if r.due(st) {
		next = time.Until(r.tryAt)
	}
	return max(next, time.Millisecond)
}

// notRecording is the state in which nothing is recorded.
func (p *Publisher) notRecording() RecordingState {
	if p.cfg.Passphrase != "" {
		return RecordingEncrypted
	}
	return RecordingOff
}

// tellPause has the server keep from viewers what is recorded in a pause, and let them see what follows it: also of
// pauses that are over, where the server was away.
func (s *supervisor) tellPause(ctx context.Context) {
	r := &s.rec
	if r.replayID == "" || time.Until(r.retellAt) > 0 {
		return
	}
	failed, err := s.pauses.tell(ctx, s.backend, r.replayID)
	switch {
	case err == nil:
	case errors.Is(err, client.ErrNotFound): // an older server, which shows viewers nothing
		r.retellAt = time.Now().Add(longPause)
	default:
		r.retellAt = time.Now().Add(firstPause)
		if ctx.Err() == nil {
			s.log.Warn("the server does not know that the replay is paused, or no longer is; it is told again", "paused",
				failed.on, "error", err)
		}
	}
}

// startRecording has the tracks recorded, as a continuation where there is a replay.
func (s *supervisor) startRecording(ctx context.Context, st livekit.State) {
	r := &s.rec
	s.update(func(st *Status) {
		if st.Recording != RecordingFailed {
			st.Recording = RecordingStarting
		}
	})
	answer, err := s.backend.Start(ctx, api.StartRequest{
		RoomName: s.cfg.Room, VideoTrackID: st.VideoSID, AudioTrackID: st.AudioSID, ReplayID: r.replayID,
	})
	if ctx.Err() != nil {
		return
	}
	r.unknown++
	if !errors.Is(err, client.ErrTrack) {
		r.unknown = 0
	}
	if err != nil {
		// One of another user is refused: the access token may have been changed since.
		foreign := errors.Is(err, client.ErrRoom) && r.video == ""
		if r.replayID != "" && (foreign || errors.Is(err, client.ErrNotFound)) {
			// The backend no longer knows the replay. A new one is better than none.
			s.log.Warn("the backend has forgotten the replay; a new one is started", "replay", r.replayID)
			s.forget()
		}
		s.recordingFailed(err.Error())
		return
	}
	s.log.Info("the server records", "replay", answer.ReplayID, "egress", answer.EgressID, "state", answer.State)
	if r.replayID == "" {
		s.pauses.check(false)
	}
	r.replayID, r.video, r.sound, r.broken = answer.ReplayID, st.VideoSID, st.AudioSID, false
	r.pollAt = time.Now().Add(pollEvery)
	s.update(func(st *Status) { st.ReplayID, st.EgressID = answer.ReplayID, answer.EgressID })
	s.showRecording(answer.State, "")
}

// pollRecording asks how the recording does.
func (s *supervisor) pollRecording(ctx context.Context) {
	replay, err := s.backend.Replay(ctx, s.rec.replayID)
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, client.ErrNotFound):
		s.forget()
		s.recordingFailed(err.Error())
	case err != nil:
		// The recording does not depend on this answer; only its length is unknown.
		s.setRecordingErr(err.Error())
	default:
		s.pauses.check(replay.Paused)
		s.update(func(st *Status) {
			st.EgressID, st.ServerSeconds, st.Asked = replay.EgressID, replay.BufferedSeconds, len(replay.Asked)
		})
		s.showRecording(replay.State, replay.LastError)
	}
}

// showRecording takes a state that the backend reported.
func (s *supervisor) showRecording(state api.State, reason string) {
	switch state {
	case api.StateActive:
		s.rec.pause = firstPause
		s.update(func(st *Status) { st.Recording = RecordingActive })
		s.setRecordingErr("")
	case api.StateEnded, api.StateFailed:
		if reason == "" {
			reason = "the recording stopped on the server and is being restarted"
		}
		s.recordingFailed(reason)
	default:
		s.update(func(st *Status) { st.Recording = RecordingStarting })
		s.setRecordingErr("")
	}
}

// recordingFailed notes the reason and when to try again.
func (s *supervisor) recordingFailed(reason string) {
	r := &s.rec
	r.broken, r.tryAt = true, time.Now().Add(r.pause)
	r.pause = nextPause(r.pause)
	s.log.Warn("the server does not record; it is tried again", "reason", reason, "at", r.tryAt)
	s.update(func(st *Status) { st.Recording = RecordingFailed })
	s.setRecordingErr(reason)
}

// forget drops a replay that the backend does not know.
func (s *supervisor) forget() {
	s.rec.replayID = ""
	s.update(func(st *Status) { st.ReplayID, st.EgressID, st.ServerSeconds, st.Asked = "", "", 0, 0 })
}

// setRecordingErr notes what is wrong with the recording.
func (s *supervisor) setRecordingErr(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recordingErr = reason
}

// stopRecording ends the recording, once; its buffer stays on the server until it expires.
func (s *supervisor) stopRecording() {
	if s.rec.replayID == "" || s.left.Load() == s.rec.replayID {
		return
	}
	ctx, cancel := context.WithTimeout(s.closeContext(), leaveTime)
	defer cancel()
	s.rec.retellAt = time.Time{}
	s.tellPause(ctx) // nobody else will, and the buffer stays
	if _, err := s.backend.Stop(ctx, api.StopRequest{ReplayID: s.rec.replayID}); err != nil {
		s.log.Warn("the recording was not stopped; it ends with its tracks", "error", err)
	}
	s.rec.replayID = ""
}
