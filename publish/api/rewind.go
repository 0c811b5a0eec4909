package api

import "time"

// ClipPolicy says who of those with a watch link may clip what they see.
type ClipPolicy string

// The policies.
const (
	ClipsNobody ClipPolicy = "nobody"
	ClipsAsk    ClipPolicy = "ask" // the publisher allows or denies each
	ClipsAnyone ClipPolicy = "anyone"
)

var clipPolicies = []ClipPolicy{ClipsNobody, ClipsAsk, ClipsAnyone}

// String is the text in JSON and on the command line.
func (p ClipPolicy) String() string { return string(p) }

// ParseClipPolicy reads what String returns.
func ParseClipPolicy(text string) (ClipPolicy, error) { return parse("clips", text, clipPolicies) }

// WatchLinkRequest is the body of POST /replays/{id}/links. ExpiresIn is in seconds; 0 is a day. Empty Clips is
// ClipsAsk.
type WatchLinkRequest struct {
	ExpiresIn int64      `json:"expiresIn,omitempty"`
	Clips     ClipPolicy `json:"clips,omitempty"`
}

// WatchLink lets everybody who has its URL rewind a running replay until it expires or the replay's buffer is deleted.
// The URL is returned only once, when the link is made.
type WatchLink struct {
	LinkID   string `json:"linkId"`
	ReplayID string `json:"replayId"`
	RoomName string `json:"roomName,omitempty"`
	// Ended says that the replay has ended: the link shows what is kept of it, and no later share.
	Ended     bool       `json:"ended,omitempty"`
	URL       string     `json:"url,omitempty"`
	Clips     ClipPolicy `json:"clips"`
	CreatedAt time.Time  `json:"createdAt"`
	ExpiresAt time.Time  `json:"expiresAt"`
	// MadeBy is the identity of who made it.
	MadeBy string `json:"madeBy,omitempty"`
}

// WatchLinkList is the response to GET /replays/{id}/links and GET /watch-links, oldest first.
type WatchLinkList struct {
	Links []WatchLink `json:"links"`
}

// PauseRequest is the body of POST /replays/{id}/pause: from At on, which may be absent for now, nothing is for viewers
// until a request with Paused false.
type PauseRequest struct {
	Paused bool       `json:"paused"`
	At     *time.Time `json:"at,omitempty"`
}

// GapReason is why a replay has nothing to show of a time.
type GapReason string

// The reasons.
const (
	GapPaused GapReason = "paused" // the publisher has paused it
	GapLost   GapReason = "lost"   // nothing was recorded
)

var gapReasons = []GapReason{GapPaused, GapLost}

// String is the text in JSON.
func (r GapReason) String() string { return string(r) }

// ParseGapReason reads what String returns.
func ParseGapReason(text string) (GapReason, error) {
	return parse("reason of a gap", text, gapReasons)
}

// Gap is a time that a replay has nothing to show of.
type Gap struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Reason GapReason `json:"reason"`
}

// Timeline is the response to GET /replays/{id}/timeline: what its playlist has now. From and To are absent while it
// has nothing. The times are those of the capture, as EXT-X-PROGRAM-DATE-TIME in the playlist.
type Timeline struct {
	From *time.Time `json:"from,omitempty"`
	To   *time.Time `json:"to,omitempty"`
	// Gaps are in their order; one that lasts goes on beyond To, until now.
	Gaps []Gap `json:"gaps"`
	// Live says that more will follow.
	Live bool `json:"live"`
	// Paused says that the publisher has paused it now.
	Paused bool `json:"paused"`
	// Clips is what the caller may do: anyone is to clip at once. Where the publisher is to be asked, it is nobody once
	// the replay has ended.
	Clips ClipPolicy `json:"clips"`
	// MaxSeconds is how long a clip may be.
	MaxSeconds float64 `json:"maxSeconds"`
	RoomName   string  `json:"roomName"`
	Owner      string  `json:"owner"` // identity of who shares
}

// ViewerClipRequest is the body of POST /replays/{id}/clips: either From and To, as EXT-X-PROGRAM-DATE-TIME has them,
// or the last Seconds before now.
type ViewerClipRequest struct {
	From    *time.Time `json:"from,omitempty"`
	To      *time.Time `json:"to,omitempty"`
	Seconds float64    `json:"seconds,omitempty"`
	Title   string     `json:"title,omitempty"` // FitTitle fits it
}

// ViewerClipState is what became of a viewer's clip.
type ViewerClipState string

// The states of a viewer's clip.
const (
	ViewerClipAsked   ViewerClipState = "asked" // the publisher has not replied; that takes AskSeconds at most
	ViewerClipWaiting ViewerClipState = "waiting"
	ViewerClipReady   ViewerClipState = "ready"
	ViewerClipFailed  ViewerClipState = "failed" // see Reason
)

var viewerClipStates = []ViewerClipState{ViewerClipAsked, ViewerClipWaiting, ViewerClipReady, ViewerClipFailed}

// AskSeconds is how long the publisher may take to allow or deny a viewer's clip.
const AskSeconds = 30

// String is the text in JSON.
func (s ViewerClipState) String() string { return string(s) }

// ParseViewerClipState reads what String returns.
func ParseViewerClipState(text string) (ViewerClipState, error) {
	return parse("state of a viewer's clip", text, viewerClipStates)
}

// ViewerClip is the response to POST /replays/{id}/clips and GET /replays/{id}/clips/{clip}.
type ViewerClip struct {
	ClipID  string          `json:"clipId"`
	State   ViewerClipState `json:"state"`
	Reason  string          `json:"reason,omitempty"` // for people to read
	Seconds float64         `json:"seconds"`
	// Title is the request's as it is kept.
	Title string `json:"title,omitempty"`
	// URL is a link with which everybody can watch the clip, once it is ready: for who has asked for it.
	URL string `json:"url,omitempty"`
}

// AskedClip is a viewer's clip that the publisher has to allow or deny. Its id becomes the clip's.
type AskedClip struct {
	ClipID  string    `json:"clipId"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Seconds float64   `json:"seconds"`
	Title   string    `json:"title,omitempty"`
	At      time.Time `json:"at"` // when it was asked for
	By      string    `json:"by"` // who asked: a user's identity, or "a viewer"
}

// AskedList is the response to GET /replays/{id}/asked, oldest first. Cursor stands for both lists: with it as the
// parameter seen, the next call waits until one of them has changed.
type AskedList struct {
	Asked []AskedClip `json:"asked"`
	// Made are clips that viewers with watch links were allowed in the last two minutes, also without being asked for.
	Made   []AskedClip `json:"made,omitempty"`
	Cursor string      `json:"cursor"`
}
