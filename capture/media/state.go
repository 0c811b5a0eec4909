package media

// SourceState is what a source is doing: the screen, the desktop's sound, the microphone.
type SourceState string

// The states of a source.
const (
	Off      SourceState = "off"
	Starting SourceState = "starting"
	Running  SourceState = "running"
	// Waiting has nothing to give for now, which is no failure: there is no device yet, or an AwayReason says why.
	Waiting SourceState = "waiting"
	Paused  SourceState = "paused"
	// Failed is tried again.
	Failed SourceState = "failed"
)

// SourceStates are all of them.
func SourceStates() []SourceState {
	return []SourceState{Off, Starting, Running, Waiting, Paused, Failed}
}

// String is the text in JSON.
func (s SourceState) String() string { return string(s) }

// ParseSourceState reads what String returns; the error names the states that there are.
func ParseSourceState(text string) (SourceState, error) {
	return ParseName("state of a source", text, SourceStates())
}

// AwayReason is why a target of the screen cannot be captured just now; empty where it can.
type AwayReason string

// The reasons.
const (
	Closed       AwayReason = "closed"       // the window
	Minimized    AwayReason = "minimized"    // the window, or hidden some other way
	Disconnected AwayReason = "disconnected" // the monitor
)

// AwayReasons are all of them.
func AwayReasons() []AwayReason { return []AwayReason{Closed, Minimized, Disconnected} }

// String is the text in JSON.
func (r AwayReason) String() string { return string(r) }

// ParseAwayReason reads what String returns; the error names the reasons that there are.
func ParseAwayReason(text string) (AwayReason, error) {
	return ParseName("reason", text, AwayReasons())
}
