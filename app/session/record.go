package session

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/api"
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
		s.st.away.turned(s.st.record.on, on)
		s.st.record.on, s.st.record.err = on, ""
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
		s.st.away.turned(s.st.record.on, !s.st.record.on)
		s.st.record.on, s.st.record.err = !s.st.record.on, ""
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
		case st.record.busy:
			return false, nil
		case st.record.err != "":
			return true, errors.New(st.record.err)
		}
		return st.record.on == (st.record.file != nil), nil
	})
}

// AwaitShare waits until sharing that was switched on is live, or has ended where it was switched off. The error says
// why not; sharing is tried again nevertheless.
func (s *Session) AwaitShare(ctx context.Context) error {
	return s.wait(ctx, func() (bool, error) {
		st := &s.st
		switch {
		case !st.share.on && st.share.ended != "":
			return true, errors.New(st.share.ended)
		case !st.share.on:
			return st.share.pub == nil && !st.share.busy, nil
		case st.capture.openError != "":
			return true, errors.New(st.capture.openError)
		case st.share.pub == nil && st.share.err != "":
			return true, errors.New(st.share.err)
		}
		return st.share.pub != nil && st.share.status.State == ShareLive, nil
	})
}

// maxMarks bounds the marks that are remembered for the server's clips.
const maxMarks = 1000

// marksIn are the marks between two moments, those without a text by their number.
func (s *Session) marksIn(from, to time.Time) (out []api.Mark) {
	_ = s.do(func() error { // after Close nobody looks anymore
		for _, m := range s.st.marks {
			if m.At.Before(from) || m.At.After(to) || len(out) == api.MaxMarks {
				continue
			}
			if m.Title = api.FitTitle(m.Title); m.Title == "" {
				m.Title = fmt.Sprintf("Mark %d", len(out)+1)
			}
			out = append(out, m)
		}
		return nil
	})
	return out
}

// Mark makes this moment a chapter of the clips and recordings that hold it. An empty text is numbered.
func (s *Session) Mark(text string) error {
	return s.do(func() error {
		rec := s.st.capture.keeps()
		if rec == nil {
			return errNothing
		}
		rec.Mark(text)
		s.st.marks = append(s.st.marks, api.Mark{At: time.Now(), Title: text})
		if extra := len(s.st.marks) - maxMarks; extra > 0 {
			s.st.marks = slices.Delete(s.st.marks, 0, extra)
		}
		s.feed.event(Event{Kind: Marked, Text: text})
		return nil
	})
}

// unseen is why there is no frame of this moment but only an older one; nil where there is one, or none at all yet.
func (st *state) unseen() error {
	switch st.pausedBy() {
	case "":
	case PausedByUser:
		return errors.New("capture is paused; resume it first")
	default:
		return errors.New("capture is paused while the screen is locked or the computer sleeps")
	}
	if rec := st.capture.rec; rec != nil {
		if screen := rec.Status().Screen; screen.Reason != "" {
			return fmt.Errorf("no screenshot could be taken: %s", screen.Error)
		}
	}
	return nil
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
		if err := s.st.unseen(); err != nil {
			return err
		}
		format = s.st.cfg.Clips.Screenshot
		s.st.capture.shots++ // a recorder is opened for it, or stays open for it
		if s.st.capture.rec == nil {
			s.retryOpen()
		}
		return nil
	})
	if err == nil {
		err = s.wait(ctx, func() (bool, error) {
			switch {
			case s.st.capture.openError != "":
				return true, errors.New(s.st.capture.openError)
			case s.st.capture.rec == nil || s.st.capture.busy || s.st.capture.rec.Status().Screen.State == media.Starting:
				return false, nil
			}
			if err := s.st.unseen(); err != nil {
				return true, err
			}
			rec = s.st.capture.rec
			s.st.saves.running++
			return true, nil
		})
		failed := err != nil
		s.post(func() {
			s.st.capture.shots--
			if failed && rec != nil { // ctx ended just when the recorder was there
				s.st.saves.running--
			}
		})
	}
	if err == nil {
		path, err = rec.Screenshot(ctx, app, format)
		s.post(func() { s.st.saves.running-- })
	}
	e := Event{Kind: Shot, Path: path}
	if err != nil {
		e = Event{Kind: ShotFailed, Text: Plain(err)}
	}
	s.post(func() {
		if c := s.st.capture.cfg; err == nil && c.ClipFallback != c.ClipFolder && filepath.Dir(path) == c.ClipFallback {
			e.Instead = c.ClipFolder + " cannot be used"
		}
		s.feed.event(e)
	})
	return path, err
}

// reconcileRecording starts a recording that is wanted and ends one that is not, or that ended by itself.
func (s *Session) reconcileRecording() {
	st := &s.st
	if st.record.busy {
		return
	}
	if st.record.file != nil {
		select {
		case <-st.record.file.Done():
			st.record.on = false
		default:
		}
	}
	switch {
	case st.record.file == nil && st.record.on && st.capture.rec != nil && !st.capture.busy:
		s.startRecording()
	case st.record.file != nil && !st.record.on:
		s.endRecording()
	}
}

func (s *Session) startRecording() {
	rec := s.st.capture.rec
	s.st.record.busy = true
	s.background(func() {
		r, err := rec.Record(s.focused())
		s.post(func() {
			s.st.record.busy = false
			if err != nil {
				s.recordingFailed(err)
				return
			}
			s.st.record.file = r
		})
	})
}

// recordingFailed turns off recording, if it was on.
func (s *Session) recordingFailed(err error) {
	if s.st.record.on {
		s.st.record.on, s.st.record.err = false, Plain(err)
		s.feed.event(Event{Kind: RecordFailed, Text: Plain(err)})
	}
}

func (s *Session) endRecording() {
	r := s.st.record.file
	s.st.record.busy = true
	s.background(func() {
		c, err := r.Stop()
		s.post(func() {
			s.st.record.busy, s.st.record.file = false, nil
			if err != nil {
				s.st.record.err = Plain(err)
				s.feed.event(Event{Kind: RecordFailed, Text: Plain(err), Path: c.Path})
				return
			}
			s.feed.event(Event{Kind: Recorded, Text: filepath.Base(c.Path), Path: c.Path, Instead: c.Instead})
		})
	})
}

func (st *state) recordingStatus() *RecordingStatus {
	if st.record.file == nil {
		return nil
	}
	r := st.record.file.Status()
	return &RecordingStatus{Path: r.Path, Seconds: r.Length.Seconds(), Bytes: r.Bytes, Dropped: r.Dropped}
}

// flushSaves lets saves that wait for what is to come be written with what is there.
func (st *state) flushSaves() {
	close(st.saves.flush)
	st.saves.flush = make(chan struct{})
}
