package session

import (
	"maps"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
)

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

// ShareStatus is what a share is doing.
type ShareStatus struct {
	// State is "off", "connecting", "live", "reconnecting" or "failed".
	State    string `json:"state"`
	Room     string `json:"room,omitempty"`
	Identity string `json:"identity,omitempty"`
	// Recording is "off", "starting", "active" or "failed".
	Recording string `json:"recording,omitempty"`
	ReplayID  string `json:"replay_id,omitempty"`
	EgressID  string `json:"egress_id,omitempty"`
	// ServerSeconds is what the server could save now.
	ServerSeconds float64 `json:"server_seconds"`
	// Error is the last failure as a message.
	Error string `json:"error,omitempty"`
}

// SourceStatus is one device.
type SourceStatus struct {
	// State is "off", "starting", "running", "waiting", "paused" or "failed".
	State string `json:"state"`
	// Reason is why a screen waits: "closed" or "minimized", the window, or "disconnected", the monitor.
	Reason string `json:"reason,omitempty"`
	Device string `json:"device,omitempty"`
	Error  string `json:"error,omitempty"`
	Muted  bool   `json:"muted,omitempty"`
	// Closed says that a microphone waits for its push-to-talk key.
	Closed bool `json:"closed,omitempty"`
	// PeakDB and RMSDB are in dB of full scale; -100 is silence.
	PeakDB float64 `json:"peak_db"`
	RMSDB  float64 `json:"rms_db"`
}

// SaveRecord is one press of the save key and what came of it.
type SaveRecord struct {
	// ID counts from 1 within this run of the app.
	ID        int       `json:"id"`
	PressedAt time.Time `json:"pressed_at"`
	// Seconds is what was asked for.
	Seconds float64 `json:"seconds"`
	// DueAt is when a clip that ends after its press can be written; zero for others.
	DueAt time.Time `json:"due_at,omitzero"`
	// Local is "off", "waiting" (for DueAt), "saving", "saved" or "failed".
	Local      string     `json:"local"`
	Clip       *clip.Clip `json:"clip,omitempty"`
	LocalError string     `json:"local_error,omitempty"`
	// Server is "off", "saving", "saved" or "failed".
	Server        string  `json:"server"`
	ClipID        string  `json:"clip_id,omitempty"`
	ServerURL     string  `json:"server_url,omitempty"`
	ServerSeconds float64 `json:"server_seconds,omitempty"`
	ServerError   string  `json:"server_error,omitempty"`
	// Backend is the address of the backend that has the server's copy.
	Backend string `json:"-"`
}

// Snapshot is everything a front end shows. It shares nothing with the session.
type Snapshot struct {
	State State `json:"state"`
	// ReplayOn and ShareOn are what the user asked for, whether or not it runs yet.
	ReplayOn bool `json:"replay_on"`
	ShareOn  bool `json:"share_on"`
	RecordOn bool `json:"record_on"`
	// Paused says that nothing is captured: the user has paused it (Held), the screen is locked or the machine sleeps.
	Paused bool `json:"paused"`
	Held   bool `json:"held,omitempty"`
	// BufferedSeconds could be saved now; ReplaySeconds is the length asked for.
	BufferedSeconds float64 `json:"buffered_seconds"`
	ReplaySeconds   float64 `json:"replay_seconds"`
	BufferedBytes   int64   `json:"buffered_bytes"`

	Screen  SourceStatus `json:"screen"`
	Desktop SourceStatus `json:"desktop"`
	Mic     SourceStatus `json:"mic"`

	Encoder     string `json:"encoder,omitempty"`
	Width       int    `json:"width,omitempty"`
	Height      int    `json:"height,omitempty"`
	FrameRate   int    `json:"frame_rate,omitempty"`
	BitrateKbps int    `json:"bitrate_kbps,omitempty"`
	Frames      uint64 `json:"frames"`
	Dropped     uint64 `json:"dropped"`

	Share ShareStatus `json:"share"`
	// Recording is the file that is being recorded, nil while none is.
	Recording *RecordingStatus `json:"recording,omitempty"`
	// Saving is the number of local saves in progress.
	Saving   int            `json:"saving"`
	LastSave *SaveRecord    `json:"last_save,omitempty"`
	Hotkeys  []hotkey.State `json:"hotkeys"`
	// Problems are messages about what does not work right now.
	Problems []string `json:"problems"`

	// SourceGone says that the captured window or monitor is not there now; what was captured before is kept.
	SourceGone bool `json:"source_gone,omitempty"`

	Folder string `json:"folder"`
	// Settings are those that count; what a patch has asked for is among them once it is accepted.
	Settings config.Config `json:"-"`
}

// CanSave is whether a press of the save key makes a clip.
func (s Snapshot) CanSave() bool {
	return s.ReplayOn && (s.State == Buffering || s.BufferedSeconds > 0) || s.State == Live
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

// Event is something that happened once and that the user may want to know about.
type Event struct {
	Kind EventKind
	Text string
	Path string
	// Save is set for the first four kinds.
	Save *SaveRecord
}

func source(s capture.SourceState, muted bool) SourceStatus {
	if s.State == "" {
		s.State = "off"
	}
	return SourceStatus{State: s.State, Reason: s.Reason, Device: s.Device, Error: s.Error, Muted: muted, PeakDB: s.PeakDB,
		RMSDB: s.RMSDB}
}

var offSource = SourceStatus{State: "off", PeakDB: -100, RMSDB: -100}

// snapshot builds what front ends see; it runs in the owner.
func (s *Session) snapshot() Snapshot {
	st := &s.st
	snap := Snapshot{
		ReplayOn: st.replayOn, ShareOn: st.shareOn, RecordOn: st.recordOn, Paused: st.wantRecorder() && st.paused(),
		Held:          st.held,
		ReplaySeconds: float64(st.cfg.Replay.Seconds),
		Screen:        offSource, Desktop: offSource, Mic: offSource, Share: st.shareStatus(),
		Saving: st.saving, Hotkeys: append([]hotkey.State{}, st.hotkeys...), Folder: st.cfg.ClipFolder(),
		Settings: s.kept.get(), Problems: []string{},
	}
	snap.Recording = st.recordingStatus()
	if st.last != nil {
		last := *st.last
		if last.Local == "waiting" && !time.Now().Before(last.DueAt) {
			last.Local = "saving"
		}
		snap.LastSave = &last
	}
	if st.rec != nil {
		r := st.status
		snap.Screen = source(r.Screen, false)
		snap.Desktop = source(r.Desktop, st.cfg.Sound.Desktop.Muted)
		snap.Mic = source(r.Mic, st.cfg.Sound.Microphone.Muted)
		snap.Mic.Closed = st.micClosed()
		snap.BufferedSeconds, snap.BufferedBytes = r.Buffered.Seconds(), r.BufferedBytes
		snap.Encoder, snap.Width, snap.Height, snap.FrameRate = r.Encoder, r.Width, r.Height, r.FrameRate
		snap.BitrateKbps, snap.Frames, snap.Dropped = r.BitrateKbps, r.Frames, r.Dropped
	}
	for _, t := range st.troubles() {
		snap.Problems = append(snap.Problems, t.text)
	}
	snap.State, snap.SourceGone = st.state(), st.sourceGone()
	return snap
}

func (st *state) shareStatus() ShareStatus {
	switch {
	case st.pub != nil:
		s := st.share
		if s.State == "" {
			s.State = "connecting"
		}
		return s
	case st.shareOn && st.shareError != "":
		return ShareStatus{State: "failed", Room: st.cfg.Sharing.Room, Recording: "off", Error: st.shareError}
	case !st.shareOn && st.shareEnded != "":
		return ShareStatus{State: "failed", Room: st.cfg.Sharing.Room, Recording: "off", Error: st.shareEnded}
	case st.shareOn:
		return ShareStatus{State: "connecting", Room: st.cfg.Sharing.Room, Recording: "off"}
	}
	return ShareStatus{State: "off", Recording: "off"}
}

// state is the one word for the tray.
func (st *state) state() State {
	share := st.shareStatus().State
	switch {
	case st.closing:
		return Stopping
	case !st.wantRecorder() && st.rec != nil:
		return Stopping
	case !st.wantPackets():
		return Idle
	case st.openError != "":
		return Failed
	case st.rec == nil:
		return Starting
	case st.status.Screen.State == "failed":
		return Failed
	case share == "live" || share == "reconnecting":
		return Live
	case st.shareOn && share == "failed" && !st.replayOn:
		return Failed
	case st.replayOn:
		return Buffering
	case st.recording != nil:
		return RecordingOnly
	}
	return Starting
}

// sourceGone is whether the window or monitor that is captured is not there now. What was captured before is kept: that
// is nothing wrong with the app.
func (st *state) sourceGone() bool { return st.rec != nil && st.status.Screen.Reason != "" }

// trouble is a thing that does not work now. The key says which thing, so that each new text is reported once.
type trouble struct{ key, text string }

func (st *state) troubles() []trouble {
	var out []trouble
	add := func(key, text string) {
		if text != "" {
			out = append(out, trouble{key, Sentence(text)})
		}
	}
	for _, t := range st.startup {
		add("startup "+t, t)
	}
	add("open", st.openError)
	add("apply", st.applyError)
	if st.rec != nil {
		for _, s := range []struct {
			key string
			src capture.SourceState
		}{{"screen", st.status.Screen}, {"desktop", st.status.Desktop}, {"mic", st.status.Mic}} {
			// Beside a source that runs it is a note; one that waits for a program to play is not reported.
			if s.src.State == "failed" || s.src.State == "running" || s.src.Reason != "" {
				add(s.key, s.src.Error)
			}
		}
	}
	if st.shareOn || st.shareEnded != "" {
		add("share", st.shareStatus().Error)
	}
	for _, h := range st.hotkeys {
		add("hotkey "+h.Name, h.Error)
	}
	for _, part := range slices.Sorted(maps.Keys(st.reports)) {
		add(part, st.reports[part])
	}
	return out
}
