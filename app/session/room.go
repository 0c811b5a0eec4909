package session

import (
	"errors"

	"github.com/hindsight-app/hindsight/publish/api"
)

// secondsStep is how fine the seconds are while the buffer fills: every second would be a message every second.
const secondsStep = 10

// roomState is what people in the room may know: that a replay or a recording runs, and how far back it reaches.
func roomState(s Snapshot) api.RoomState {
	state := api.RoomState{Replay: api.ReplayOff, Recording: s.Recording != nil}
	kept := 0.0
	if s.ReplayOn {
		kept = s.BufferedSeconds
	}
	if s.Share.Recording == ServerActive {
		kept = max(kept, s.Share.ServerSeconds)
	}
	switch {
	case s.Paused:
		state.Replay = api.ReplayPaused
	case s.ReplayOn || s.Share.Recording == ServerActive:
		state.Replay = api.ReplayOn
	}
	if state.Replay != api.ReplayOff {
		if state.Seconds = int(kept); kept < s.ReplaySeconds {
			state.Seconds -= state.Seconds % secondsStep
		} else {
			state.Seconds = int(s.ReplaySeconds)
		}
	}
	return state
}

// Place is a room of a server.
type Place struct{ Backend, Room string }

// ErrElsewhere means that the screen is not shared in a room anymore.
var ErrElsewhere = errors.New("the room has not heard of the clip, because the screen is not shared there anymore")

// Announce tells the room in which a clip was recorded of it, with chat as a chat message too. No other room hears of
// it: then the error is ErrElsewhere.
func (s *Session) Announce(clip api.RoomClip, in Place, chat bool) error {
	pub, err := s.sharedIn(in)
	if err != nil {
		return err
	}
	return pub.Announce(clip, chat)
}

// SharedIn is whether the screen is shared in a room.
func (s *Session) SharedIn(in Place) bool {
	_, err := s.sharedIn(in)
	return err == nil
}

func (s *Session) sharedIn(in Place) (pub Publisher, err error) {
	err = s.do(func() error {
		share := &s.st.share
		if share.pub == nil || in != (Place{share.cfg.BackendURL, share.cfg.Room}) {
			return ErrElsewhere
		}
		pub = share.pub
		return nil
	})
	return pub, err
}
