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

// Announce tells the room of a clip while the screen is shared, with chat as a chat message too.
func (s *Session) Announce(clip api.RoomClip, chat bool) error {
	var pub Publisher
	if err := s.do(func() error { pub = s.st.share.pub; return nil }); err != nil {
		return err
	}
	if pub == nil {
		return errors.New("the room has not heard of the clip, because the screen is not shared anymore")
	}
	return pub.Announce(clip, chat)
}
