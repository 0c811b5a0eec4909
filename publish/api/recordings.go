package api

import (
	"strings"
	"time"
)

// RecordingRequest is the body of POST /recordings. What may be set depends on Type; everything else must be empty.
type RecordingRequest struct {
	RoomName string `json:"roomName"`
	// Type may be empty for trackComposite.
	Type RecordingType `json:"type,omitempty"`
	// VideoTrackID and AudioTrackID are for trackComposite; one of them may be empty.
	VideoTrackID string `json:"videoTrackId,omitempty"`
	AudioTrackID string `json:"audioTrackId,omitempty"`
	// TrackID is for track.
	TrackID string `json:"trackId,omitempty"`
	// Identity is for participant; empty is the identity of POST /token, or with the scope record the user's own name.
	Identity string `json:"identity,omitempty"`
	// Layout and AudioOnly are for roomComposite; empty is grid.
	Layout    Layout `json:"layout,omitempty"`
	AudioOnly bool   `json:"audioOnly,omitempty"`

	Outputs RecordingOutputs `json:"outputs"`
}

// RecordingOutputs say where a recording goes. With none set it goes to a file of the kind that suits it.
type RecordingOutputs struct {
	// File is the kind of file, mp4 or ogg. A recording of type track becomes what its track's codec needs.
	File FileKind `json:"file,omitempty"`
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
	State       State  `json:"state"`
	LastError   string `json:"lastError,omitempty"`
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
	State State  `json:"state"`
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
