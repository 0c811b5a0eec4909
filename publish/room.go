package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/livekit"
)

// ErrNotLive is what Announce returns while there is no connection to the room.
var ErrNotLive = errors.New("not connected to the room")

// ClipRefusal is an error of Config.AllowClip whose text the viewer reads.
type ClipRefusal struct {
	Code    api.RPCCode
	Message string
}

// ClipMaker makes a clip that was allowed, and a link to it. Nil has the server cut it. Its errors are like those of
// Config.AllowClip.
type ClipMaker func(ctx context.Context) (api.RoomClip, error)

// Error is the message.
func (e *ClipRefusal) Error() string { return e.Message }

// Tell has the room know what the replay does: at once, and again whenever the room is joined anew. While it is paused
// the server shows viewers nothing of it. It does not wait.
func (p *Publisher) Tell(state api.RoomState) {
	p.mu.Lock()
	changed := p.roomState != state
	p.pauses.set(state.Replay == api.ReplayPaused)
	p.roomState = state
	p.mu.Unlock()
	if changed {
		media.Poke(p.news)
	}
}

// Announce tells everybody in the room of a clip, in a data packet and, with chat, as a chat message too.
func (p *Publisher) Announce(clip api.RoomClip, chat bool) error {
	session := p.session.Load()
	if session == nil || session.State().Phase != livekit.Live {
		return ErrNotLive
	}
	payload, err := json.Marshal(clip)
	if err != nil {
		return err
	}
	if err := session.SendData(api.TopicClip, payload); err != nil || !chat {
		return err
	}
	return session.SendText(api.TopicChat, clip.Chat())
}

// roomReporter knows what the room heard last in a stay.
type roomReporter struct {
	session *livekit.Session
	last    api.RoomState
	live    bool
}

// reportRoom sets the attributes where they differ from what the room knows from this stay, and after every loss of
// connection, in which the participant may have become another one.
func (s *supervisor) reportRoom(t *roomReporter, st livekit.State) {
	again := !t.live
	if t.live = st.Phase == livekit.Live; !t.live {
		return
	}
	s.mu.Lock()
	want := s.roomState
	s.mu.Unlock()
	if want == (api.RoomState{}) || want == t.last && !again {
		return
	}
	t.last = want
	if err := t.session.SetAttributes(want.Attributes()); err != nil && again {
		s.log.Info("the room does not see that a replay runs", "error", err)
	}
}

// methods are what viewers can call.
func (s *supervisor) methods() map[string]livekit.Method {
	return map[string]livekit.Method{api.TopicClip: s.clipRequest}
}

// longestRequest bounds how long one viewer's request keeps others waiting, whatever the viewer's app says: LiveKit's
// client serves one at a time.
const longestRequest = 3 * time.Minute

// clipRequest is the RPC method api.TopicClip.
func (s *supervisor) clipRequest(ctx context.Context, viewer string, payload []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, longestRequest)
	defer cancel()
	clip, err := s.clipFor(ctx, viewer, payload, time.Now())
	var refusal *ClipRefusal
	switch {
	case errors.As(err, &refusal):
		s.log.Info("a viewer's request for a clip was refused", "viewer", viewer, "reason", refusal.Message)
		return nil, &livekit.RPCError{Code: uint32(refusal.Code), Message: refusal.Message}
	case err != nil:
		s.log.Warn("a viewer's clip could not be made", "viewer", viewer, "error", err)
		return nil, &livekit.RPCError{Code: uint32(api.RPCFailed), Message: "the clip could not be made"}
	}
	s.log.Info("a viewer's clip was made", "viewer", viewer, "clip", clip.ClipID, "seconds", clip.Seconds)
	if s.cfg.OnViewerClip != nil {
		s.cfg.OnViewerClip(clip)
	}
	return json.Marshal(clip)
}

// clipFor has a clip made that ends when the viewer asked for it.
func (s *supervisor) clipFor(ctx context.Context, viewer string, payload []byte, asked time.Time) (api.RoomClip,
	error) {
	r, err := parseClipRequest(payload)
	if err != nil {
		return api.RoomClip{}, err
	}
	if s.cfg.AllowClip == nil {
		return api.RoomClip{}, &ClipRefusal{api.RPCRefused, "viewers may not clip this screen"}
	}
	make, err := s.cfg.AllowClip(ctx, viewer, r, asked)
	if err != nil {
		return api.RoomClip{}, err
	}
	if make == nil {
		make = func(ctx context.Context) (api.RoomClip, error) { return s.serverClip(ctx, viewer, r, asked) }
	}
	clip, err := make(ctx)
	clip.Title, clip.RequestedBy = r.Title, viewer
	return clip, err
}

// serverClip has the server cut a viewer's clip, and makes a link to it.
func (s *supervisor) serverClip(ctx context.Context, viewer string, r api.ClipRequest, asked time.Time) (api.RoomClip,
	error) {
	id, err := s.save(ctx, api.SaveRequest{Seconds: r.Seconds, Title: r.Title, RequestedBy: viewer}, asked)
	switch {
	case errors.Is(err, ErrEncrypted):
		err = &ClipRefusal{api.RPCNothing, NotRecordedEncrypted}
	case errors.Is(err, ErrNotRecording):
		err = &ClipRefusal{api.RPCNothing, "the server keeps no replay of this screen now"}
	}
	if err != nil {
		return api.RoomClip{}, err
	}
	made, err := s.WaitClip(ctx, id)
	var link *api.Link
	if err == nil {
		link, err = s.backend.CreateLink(ctx, id, 0)
	}
	if err != nil {
		s.takeBack(id)
		return api.RoomClip{}, err
	}
	return api.RoomClip{ClipID: id, Seconds: made.Seconds, URL: link.URL, ExpiresAt: link.ExpiresAt}, nil
}

// takeBack has the server delete a viewer's clip that nobody has a link to. The viewer's time may be over by now.
func (s *supervisor) takeBack(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	if err := s.backend.DeleteClip(ctx, id); err != nil {
		s.log.Warn("a viewer's clip stays on the server, although there is no link to it", "clip", id, "error", err)
	}
}

// mostSeconds is the longest clip of a ClipRequest, as room.json has it.
const mostSeconds = 3600

// parseClipRequest reads a request; the error is a *ClipRefusal.
func parseClipRequest(payload []byte) (api.ClipRequest, error) {
	var r api.ClipRequest
	switch err := json.Unmarshal(payload, &r); {
	case err != nil:
		return r, &ClipRefusal{api.RPCInvalid, `the request is not JSON such as {"seconds": 30, "title": "goal"}`}
	case math.IsNaN(r.Seconds) || r.Seconds < 1 || r.Seconds > mostSeconds:
		return r, &ClipRefusal{api.RPCInvalid, fmt.Sprintf("seconds must be between 1 and %d", mostSeconds)}
	}
	r.Title = api.FitTitle(r.Title)
	return r, nil
}
