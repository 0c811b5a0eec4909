package api

import (
	"strings"
	"time"
)

// Types of recordings: LiveKit's egress types. A replay is always Track Composite; a recording beside it may be any.
//
//	type            takes                        sound and video            several sounds        layouts  Chrome
//	trackComposite  one video, one sound track   together, in step            one track: mix first  no       no
//	track           one track as it is published apart; nothing is encoded    –                     no       no
//	participant     a camera and a microphone    together, in step            one track             no       no
//	roomComposite   everybody, as a web page     together, as the page plays  all, mixed            yes      yes
//
// What each costs is measured by make bench-egress and planned with hindsight-backend plan.
const (
	// TypeTrackComposite is the default: for a shared screen with its sound.
	TypeTrackComposite = "trackComposite"
	// TypeTrack copies one track into a file without encoding it: cheapest, for editing later. Files of two tracks do
	// not begin at the same moment.
	TypeTrack = "track"
	// TypeParticipant follows a person's camera and microphone whatever their track ids become. It takes no shared
	// screen.
	TypeParticipant = "participant"
	// TypeRoomComposite captures the room in a browser: for meetings with a layout.
	TypeRoomComposite = "roomComposite"
)

// Kinds of files.
const (
	FileMP4  = "mp4"  // H.264 and AAC
	FileOGG  = "ogg"  // Opus, sound alone
	FileWebM = "webm" // VP8 or VP9, from a Track recording of such a track
)

// Layouts of a Room Composite recording, those of LiveKit's own page.
const (
	LayoutGrid          = "grid"
	LayoutSpeaker       = "speaker"
	LayoutSingleSpeaker = "single-speaker"
)

// StateStopping is of a recording whose end was asked for: its files are being finished.
const StateStopping = "stopping"

// RecordingRequest is the body of POST /recordings. What may be set depends on Type; everything else must be empty.
type RecordingRequest struct {
	RoomName string `json:"roomName"`
	// Type is one of the Type constants; empty is trackComposite.
	Type string `json:"type,omitempty"`
	// VideoTrackID and AudioTrackID are for trackComposite; one of them may be empty.
	VideoTrackID string `json:"videoTrackId,omitempty"`
	AudioTrackID string `json:"audioTrackId,omitempty"`
	// TrackID is for track.
	TrackID string `json:"trackId,omitempty"`
	// Identity is for participant; empty is the identity of POST /token, or with the scope record the user's own name.
	Identity string `json:"identity,omitempty"`
	// Layout and AudioOnly are for roomComposite; empty is grid.
	Layout    string `json:"layout,omitempty"`
	AudioOnly bool   `json:"audioOnly,omitempty"`

	Outputs RecordingOutputs `json:"outputs"`
}

// RecordingOutputs say where a recording goes. With none set it goes to a file of the kind that suits it.
type RecordingOutputs struct {
	// File is the kind of file, mp4 or ogg. A recording of type track becomes what its track's codec needs.
	File string `json:"file,omitempty"`
	// Segments asks for HLS: full.m3u8 and its MPEG-TS segments.
	Segments bool `json:"segments,omitempty"`
	// Streams are RTMP servers with the stream's key, rtmp://host/app/key, which the backend's operator must allow.
	// In responses only host and app are left.
	Streams []string `json:"streams,omitempty"`
}

// Recording is the response to the calls about recordings.
type Recording struct {
	RecordingID string `json:"recordingId"`
	EgressID    string `json:"egressId"`
	// State is starting, active, stopping, ended or failed.
	State     string `json:"state"`
	LastError string `json:"lastError,omitempty"`
	// What was asked for, with defaults filled in.
	RecordingRequest
	// Streams are the states of the streams.
	Streams []RecordingStream `json:"streams,omitempty"`
	// Files are what can be downloaded, and Bytes the length of all of it; only in the response about one recording.
	Files []RecordingFile `json:"files,omitempty"`
	Bytes int64           `json:"bytes"`
	// StartedAt is when the first media arrived, EndedAt when the recording was over.
	StartedAt *time.Time `json:"startedAt,omitempty"`
	EndedAt   *time.Time `json:"endedAt,omitempty"`
	CreatedAt time.Time  `json:"createdAt"`
}

// RecordingStream is one stream of a recording: active, ended or failed.
type RecordingStream struct {
	URL   string `json:"url"`
	State string `json:"state"`
	Error string `json:"error,omitempty"`
}

// RecordingFile is a file of a recording. Segments are not listed: the playlist names them, and they lie beside it.
type RecordingFile struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	URL   string `json:"url"` // path, relative to the backend
}

// RecordingList is the response to GET /recordings, newest first.
type RecordingList struct {
	Recordings []Recording `json:"recordings"`
}

// RedactStream leaves scheme, host and app of a stream's address: what follows is the stream's key, a secret.
func RedactStream(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	parts := strings.SplitN(rest, "/", 3)
	if len(parts) < 3 {
		return scheme + "://" + parts[0] + "/…"
	}
	return scheme + "://" + parts[0] + "/" + parts[1] + "/…"
}
