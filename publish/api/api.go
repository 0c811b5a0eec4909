// Package api holds the JSON bodies of the backend's HTTP interface, shared by the client in the app and the service.
// It owns no state. Paths, methods and states are fixed here; the service's package comment describes their meaning.
package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path"
	"time"
)

// Prefix is the path below which every call lives.
const Prefix = "/api/livekit-replay"

// TokenRequest is the body of POST /token.
type TokenRequest struct {
	RoomName string `json:"roomName"`
}

// TokenResponse is how to join the room.
type TokenResponse struct {
	ServerURL string    `json:"serverUrl"`
	Token     string    `json:"token"`
	Identity  string    `json:"identity"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// StartRequest is the body of POST /start. AudioTrackID and ReplayID may be empty.
type StartRequest struct {
	RoomName     string `json:"roomName"`
	VideoTrackID string `json:"videoTrackId"`
	AudioTrackID string `json:"audioTrackId,omitempty"`
	ReplayID     string `json:"replayId,omitempty"`
}

// StartResponse names the running replay.
type StartResponse struct {
	ReplayID string `json:"replayId"`
	EgressID string `json:"egressId"`
	State    State  `json:"state"`
}

// StopRequest is the body of POST /stop.
type StopRequest struct {
	ReplayID string `json:"replayId"`
}

// Replay is the response to GET /replays/{id} and POST /stop.
type Replay struct {
	ReplayID        string     `json:"replayId"`
	RoomName        string     `json:"roomName"`
	EgressID        string     `json:"egressId"`
	State           State      `json:"state"`
	From            *time.Time `json:"from,omitempty"`
	To              *time.Time `json:"to,omitempty"`
	BufferedSeconds float64    `json:"bufferedSeconds"`
	LastError       string     `json:"lastError,omitempty"`
	// Asked are clips that viewers ask for, for who may allow them.
	Asked []AskedClip `json:"asked,omitempty"`
	// Paused says that viewers see nothing of what is recorded now.
	Paused bool `json:"paused,omitempty"`
}

// SaveRequest is the body of POST /save. PressedAt is the wall-clock moment the clip ends at; absent means now.
type SaveRequest struct {
	ReplayID  string     `json:"replayId"`
	Seconds   float64    `json:"seconds"`
	PressedAt *time.Time `json:"pressedAt,omitempty"`
	// Title is what the clip is called, which FitTitle fits; it may be empty.
	Title string `json:"title,omitempty"`
	// RequestedBy is the viewer in the room for whom the publisher saves, who gets nothing of what was paused; FitTitle
	// fits it. It is of no use to others than the replay's owner, who are named themselves.
	RequestedBy string `json:"requestedBy,omitempty"`
	// Marks become chapters of the clip as far as they are in it; at most MaxMarks.
	Marks []Mark `json:"marks,omitempty"`
}

// MaxMarks is how many chapters a clip has at most, as in its file.
const MaxMarks = 255

// Mark is a moment that the user has named, by the same clock as PressedAt. FitTitle fits its title.
type Mark struct {
	At    time.Time `json:"at"`
	Title string    `json:"title"`
}

// SaveResponse names the clip to come.
type SaveResponse struct {
	ClipID string `json:"clipId"`
}

// Clip is one server clip.
type Clip struct {
	ClipID    string     `json:"clipId"`
	ReplayID  string     `json:"replayId"`
	RoomName  string     `json:"roomName"`
	Owner     string     `json:"owner"` // identity of the user whose replay it was cut from, or who uploaded it
	State     ClipState  `json:"state"`
	Reason    string     `json:"reason,omitempty"`
	From      *time.Time `json:"from,omitempty"`
	To        *time.Time `json:"to,omitempty"`
	Seconds   float64    `json:"seconds"`
	Bytes     int64      `json:"bytes"`
	Gaps      []Span     `json:"gaps,omitempty"` // where nothing was recorded between From and To
	URL       string     `json:"url,omitempty"`  // path of the MP4, relative to the backend
	CreatedAt time.Time  `json:"createdAt"`
	// Origin is where the clip comes from; ReplayID is empty for one that was uploaded.
	Origin ClipOrigin `json:"origin"`
	// Title is what the user calls the clip, which may be empty.
	Title string `json:"title,omitempty"`
	// Width and Height are in pixels, and 0 where they are not known.
	Width    int       `json:"width,omitempty"`
	Height   int       `json:"height,omitempty"`
	Chapters []Chapter `json:"chapters,omitempty"`
	// RequestedBy is the viewer who asked for the clip: an identity, or "a viewer of link …"; empty where it was the
	// owner.
	RequestedBy string `json:"requestedBy,omitempty"`
}

// ClipChange is the body of PATCH /clips/{id}. FitTitle fits the title; an empty one takes it away.
type ClipChange struct {
	Title *string `json:"title"`
}

// Chapter is a named moment of a clip.
type Chapter struct {
	Seconds float64 `json:"seconds"` // from the clip's begin
	Title   string  `json:"title"`
}

// Span is a stretch of time.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// ClipList is the response to GET /clips, newest first.
type ClipList struct {
	Clips []Clip `json:"clips"`
}

// LinkRequest is the body of POST /clips/{id}/links. ExpiresIn is in seconds; 0 is a week.
type LinkRequest struct {
	ExpiresIn int64 `json:"expiresIn,omitempty"`
}

// Link lets everybody who has its URL watch a clip until it expires. The URL is returned only once, when the link is
// made.
type Link struct {
	LinkID    string    `json:"linkId"`
	ClipID    string    `json:"clipId"`
	URL       string    `json:"url,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	// MadeBy is the identity of who made it, where that is known.
	MadeBy string `json:"madeBy,omitempty"`
	// Digest is the SHA-256 of the last part of the URL's path, in hexadecimal, so that who has the URL finds the link.
	Digest string `json:"digest,omitempty"`
}

// IsAt is whether this is the link with a URL.
func (l Link) IsAt(address string) bool {
	u, err := url.Parse(address)
	if err != nil || l.Digest == "" {
		return false
	}
	sum := sha256.Sum256([]byte(path.Base(u.Path)))
	return hex.EncodeToString(sum[:]) == l.Digest
}

// LinkList is the response to GET /clips/{id}/links and GET /links, oldest first.
type LinkList struct {
	Links []Link `json:"links"`
}

// Problem is an error in the form of RFC 9457, sent as application/problem+json.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}
