package session

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/publish/api"
)

const (
	localWait  = 2 * time.Minute  // a save to a very slow disk
	serverWait = 10 * time.Minute // the segment that holds the press has to land, and the clip to be cut
)

// errNothing is the answer to a press while nothing runs.
var errNothing = errors.New("nothing is being recorded: turn the replay on first")

// job is one save on its way. It belongs to its goroutines; the owner gets copies.
type job struct {
	record SaveRecord
	rec    Recorder      // nil: no local copy
	press  time.Duration // on the recorder's clock
	length time.Duration
	pub    Publisher // nil: no server copy
}

// Save makes a clip of the last seconds (0: the replay's length), ending at the moment of this call: locally at once,
// and on the server in the background while sharing. It waits for the local copy, or for the server to accept where
// there is no local one. The answer holds what is known by then.
func (s *Session) Save(ctx context.Context, seconds float64) (SaveRecord, error) {
	pressed := time.Now()
	result := make(chan SaveRecord, 1)
	err := s.do(func() error {
		j, err := s.newJob(pressed, seconds)
		if err != nil {
			s.feed.event(Event{Kind: LocalFailed, Text: Sentence(err.Error()), Save: &SaveRecord{PressedAt: pressed, Seconds: seconds, Local: "failed", LocalError: Sentence(err.Error()), Server: "off"}})
			return err
		}
		s.start(j, result)
		return nil
	})
	if err != nil {
		return SaveRecord{}, err
	}
	select {
	case r := <-result:
		if r.Local == "failed" {
			return r, errors.New(r.LocalError)
		}
		if r.Local == "off" && r.Server == "failed" {
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
func (s *Session) Press(seconds float64) {
	s.background(func() { _, _ = s.Save(s.ctx, seconds) }) // told as an event
}

func (s *Session) newJob(pressed time.Time, seconds float64) (*job, error) {
	st := &s.st
	if seconds <= 0 {
		seconds = float64(st.cfg.Replay.Seconds)
	}
	st.nextID++
	j := &job{record: SaveRecord{ID: st.nextID, PressedAt: pressed, Seconds: seconds, Local: "off", Server: "off"}}
	j.length = time.Duration(seconds * float64(time.Second))
	if st.rec != nil && st.replayOn {
		// The command may have waited for the owner: the clip still ends at the press.
		j.rec, j.press, j.record.Local = st.rec, st.rec.Now()-time.Since(pressed), "saving"
	}
	if st.pub != nil && st.shareOn && (st.share.State == "live" || st.share.State == "reconnecting") {
		j.pub, j.record.Server = st.pub, "saving"
	}
	if j.rec == nil && j.pub == nil {
		st.nextID--
		switch {
		case st.openError != "":
			return nil, errors.New("nothing is being recorded: " + st.openError)
		case st.wantRecorder() && st.rec == nil:
			return nil, errors.New("nothing is recorded yet: the recording is just starting")
		}
		return nil, errNothing
	}
	return j, nil
}

// start runs the two copies side by side; the recorder is not closed before the local one is done.
func (s *Session) start(j *job, result chan<- SaveRecord) {
	if j.rec != nil {
		s.st.saving++
	}
	first := j.record // the goroutines' own: the session goes on changing its copy
	last := first
	s.st.last = &last
	s.background(func() {
		accepted := make(chan SaveRecord, 1)
		if j.pub != nil {
			s.background(func() { s.saveServer(j.pub, first, accepted) })
		}
		if j.rec == nil {
			result <- <-accepted
			return
		}
		result <- s.saveLocal(j)
	})
}

func (s *Session) saveLocal(j *job) SaveRecord {
	ctx, cancel := context.WithTimeout(s.ctx, localWait)
	defer cancel()
	c, err := j.rec.Save(ctx, capture.SaveRequest{Length: j.length, Press: j.press})
	r := j.record
	if err != nil {
		r.Local, r.LocalError = "failed", Sentence(err.Error())
		s.log.Error("a clip could not be saved", "error", err)
	} else {
		r.Local, r.Clip = "saved", &c
		s.log.Info("a clip was saved", "path", c.Path, "seconds", c.Seconds, "bytes", c.Bytes, "ms", c.SaveMS)
	}
	s.post(func() {
		s.st.saving--
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
func (s *Session) saveServer(pub Publisher, r SaveRecord, accepted chan<- SaveRecord) {
	ctx, cancel := context.WithTimeout(s.ctx, serverWait)
	defer cancel()
	id, err := pub.Save(ctx, r.Seconds, r.PressedAt)
	r.ClipID = id
	if err != nil {
		r.Server, r.ServerError = "failed", Sentence(err.Error())
	}
	accepted <- r
	if err == nil {
		var c api.Clip
		c, err = pub.WaitClip(ctx, id)
		switch {
		case err != nil:
			r.Server, r.ServerError = "failed", Sentence(err.Error())
		case c.State == api.ClipFailed:
			r.Server, r.ServerError = "failed", Sentence(c.Reason)
		default:
			r.Server, r.ServerURL, r.ServerSeconds = "saved", c.URL, c.Seconds
		}
	}
	if s.ctx.Err() != nil {
		return // closing is no failure to tell
	}
	s.post(func() {
		s.note(r.ID, func(last *SaveRecord) {
			last.Server, last.ClipID, last.ServerURL = r.Server, r.ClipID, r.ServerURL
			last.ServerSeconds, last.ServerError = r.ServerSeconds, r.ServerError
		})
		kind := ServerSaved
		if r.Server == "failed" {
			kind = ServerFailed
			s.log.Error("the server did not save a clip", "error", r.ServerError)
		}
		s.feed.event(Event{Kind: kind, Text: r.ServerError, Save: &r})
	})
}

// note changes the last save's record if it still is the one meant.
func (s *Session) note(id int, change func(*SaveRecord)) {
	if s.st.last != nil && s.st.last.ID == id {
		change(s.st.last)
	}
}

// Sentence is an error's text for people: with a capital at its start and a full stop at its end.
func Sentence(text string) string {
	if text == "" {
		return ""
	}
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
