package session

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/publish/api"
)

// serverWait is for the segment that holds the press to land, and the clip to be cut.
const serverWait = 10 * time.Minute

// errNothing is returned for a press while nothing runs.
var errNothing = errors.New("nothing is being captured: turn the replay buffer on first")

// errRecordingOnly is returned for a press while a recording runs without the replay.
var errRecordingOnly = errors.New("the replay buffer is off: turn it on to save clips; the recording is saved as a " +
	"file of its own")

// job is one save in progress. It belongs to its goroutines; the owner gets copies.
type job struct {
	record SaveRecord
	rec    Recorder      // nil: no local copy
	press  time.Duration // on the recorder's clock
	length time.Duration
	after  time.Duration
	flush  <-chan struct{}
	app    string
	name   string    // the template of files' names
	pub    Publisher // nil: no server copy
}

// Save makes a clip of the last seconds (0: the replay's length), ending at the moment of this call: locally at once,
// and on the server in the background while sharing. It waits for the local copy, or for the server to accept where
// there is no local one. The result holds what is known by then.
func (s *Session) Save(ctx context.Context, seconds float64) (SaveRecord, error) {
	return s.SaveAs(ctx, Ask{Seconds: seconds})
}

// Ask is what a save may want besides a length.
type Ask struct {
	// Seconds are the past, 0 the replay's length; All is everything that is buffered.
	Seconds float64
	All     bool
	// After are seconds still to come: the clip is written when they have passed, or with what is there when the replay
	// goes off before.
	After float64
}

// SaveAs is Save with more to ask for.
func (s *Session) SaveAs(ctx context.Context, a Ask) (SaveRecord, error) {
	return s.saveAt(ctx, a, time.Now())
}

func (s *Session) saveAt(ctx context.Context, a Ask, pressed time.Time) (SaveRecord, error) {
	result := make(chan SaveRecord, 1)
	app := s.focused()
	err := s.do(func() error {
		j, err := s.newJob(pressed, a)
		if err != nil {
			j.record.Local, j.record.LocalError = CopyFailed, Plain(err)
			told, last := j.record, j.record
			s.st.saves.last = &last
			s.feed.event(Event{Kind: LocalFailed, Text: told.LocalError, Save: &told})
			return err
		}
		j.app = app
		s.start(j, result)
		return nil
	})
	if err != nil {
		return SaveRecord{}, err
	}
	select {
	case r := <-result:
		if r.Local == CopyFailed {
			return r, errors.New(r.LocalError)
		}
		if r.Local == NoCopy && r.Server == CopyFailed {
			return r, errors.New(r.ServerError)
		}
		return r, nil
	case <-ctx.Done():
		return SaveRecord{}, ctx.Err()
	case <-s.ctx.Done():
		return SaveRecord{}, ErrClosed
	}
}

// Press is Save for a key: it does not wait, the result comes as an event.
func (s *Session) Press(seconds float64) { s.PressAs(Ask{Seconds: seconds}) }

// PressAs is SaveAs for a key.
func (s *Session) PressAs(a Ask) {
	pressed := time.Now()
	s.background(func() { _, _ = s.saveAt(s.ctx, a, pressed) }) // reported as an event
}

// focused is the name of the focused window's program, which files' names and headers say.
func (s *Session) focused() string {
	if s.app == nil {
		return ""
	}
	return s.app()
}

// newJob is a save with a record, also where an error says that there is nothing to save.
func (s *Session) newJob(pressed time.Time, a Ask) (*job, error) {
	st := &s.st
	seconds := a.Seconds
	if seconds <= 0 || a.All {
		seconds = float64(st.cfg.Replay.Seconds)
	}
	st.saves.nextID++
	j := &job{record: SaveRecord{ID: st.saves.nextID, PressedAt: pressed, Seconds: seconds + a.After, Local: NoCopy,
		Server: NoCopy}}
	j.length, j.flush, j.name = time.Duration(seconds*float64(time.Second)), st.saves.flush, st.cfg.Clips.Name
	if a.All {
		j.length = 2 * capture.MaxReplay // a little more than the length may be there
	}
	if a.After > 0 {
		j.after = time.Duration(a.After * float64(time.Second))
		j.record.DueAt = pressed.Add(j.after)
	}
	if rec := st.capture.keeps(); rec != nil && st.replayOn {
		// The command may have waited for the owner: the clip still ends at the press.
		j.rec, j.press, j.record.Local = rec, rec.Now()-time.Since(pressed), CopySaving
		if j.after > 0 {
			j.record.Local = CopyWaiting
		}
	}
	state := st.share.status.State
	if st.share.pub != nil && st.share.on && !st.share.cfg.Encrypt && (state == ShareLive || state == Reconnecting) {
		j.pub, j.record.Server = st.share.pub, CopySaving
		j.record.Backend, j.record.Room = st.share.cfg.BackendURL, st.share.cfg.Room
	}
	if j.rec == nil && j.pub == nil {
		switch {
		case !st.cfg.App.FirstRunDone:
			return j, errFirstRun
		case st.share.pub != nil && st.share.cfg.Encrypt:
			return j, errors.New("the replay is off, and the server does not record an end-to-end encrypted share; " +
				"turn on the replay")
		case st.capture.openError != "":
			return j, errors.New("nothing is being captured: " + st.capture.openError)
		case st.wantPackets() && st.capture.keeps() == nil:
			return j, errors.New("nothing is buffered yet: capture is starting")
		case st.record.file != nil:
			return j, errRecordingOnly
		}
		return j, errNothing
	}
	return j, nil
}

// start runs the two copies side by side; the recorder is not closed before the local one is done.
func (s *Session) start(j *job, result chan<- SaveRecord) {
	if j.rec != nil {
		s.st.saves.running++
	}
	first := j.record // the goroutines' own copy: the session keeps changing its own
	last := first
	s.st.saves.last = &last
	s.background(func() {
		accepted := make(chan SaveRecord, 1)
		if j.pub != nil {
			s.background(func() { s.saveServer(j, first, accepted) })
		}
		if j.rec == nil {
			result <- <-accepted
			return
		}
		result <- s.saveLocal(j)
	})
}

func (s *Session) saveLocal(j *job) SaveRecord {
	c, err := j.rec.Save(s.ctx, capture.SaveRequest{Length: j.length, Press: j.press, After: j.after, Flush: j.flush,
		App: j.app})
	r := j.record
	if err != nil {
		r.Local, r.LocalError = CopyFailed, Plain(err)
		s.log.Error("a clip could not be saved", "error", err)
	} else {
		r.Local, r.Clip = CopySaved, &c
		s.log.Info("a clip was saved", "path", c.Path, "seconds", c.Seconds, "bytes", c.Bytes, "ms", c.SaveMS)
	}
	s.post(func() {
		s.st.saves.running--
		s.note(r.ID, func(last *SaveRecord) { last.Local, last.Clip, last.LocalError = r.Local, r.Clip, r.LocalError })
		kind := LocalSaved
		if err != nil {
			kind = LocalFailed
		}
		s.feed.event(Event{Kind: kind, Text: r.LocalError, Save: &r})
	})
	return r
}

// saveServer asks for the server's copy and waits for it.
func (s *Session) saveServer(j *job, r SaveRecord, accepted chan<- SaveRecord) {
	pub, ends := j.pub, r.PressedAt
	if j.after > 0 {
		ends = j.wait()
		r.Seconds -= r.DueAt.Sub(ends).Seconds()
	}
	ctx, cancel := context.WithTimeout(s.ctx, serverWait)
	defer cancel()
	from := ends.Add(-time.Duration(r.Seconds * float64(time.Second)))
	id, err := pub.Save(ctx, r.Seconds, ends, j.title(r.Seconds), s.marksIn(from, ends)...)
	r.ClipID = id
	if err != nil {
		r.Server, r.ServerError = CopyFailed, Plain(err)
	}
	accepted <- r
	if err == nil {
		var c api.Clip
		c, err = pub.WaitClip(ctx, id)
		switch {
		case err != nil:
			r.Server, r.ServerError = CopyFailed, Plain(err)
		case c.State == api.ClipFailed:
			r.Server, r.ServerError = CopyFailed, Sentence(c.Reason)
		default:
			r.Server, r.ServerURL, r.ServerSeconds = CopySaved, c.URL, c.Seconds
		}
	}
	if s.ctx.Err() != nil {
		return // closing is not a failure to report
	}
	s.post(func() {
		s.note(r.ID, func(last *SaveRecord) {
			last.Server, last.ClipID, last.ServerURL = r.Server, r.ClipID, r.ServerURL
			last.ServerSeconds, last.ServerError = r.ServerSeconds, r.ServerError
		})
		kind := ServerSaved
		if r.Server == CopyFailed {
			kind = ServerFailed
			s.log.Error("the server did not save a clip", "error", r.ServerError)
		}
		s.feed.event(Event{Kind: kind, Text: r.ServerError, Save: &r})
	})
}

// title is what the file of the local copy is called where that name is free, so that both copies go by one name.
func (j *job) title(seconds float64) string {
	return api.FitTitle(clip.Name(j.name, j.app, j.record.PressedAt, time.Duration(seconds*float64(time.Second))))
}

// wait waits for the seconds after the press and returns when they ended: earlier when saves are flushed.
func (j *job) wait() time.Time {
	timer := time.NewTimer(time.Until(j.record.DueAt))
	defer timer.Stop()
	select {
	case <-timer.C:
		return j.record.DueAt
	case <-j.flush:
		return time.Now()
	}
}

// ClipMoved says that a clip has another path now.
func (s *Session) ClipMoved(from, to string) {
	_ = s.do(func() error { // after Close nobody looks anymore
		if last := s.st.saves.last; last != nil && last.Clip != nil && last.Clip.Path == from {
			moved := *last.Clip // snapshots have the one before
			moved.Path = to
			last.Clip = &moved
		}
		return nil
	})
}

// note changes the last save's record if it still is the one meant.
func (s *Session) note(id int, change func(*SaveRecord)) {
	if s.st.saves.last != nil && s.st.saves.last.ID == id {
		change(s.st.saves.last)
	}
}

// Sentence is an error's text for people: with a capital at its start and a full stop at its end, and words in the
// place of Go's and the system's texts.
func Sentence(text string) string {
	text = plainly(text)
	if text == "" {
		return ""
	}
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
