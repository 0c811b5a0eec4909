package session

import "github.com/hindsight-app/hindsight/capture/media"

// State is the session in one word.
type State string

// The states.
const (
	Idle          State = "idle"
	Starting      State = "starting"
	Buffering     State = "buffering" // the local buffer runs, nobody else sees the screen
	RecordingOnly State = "recording" // as buffering, but only a recording runs
	Live          State = "live"      // the screen is shared
	Failed        State = "error"     // see Problems
	Stopping      State = "stopping"
)

var states = []State{Idle, Starting, Buffering, RecordingOnly, Live, Failed, Stopping}

// String is the text in JSON.
func (s State) String() string { return string(s) }

// ParseState reads what String returns.
func ParseState(text string) (State, error) { return media.ParseName("state", text, states) }

// ShareState is what sharing does.
type ShareState string

// The states of sharing.
const (
	ShareOff     ShareState = "off"
	Connecting   ShareState = "connecting"
	ShareLive    ShareState = "live"
	Reconnecting ShareState = "reconnecting"
	ShareFailed  ShareState = "failed"
)

var shareStates = []ShareState{ShareOff, Connecting, ShareLive, Reconnecting, ShareFailed}

// String is the text in JSON.
func (s ShareState) String() string { return string(s) }

// ParseShareState reads what String returns.
func ParseShareState(text string) (ShareState, error) {
	return media.ParseName("state of sharing", text, shareStates)
}

// ServerState is what the server's buffer does.
type ServerState string

// The states of the server's buffer.
const (
	ServerOff      ServerState = "off"
	ServerStarting ServerState = "starting"
	ServerActive   ServerState = "active"
	ServerBroken   ServerState = "failed"
	// The share is end-to-end encrypted, so the server cannot record it.
	ServerEncrypted ServerState = "encrypted"
)

var serverStates = []ServerState{ServerOff, ServerStarting, ServerActive, ServerBroken, ServerEncrypted}

// String is the text in JSON.
func (s ServerState) String() string { return string(s) }

// ParseServerState reads what String returns.
func ParseServerState(text string) (ServerState, error) {
	return media.ParseName("state of the server's buffer", text, serverStates)
}

// CopyState is what came of one of the two copies of a save.
type CopyState string

// The states of a copy.
const (
	NoCopy      CopyState = "off"     // none was asked for
	CopyWaiting CopyState = "waiting" // for what comes after the press; of local copies only
	CopySaving  CopyState = "saving"
	CopySaved   CopyState = "saved"
	CopyFailed  CopyState = "failed"
)

var copyStates = []CopyState{NoCopy, CopyWaiting, CopySaving, CopySaved, CopyFailed}

// String is the text in JSON.
func (s CopyState) String() string { return string(s) }

// ParseCopyState reads what String returns.
func ParseCopyState(text string) (CopyState, error) {
	return media.ParseName("state of a copy", text, copyStates)
}

// Source names one of the two sources of sound.
type Source string

// The sources of sound.
const (
	DesktopSound Source = "desktop"
	Microphone   Source = "mic"
)

var soundSources = []Source{Microphone, DesktopSound}

// String is the name on the command line.
func (s Source) String() string { return string(s) }

// ParseSource reads what String returns.
func ParseSource(text string) (Source, error) {
	return media.ParseName("audio source", text, soundSources)
}

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	LocalSaved   EventKind = "saved"
	LocalFailed  EventKind = "save_failed"
	ServerSaved  EventKind = "server_saved"
	ServerFailed EventKind = "server_failed"
	// A recording ended, a screenshot was saved, a marker was added: Path is the file.
	Recorded     EventKind = "recorded"
	RecordFailed EventKind = "record_failed"
	Shot         EventKind = "screenshot"
	ShotFailed   EventKind = "screenshot_failed"
	Marked       EventKind = "marked"
	Trouble      EventKind = "problem" // Text is a message that was not reported before
)

var eventKinds = []EventKind{LocalSaved, LocalFailed, ServerSaved, ServerFailed, Recorded, RecordFailed, Shot,
	ShotFailed, Marked, Trouble}

// String is the kind's name.
func (k EventKind) String() string { return string(k) }

// ParseEventKind reads what String returns.
func ParseEventKind(text string) (EventKind, error) {
	return media.ParseName("kind of event", text, eventKinds)
}
