package api

// Values of Problem.Type: they say what went wrong to a program, Problem.Detail says it to a person (RFC 9457, 3.1.1).
const (
	ProblemInvalid = "tag:hindsight.app,2026:problem/invalid" // 400, 413, 415, 422: the request itself is wrong
	ProblemTrack   = "tag:hindsight.app,2026:problem/track"   // 422: the room has no such track, or not of that kind
	// 422: a track is end-to-end encrypted, so that it cannot be recorded
	ProblemEncrypted = "tag:hindsight.app,2026:problem/encrypted"
	ProblemToken     = "tag:hindsight.app,2026:problem/token" // 401: the user token is missing, wrong or revoked
	ProblemRoom      = "tag:hindsight.app,2026:problem/room"  // 403: the user may not share in this room
	ProblemScope     = "tag:hindsight.app,2026:problem/scope" // 403: the user token is not good for this
	// 403: the user has as many clips, recordings or replays as allowed
	ProblemQuota    = "tag:hindsight.app,2026:problem/quota"
	ProblemSpace    = "tag:hindsight.app,2026:problem/space"     // 507: the storage of the server is nearly full
	ProblemNotFound = "tag:hindsight.app,2026:problem/not-found" // 404: no such replay, clip or path
	ProblemConflict = "tag:hindsight.app,2026:problem/conflict"  // 409: not in this state
	ProblemTooMany  = "tag:hindsight.app,2026:problem/too-many"  // 429: too many clips are waiting, or too many calls
	ProblemRecorder = "tag:hindsight.app,2026:problem/recorder"  // 502, 503: LiveKit or its recorder refused or is away
	ProblemInternal = "tag:hindsight.app,2026:problem/internal"  // 500
)

// ProblemMediaType is the Content-Type of a Problem.
const ProblemMediaType = "application/problem+json"

// TimeHeader is set on every response to the service's wall clock in RFC 3339 with nanoseconds. The client learns from
// it how far its own clock is off, so that a press names the same moment on both sides.
const TimeHeader = "Hindsight-Time"
