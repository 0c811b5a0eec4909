package api

import (
	"fmt"
	"strings"
)

// State is what a recording does, and a replay, whose newest recording it is of, and a stream.
type State string

// The states.
const (
	StateStarting State = "starting" // the recorder is asked for
	StateActive   State = "active"   // the recorder runs
	StateStopping State = "stopping" // of a recording beside the replays: its files are being finished
	StateEnded    State = "ended"    // stopped; the buffer stays until it expires
	StateFailed   State = "failed"   // see LastError
)

var states = []State{StateStarting, StateActive, StateStopping, StateEnded, StateFailed}

// String is the text in JSON.
func (s State) String() string { return string(s) }

// ParseState reads what String returns.
func ParseState(text string) (State, error) { return parse("state", text, states) }

// Over says that nothing will be added anymore.
func (s State) Over() bool { return s == StateEnded || s == StateFailed }

// ClipState is what became of a server clip.
type ClipState string

// The states of a clip.
const (
	ClipWaiting ClipState = "waiting" // the segment that holds the press has not landed yet
	ClipReady   ClipState = "ready"
	ClipFailed  ClipState = "failed" // see Reason
)

var clipStates = []ClipState{ClipWaiting, ClipReady, ClipFailed}

// String is the text in JSON.
func (s ClipState) String() string { return string(s) }

// ParseClipState reads what String returns.
func ParseClipState(text string) (ClipState, error) {
	return parse("state of a clip", text, clipStates)
}

// ClipOrigin is where a clip comes from.
type ClipOrigin string

// The origins.
const (
	OriginReplay ClipOrigin = "replay" // cut from a replay that the server recorded
	OriginUpload ClipOrigin = "upload" // sent by its owner
)

var clipOrigins = []ClipOrigin{OriginReplay, OriginUpload}

// String is the text in JSON.
func (o ClipOrigin) String() string { return string(o) }

// ParseClipOrigin reads what String returns.
func ParseClipOrigin(text string) (ClipOrigin, error) { return parse("origin", text, clipOrigins) }

// UploadState is what became of an upload.
type UploadState string

// The states of an upload.
const (
	UploadReceiving UploadState = "receiving" // not all of the file has arrived
	UploadChecking  UploadState = "checking"  // all has arrived; it is checked and written anew
	UploadReady     UploadState = "ready"     // the clip of the same id exists
	UploadFailed    UploadState = "failed"    // see Reason
)

var uploadStates = []UploadState{UploadReceiving, UploadChecking, UploadReady, UploadFailed}

// String is the text in JSON.
func (s UploadState) String() string { return string(s) }

// ParseUploadState reads what String returns.
func ParseUploadState(text string) (UploadState, error) {
	return parse("state of an upload", text, uploadStates)
}

// RecordingType is one of LiveKit's egress types. A replay is always Track Composite; a recording beside it may be any.
//
//	type            takes                        sound and video            several sounds        layouts  Chrome
//	trackComposite  one video, one sound track   together, in step            one track: mix first  no       no
//	track           one track as it is published apart; nothing is encoded    –                     no       no
//	participant     a camera and a microphone    together, in step            one track             no       no
//	roomComposite   everybody, as a web page     together, as the page plays  all, mixed            yes      yes
//
// What each costs is measured by make bench-egress and planned with hindsight-backend plan.
type RecordingType string

// The types.
const (
	// TypeTrackComposite is the default: for a shared screen with its sound.
	TypeTrackComposite RecordingType = "trackComposite"
	// TypeTrack copies one track into a file without encoding it: cheapest, for editing later. Files of two tracks do
	// not begin at the same moment.
	TypeTrack RecordingType = "track"
	// TypeParticipant follows a person's camera and microphone whatever their track ids become. It takes no shared
	// screen.
	TypeParticipant RecordingType = "participant"
	// TypeRoomComposite captures the room in a browser: for meetings with a layout.
	TypeRoomComposite RecordingType = "roomComposite"
)

var recordingTypes = []RecordingType{TypeTrackComposite, TypeTrack, TypeParticipant, TypeRoomComposite}

// String is the text in JSON and on the command line.
func (t RecordingType) String() string { return string(t) }

// ParseRecordingType reads what String returns.
func ParseRecordingType(text string) (RecordingType, error) {
	return parse("type", text, recordingTypes)
}

// FileKind is a kind of file that a recording becomes; its text is the end of the file's name too.
type FileKind string

// The kinds of files.
const (
	FileMP4  FileKind = "mp4"  // H.264 and AAC
	FileOGG  FileKind = "ogg"  // Opus, sound alone
	FileWebM FileKind = "webm" // VP8 or VP9, from a Track recording of such a track
)

var fileKinds = []FileKind{FileMP4, FileOGG, FileWebM}

// String is the text in JSON.
func (k FileKind) String() string { return string(k) }

// ParseFileKind reads what String returns.
func ParseFileKind(text string) (FileKind, error) { return parse("outputs.file", text, fileKinds) }

// Layout is how a Room Composite recording arranges people; the layouts are those of LiveKit's own page.
type Layout string

// The layouts.
const (
	LayoutGrid          Layout = "grid"
	LayoutSpeaker       Layout = "speaker"
	LayoutSingleSpeaker Layout = "single-speaker"
)

var layouts = []Layout{LayoutGrid, LayoutSpeaker, LayoutSingleSpeaker}

// String is the text in JSON.
func (l Layout) String() string { return string(l) }

// ParseLayout reads what String returns.
func ParseLayout(text string) (Layout, error) { return parse("layout", text, layouts) }

// parse finds a text among all of its kind; the error is a message that names those.
func parse[T ~string](what, text string, all []T) (T, error) {
	names := make([]string, len(all))
	for i, v := range all {
		if names[i] = string(v); names[i] == text {
			return v, nil
		}
	}
	return "", fmt.Errorf("%s must be one of %s; it is %q", what, strings.Join(names, ", "), text)
}
