package session

import (
	"maps"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
)

// ShareStatus is what a share is doing.
type ShareStatus struct {
	State    ShareState `json:"state"`
	Room     string     `json:"room,omitempty"`
	Identity string     `json:"identity,omitempty"`
	// Recording is the server's buffer.
	Recording ServerState `json:"recording,omitempty"`
	// NotRecorded is why the server keeps none by design, as a message.
	NotRecorded string `json:"not_recorded,omitempty"`
	ReplayID    string `json:"replay_id,omitempty"`
	EgressID    string `json:"egress_id,omitempty"`
	// ServerSeconds is what the server could save now.
	ServerSeconds float64 `json:"server_seconds"`
	// Asked is how many viewers of watch links ask for a clip.
	Asked int `json:"asked,omitempty"`
	// Error is the last failure as a message.
	Error string `json:"error,omitempty"`
	// Muted is what a moderator muted.
	Muted Muted `json:"muted,omitzero"`
	// SoundTaken says that a moderator took the right to share sound.
	SoundTaken bool `json:"sound_taken,omitempty"`
}

// Muted is what of a share is sent to nobody, because a moderator of the room muted it.
type Muted struct {
	Video bool `json:"video,omitempty"`
	Sound bool `json:"sound,omitempty"`
}

// SourceStatus is one device.
type SourceStatus struct {
	State media.SourceState `json:"state"`
	// Reason is why a screen waits.
	Reason media.AwayReason `json:"reason,omitempty"`
	Device string           `json:"device,omitempty"`
	Error  string           `json:"error,omitempty"`
	Muted  bool             `json:"muted,omitempty"`
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
	// Local may wait for DueAt.
	Local         CopyState  `json:"local"`
	Clip          *clip.Clip `json:"clip,omitempty"`
	LocalError    string     `json:"local_error,omitempty"`
	Server        CopyState  `json:"server"`
	ClipID        string     `json:"clip_id,omitempty"`
	ServerURL     string     `json:"server_url,omitempty"`
	ServerSeconds float64    `json:"server_seconds,omitempty"`
	ServerError   string     `json:"server_error,omitempty"`
	// Backend is the address of the backend that has the server's copy, Room the room that was shared in.
	Backend string `json:"-"`
	Room    string `json:"-"`
}

// Wanted is what the user asked for, whether or not it runs yet, and whether it pauses.
type Wanted struct {
	ReplayOn bool `json:"replay_on"`
	ShareOn  bool `json:"share_on"`
	RecordOn bool `json:"record_on"`
	// Paused says that nothing is captured: the user has paused it (Held), the screen is locked or the machine sleeps.
	Paused   bool   `json:"paused"`
	PausedBy Pauser `json:"paused_by,omitempty"`
	Held     bool   `json:"held,omitempty"`
}

// Pauser is why nothing is captured.
type Pauser string

// The reasons.
const (
	PausedByUser Pauser = "user"
	PausedLocked Pauser = "locked"
	PausedAsleep Pauser = "asleep"
)

// Captures is whether anything is to be kept or sent of what is captured, paused or not.
func (w Wanted) Captures() bool { return w.ReplayOn || w.ShareOn || w.RecordOn }

// Buffer is the local one.
type Buffer struct {
	// BufferedSeconds could be saved now; ReplaySeconds is the length asked for.
	BufferedSeconds float64 `json:"buffered_seconds"`
	ReplaySeconds   float64 `json:"replay_seconds"`
	BufferedBytes   int64   `json:"buffered_bytes"`
}

// Devices are what is captured.
type Devices struct {
	Screen  SourceStatus `json:"screen"`
	Desktop SourceStatus `json:"desktop"`
	Mic     SourceStatus `json:"mic"`
}

// Stream is the video as it is encoded.
type Stream struct {
	Encoder     string `json:"encoder,omitempty"`
	Width       int    `json:"width,omitempty"`
	Height      int    `json:"height,omitempty"`
	FrameRate   int    `json:"frame_rate,omitempty"`
	BitrateKbps int    `json:"bitrate_kbps,omitempty"`
	Frames      uint64 `json:"frames"`
	Dropped     uint64 `json:"dropped"`
}

// Snapshot is everything a front end shows. It shares nothing with the session.
type Snapshot struct {
	State State `json:"state"`
	Wanted
	Buffer
	Devices
	Stream

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
	return s.ReplayOn && (s.State == Buffering || s.BufferedSeconds > 0) ||
		s.State == Live && s.Share.Recording != ServerEncrypted
}

// Event is something that happened once and that the user may want to know about.
type Event struct {
	Kind EventKind
	Text string
	Path string
	// Instead is why the file of a recording or a screenshot is not in the clip folder, as a message; empty where it is.
	Instead string
	// Save is set for the first four kinds.
	Save *SaveRecord
}

func source(s capture.SourceState, muted bool) SourceStatus {
	if s.State == "" {
		s.State = media.Off
	}
	return SourceStatus{State: s.State, Reason: s.Reason, Device: s.Device, Error: s.Error, Muted: muted, PeakDB: s.PeakDB,
		RMSDB: s.RMSDB}
}

var offSource = SourceStatus{State: media.Off, PeakDB: -100, RMSDB: -100}

// snapshot builds what front ends see; it runs in the owner.
func (s *Session) snapshot() Snapshot {
	st := &s.st
	snap := Snapshot{
		Wanted:  Wanted{ReplayOn: st.replayOn, ShareOn: st.share.on, RecordOn: st.record.on, Held: st.away.held},
		Buffer:  Buffer{ReplaySeconds: float64(st.cfg.Replay.Seconds)},
		Devices: Devices{Screen: offSource, Desktop: offSource, Mic: offSource},
		Share:   st.shareStatus(),
		Saving:  st.saves.running, Hotkeys: append([]hotkey.State{}, st.keys.states...), Folder: st.cfg.ClipFolder(),
		Settings: s.kept.get(), Problems: []string{},
	}
	if st.wantRecorder() {
		snap.PausedBy = st.pausedBy()
		snap.Paused = snap.PausedBy != ""
	}
	snap.Recording = st.recordingStatus()
	if st.saves.last != nil {
		last := *st.saves.last
		if last.Local == CopyWaiting && !time.Now().Before(last.DueAt) {
			last.Local = CopySaving
		}
		snap.LastSave = &last
	}
	if st.capture.rec != nil {
		r := st.capture.status
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
	s := st.publisherStatus()
	if st.share.replay != nil && st.goesOn() {
		s.ReplayID = st.share.replay.ID()
	}
	return s
}

// publisherStatus is shareStatus as far as there is a publisher.
func (st *state) publisherStatus() ShareStatus {
	switch {
	case st.share.pub != nil:
		s := st.share.status
		if s.State == "" {
			s.State = Connecting
		}
		return s
	case st.share.on && st.share.err != "":
		return ShareStatus{State: ShareFailed, Room: st.cfg.Sharing.Room, Recording: ServerOff, Error: st.share.err}
	case !st.share.on && st.share.ended != "":
		return ShareStatus{State: ShareFailed, Room: st.cfg.Sharing.Room, Recording: ServerOff, Error: st.share.ended}
	case st.share.on:
		return ShareStatus{State: Connecting, Room: st.cfg.Sharing.Room, Recording: ServerOff}
	}
	return ShareStatus{State: ShareOff, Recording: ServerOff}
}

// state is the one word for the tray.
func (st *state) state() State {
	share := st.shareStatus().State
	switch {
	case st.closing:
		return Stopping
	case !st.wantRecorder() && st.capture.keeps() != nil:
		return Stopping
	case !st.wantPackets():
		return Idle
	case st.capture.openError != "":
		return Failed
	case st.capture.keeps() == nil:
		return Starting
	case st.capture.status.Screen.State == media.Failed:
		return Failed
	case share == ShareLive || share == Reconnecting:
		return Live
	case st.share.on && share == ShareFailed && !st.replayOn:
		return Failed
	case st.replayOn:
		return Buffering
	case st.record.file != nil:
		return RecordingOnly
	}
	return Starting
}

// sourceGone is whether the window or monitor that is captured is not there now. What was captured before is kept: that
// is nothing wrong with the app.
func (st *state) sourceGone() bool {
	return st.capture.rec != nil && st.capture.status.Screen.Reason != ""
}

// trouble is a thing that does not work now. The key says which thing, so that each new text is reported once.
type trouble struct{ key, text string }

func (st *state) troubles() []trouble {
	var out []trouble
	add := func(key, text string) {
		if text != "" {
			out = append(out, trouble{key, Sentence(text)})
		}
	}
	for _, t := range st.reported.startup {
		add("startup "+t, t)
	}
	add("open", st.capture.openError)
	add("apply", st.capture.applyError)
	if st.capture.rec != nil {
		for _, s := range []struct {
			key string
			src capture.SourceState
		}{{"screen", st.capture.status.Screen}, {"desktop", st.capture.status.Desktop}, {"mic", st.capture.status.Mic}} {
			// Beside a source that runs it is a note; one that waits for a program to play is not reported.
			if s.src.State == media.Failed || s.src.State == media.Running || s.src.Reason != "" {
				add(s.key, s.src.Error)
			}
		}
	}
	if st.share.on || st.share.ended != "" {
		add("share", st.shareStatus().Error)
	}
	for _, h := range st.keys.states {
		add("hotkey "+h.Name, h.Error)
	}
	for _, part := range slices.Sorted(maps.Keys(st.reported.reports)) {
		add(part, st.reported.reports[part])
	}
	return out
}
