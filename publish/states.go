package publish

import "github.com/hindsight-app/hindsight/capture/media"

// State is what a Publisher's connection to the room does.
type State string

// The states of the connection.
const (
	StateConnecting   State = "connecting"
	StateLive         State = "live"
	StateReconnecting State = "reconnecting"
	StateFailed       State = "failed" // somebody has to do something, see Status.Error
)

var states = []State{StateConnecting, StateLive, StateReconnecting, StateFailed}

// String is the text in JSON.
func (s State) String() string { return string(s) }

// ParseState reads what String returns.
func ParseState(text string) (State, error) { return media.ParseName("state of sharing", text, states) }

// RecordingState is what the replay on the server does.
type RecordingState string

// The states of the replay.
const (
	RecordingOff      RecordingState = "off"
	RecordingStarting RecordingState = "starting"
	RecordingActive   RecordingState = "active"
	RecordingFailed   RecordingState = "failed" // it is tried again, see Status.Error
	// The share is end-to-end encrypted, so the server has nothing that it could record.
	RecordingEncrypted RecordingState = "encrypted"
)

var recordingStates = []RecordingState{RecordingOff, RecordingStarting, RecordingActive, RecordingFailed,
	RecordingEncrypted}

// String is the text in JSON.
func (s RecordingState) String() string { return string(s) }

// ParseRecordingState reads what String returns.
func ParseRecordingState(text string) (RecordingState, error) {
	return media.ParseName("state of the server's recording", text, recordingStates)
}
