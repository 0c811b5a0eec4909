package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// Pinned is a stretch of the replay buffer that is kept for somebody else: for a viewer who asks for a clip of it,
// while the user decides. It is to be released.
type Pinned struct {
	s       *Session
	rec     Recorder
	length  time.Duration
	press   time.Duration // on the recorder's clock
	from    time.Duration // since when others have been sent it, on its line: viewers get nothing of before
	release func()
}

// ErrEncrypted is what Pin fails with while the share is encrypted from end to end.
var ErrEncrypted = errors.New("the share is end-to-end encrypted")

// errNotShared is for what others in the room are not sent.
var errNotShared = errors.New("the screen is not shared")

// Pin keeps the last seconds before a moment in the replay buffer, as far as they are there and were shared. The error
// is a message.
func (s *Session) Pin(seconds float64, at time.Time) (*Pinned, error) {
	var p *Pinned
	err := s.do(func() error {
		rec := s.st.capture.keeps()
		if rec == nil || !s.st.replayOn {
			return errNothing
		}
		switch {
		case s.st.share.pub == nil || !s.st.share.on || s.st.pubChanged():
			return errNotShared // or not anymore: leaving the room takes a moment
		case s.st.share.cfg.Encrypt:
			return ErrEncrypted
		}
		s.st.share.status = s.st.share.pub.Status() // as of now
		if s.st.share.shown(rec); !s.st.share.seen {
			return errNotShared
		}
		// More than the longest buffer is never there.
		length := min(time.Duration(seconds*float64(time.Second)), 2*capture.MaxReplay)
		p = &Pinned{s: s, rec: rec, length: length, press: rec.Now() - time.Since(at), from: s.st.share.from}
		p.release = sync.OnceFunc(rec.Pin(p.length, p.press))
		return nil
	})
	return p, err
}

// Release lets the buffer go on. It may be called twice.
func (p *Pinned) Release() { p.release() }

// Save writes the clip to the clip folder, called by a title in its header, and waits for it. The user is not told: it
// is none of the user's own clips.
func (p *Pinned) Save(ctx context.Context, title string) (clip.Clip, error) {
	s := p.s
	err := s.do(func() error {
		if s.st.capture.keeps() != p.rec || !s.st.replayOn {
			return errors.New("the replay buffer was turned off in the meantime")
		}
		s.st.saves.running++ // the recorder is not closed before it is done
		return nil
	})
	if err != nil {
		return clip.Clip{}, err
	}
	defer s.post(func() { s.st.saves.running-- })
	c, err := p.rec.Save(ctx, capture.SaveRequest{Length: p.length, Press: p.press, Title: title, Apart: true,
		NotBefore: p.from})
	if err != nil {
		return clip.Clip{}, err
	}
	s.log.Info("a clip was saved for a viewer", "path", c.Path, "seconds", c.Seconds, "bytes", c.Bytes)
	return c, nil
}
