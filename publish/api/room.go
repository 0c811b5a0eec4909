package api

import (
	_ "embed"
	"strconv"
	"time"
)

// What a participant that shares with Hindsight says in its LiveKit room. RoomSchemas has a JSON schema for each.
const (
	// AttributeReplay is the participant attribute that says what the replay buffer does: a ReplayState.
	AttributeReplay = "hindsight.replay"
	// AttributeSeconds is how many seconds could be clipped, a whole number, at most 10 behind while the buffer fills.
	AttributeSeconds = "hindsight.replay.seconds"
	// AttributeRecording says whether the publisher records a file as well: "on" or "off".
	AttributeRecording = "hindsight.recording"
	// TopicClip is the topic of reliable data packets with a RoomClip, and the name of the RPC method that takes a
	// ClipRequest and returns a RoomClip.
	TopicClip = "hindsight.clip"
	// TopicChat is the topic of the text streams that LiveKit's own front ends show as chat; see RoomClip.Chat.
	TopicChat = "lk.chat"
)

// RoomSchemas is a JSON Schema 2020-12 document; its $defs are Attributes, RoomClip, ChatMessage and ClipRequest.
//
//go:embed room.json
var RoomSchemas []byte

// ReplayState is what AttributeReplay says.
type ReplayState string

// The states of a replay buffer.
const (
	ReplayOn     ReplayState = "on"
	ReplayPaused ReplayState = "paused" // nothing is captured at present
	ReplayOff    ReplayState = "off"
)

var replayStates = []ReplayState{ReplayOn, ReplayPaused, ReplayOff}

// String is the attribute's text.
func (s ReplayState) String() string { return string(s) }

// ParseReplayState reads what String returns.
func ParseReplayState(text string) (ReplayState, error) {
	return parse("state of a replay buffer", text, replayStates)
}

// RoomState is what the room may know of a replay. Its zero value says nothing.
type RoomState struct {
	Replay    ReplayState
	Seconds   int
	Recording bool
}

// Attributes are the state as participant attributes.
func (s RoomState) Attributes() map[string]string {
	recording := "off"
	if s.Recording {
		recording = "on"
	}
	return map[string]string{AttributeReplay: s.Replay.String(), AttributeSeconds: strconv.Itoa(s.Seconds),
		AttributeRecording: recording}
}

// RoomClip tells a room of a clip.
type RoomClip struct {
	ClipID string `json:"clipId"`
	// Title is what somebody called it; it may hold any printable text.
	Title   string  `json:"title,omitempty"`
	Seconds float64 `json:"seconds"`
	// URL is a link with which everybody can watch the clip until ExpiresAt.
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expiresAt"`
	// RequestedBy is the identity of the viewer who asked for it, empty where it was the publisher.
	RequestedBy string `json:"requestedBy,omitempty"`
}

// Chat is the clip as a chat message. The chat shows it as the publisher's, so it has no words of a viewer's: neither
// the title nor the name of one who had the clip made.
func (c RoomClip) Chat() string {
	switch {
	case c.RequestedBy != "":
		return "A viewer's clip:\n" + c.URL
	case c.Title == "":
		return c.URL
	}
	return c.Title + "\n" + c.URL
}

// ClipRequest is what a viewer asks for with the RPC method TopicClip.
type ClipRequest struct {
	// Seconds are those before the request.
	Seconds float64 `json:"seconds"`
	Title   string  `json:"title,omitempty"`
}

// RPCCode is why a ClipRequest was not fulfilled; the RPC error's message says it to a person. LiveKit's own codes,
// 1400 to 1599, come as well: 1501 where the publisher is busy with the request before.
type RPCCode uint32

// The codes of RPC errors.
const (
	RPCInvalid RPCCode = 4000 // the request's JSON or one of its values
	RPCRefused RPCCode = 4030 // the publisher lets nobody clip, has said no, or has not replied
	RPCNothing RPCCode = 4040 // nothing is kept that could be clipped
	RPCTooMany RPCCode = 4290 // this viewer, or all of them, asked too often
	RPCFailed  RPCCode = 5000 // the clip could not be made
)
