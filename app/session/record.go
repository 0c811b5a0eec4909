package session

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/hindsight-app/hindsight/capture/clip"
)

// RecordingStatus is a running recording.
type RecordingStatus struct {
	// Path is the file, empty before the first frame.
	Path string `json:"path,omitempty"`
	// Seconds is how much is recorded, Bytes what it takes.
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`
	// Dropped counts packets that the disk was too slow for.
	Dropped uint64 `json:"dropped,omitempty"`
}

// SetRecord starts a recording or ends it. Both go on in the background; what came of it is an event. A recording needs
// no replay.
func (s *Session) SetRecord(on bool) error {
	return s.do(func() error {
		if on && !s.st.cfg.App.FirstRunDone {
			return errFirstRun
		}
		s.st.recordOn, s.st.recordErr, s.st.held = on, "", s.st.held && !on
		s.retryOpen()
		return nil
	})
}

// ToggleRecord is what the record key does.
func (s *Session) ToggleRecord() error {
	return s.do(func() error {
		if !s.st.cfg.App.FirstRunDone {
			return errFirstRun
		}
		s.st.recordOn, s.st.recordErr = !s.st.recordOn, ""
		s.st.held = s.st.held && !s.st.recordOn
		s.retryOpen()
		return nil
	})
}

// AwaitRecord waits until a recording that was switched on has begun, or one that was switched off is finished. The
// error says why not.
func (s *Session) AwaitRecord(ctx context.Context) error {
	return s.wait(ctx, func() (bool, error) {
		st := &s.st
		switch {
		case st.toggling:
			return false, nil
		case st.recordErr != "":
			return true, errors.New(st.recordErr)
		}
		return st.recordOn == (st.recording != nil), nil
	})
}

// AwaitShare waits until sharing that was switched on is live, or has ended where it was switched off. The error says
// why not; sharing is tried again nevertheless.
func (s *Session) AwaitShare(ctx context.Context) error {
	return s.wait(ctx, func() (bool, error) {
		st := &s.st
		switch {
		case !st.shareOn && st.shareEnded != "":
			return true, errors.New(st.shareEnded)
		case !st.shareOn:
			return st.pub == nil && !st.pubBusy, nil
		case st.openError != "":
			return true, errors.New(st.openError)
		case st.pub == nil && st.shareError != "":
			return true, errors.New(st.shareError)
		}
		return st.pub != nil && st.share.State == "live", nil
	})
}

// Mark makes this moment a chapter of the clips and recordings that hold it. An empty text is numbered.
func (s *Session) Mark(text string) error {
	return s.do(func() error {
		if s.st.rec == nil {
			return errNothing
		}
		s.st.rec.Mark(text)
		s.feed.event(Event{Kind: Marked, Text: text})
		return nil
	})
}

// Screenshot saves the current frame and returns the file.
func (s *Session) Screenshot(ctx context.Context) (path string, err error) {
	app := s.focused()
	var rec Recorder
	var format clip.Format
	err = s.do(func() error {
		if !s.st.cfg.App.FirstRunDone {
			return errFirstRun
		}
		format = clip.Format(s.st.cfg.Clips.Screenshot)
		s.st.shots++ // a recorder is opened for it, or stays open for it
		if s.st.rec == nil {
			s.retryOpen()
		}
		return nil
	})
	if err == nil {
		err = s.wait(ctx, func() (bool, error) {
			switch {
			case s.st.openError != "":
				return true, errors.New(s.st.openError)
			case s.st.rec == nil || s.st.recBusy || s.st.rec.Status().Screen.State == "starting":
				return false, nil
			}
			rec = s.st.rec
			s.st.saving++
			return true, nil
		})
		s.post(func() { s.st.shots-- })
	}
	if err == nil {
		path, err = rec.Screenshot(ctx, app, format)
		s.post(func() { s.st.saving-- })
	}
	e := Event{Kind: Shot, Path: path}
	if err != nil {
		e = Event{Kind: ShotFailed, Text: Plain(err)}
	}
	s.post(func() { s.feed.event(e) })
	return path, err
}

// reconcileRecording starts a recording that is wanted and ends one that is not, or that ended by itself.
func (s *Session) reconcileRecording() {
	st := &s.st
	if st.toggling {
		return
	}
	if st.recording != nil {
		select {
		case <-st.recording.Done():
			st.recordOn = false
		default:
		}
	}
	switch {
	case st.recording == nil && st.recordOn && st.rec != nil && !st.recBusy:
		s.startRecording()
	case st.recording != nil && !st.recordOn:
		s.endRecording()
	}
}

func (s *Session) startRecording() {
	rec := s.st.rec
	s.st.toggling = true
	s.background(func() {
		r, err := rec.Record(s.focused())
		s.post(func() {
			s.st.toggling = false
			if err != nil {
				s.recordingFailed(err)
				return
			}
			s.st.recording = r
		})
	})
}

// recordingFailed turns off recording, if it was on.
func (s *Session) recordingFailed(err error) {
	if s.st.recordOn {
		s.st.recordOn, s.st.recordErr = false, Plain(err)
		s.feed.event(Event{Kind: RecordFailed, Text: Plain(err)})
	}
}

func (s *Session) endRecording() {
	r := s.st.recording
	s.st.toggling = true
	s.background(func() {
		c, err := r.Stop()
		s.post(func() {
			s.st.toggling, s.st.recording = false, nil
			if err != nil {
				s.st.recordErr = Plain(err)
				s.feed.event(Event{Kind: RecordFailed, Text: Plain(err), Path: c.Path})
				return
			}
			s.feed.event(Event{Kind: Recorded, Text: filepath.Base(c.Path), Path: c.Path})
		})
	})
}

func (st *state) recordingStatus() *RecordingStatus {
	if st.recording == nil {
		return nil
	}
	r := st.recording.Status()
	return &RecordingStatus{Path: r.Path, Seconds: r.Length.Seconds(), Bytes: r.Bytes, Dropped: r.Dropped}
}

// flushSaves lets saves that wait for what is to come be written with what is there.
func (st *state) flushSaves() {
	close(st.flush)
	st.flush = make(chan struct{})
}
