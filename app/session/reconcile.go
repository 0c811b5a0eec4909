package session

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/capture"
)

// closeWait bounds how long leaving the room may take.
const closeWait = 10 * time.Second

// paused is whether nothing is to be captured for now.
func (st *state) paused() bool { return st.pausedBy() != "" }

// pausedBy is why, empty where capture goes on.
func (st *state) pausedBy() Pauser {
	switch {
	case st.away.held:
		return PausedByUser
	case st.away.sleeping:
		return PausedAsleep
	case st.away.locked && st.cfg.Replay.WhenLocked == config.PauseLocked:
		return PausedLocked
	}
	return ""
}

func (st *state) wantRecorder() bool {
	return st.wantPackets() || (st.previews > 0 || st.levels > 0) && !st.closing
}

// wantPackets is whether anything is kept or sent of what is captured.
func (st *state) wantPackets() bool {
	return (st.replayOn || st.share.on || st.record.on || st.capture.shots > 0) && st.cfg.App.FirstRunDone
}

// micClosed is whether the microphone waits for its push-to-talk key.
func (st *state) micClosed() bool { return st.cfg.Hotkeys.Talk != "" && !st.keys.talking }

// reconcile starts what is missing and ends what is too much. It runs in the owner after everything that happens.
func (s *Session) reconcile() {
	s.mute()
	s.reconcileRecorder()
	s.reconcileRecording()
	s.reconcileShare()
}

// mute brings the switches to what is wanted now. They act on the recorder at once: an Apply may take seconds.
func (s *Session) mute() {
	st := &s.st
	s.mutes.Set(st.cfg.Sound.Desktop.Muted, st.cfg.Sound.Microphone.Muted || st.micClosed())
	s.mutes.Pause(st.paused())
}

func (s *Session) reconcileRecorder() {
	st := &s.st
	if st.capture.busy {
		return
	}
	want := st.cfg.Capture(st.replayOn)
	want.Log = s.log
	want.Video.Asked = st.capture.asked
	want.Paused, want.SoundOnly = st.paused(), !st.wantPackets() && st.previews == 0
	want.Sharing = st.share.on || st.share.pub != nil || st.share.busy
	if s.place != nil {
		p := s.place(want.ClipFolder)
		want.ClipMount, want.ClipFallback = p.Mount, p.Fallback
	}
	want.Mutes, want.Desktop.Muted, want.Mic.Muted = &s.mutes, false, false
	switch {
	case st.capture.rec == nil && st.wantRecorder() && st.capture.openError == "":
		s.openRecorder(want)
	case st.capture.rec != nil && (!st.wantRecorder() || want.SoundOnly != st.capture.cfg.SoundOnly):
		// One for sound alone and one for everything take turns: nothing of one is of use to the other. The share reads
		// from the recorder and saves write from it: both end first.
		if st.share.pub == nil && !st.share.busy && st.saves.running == 0 && st.record.file == nil && !st.record.busy {
			s.closeRecorder()
		}
	case st.capture.rec != nil && want.Replay == 0 && st.saves.running > 0:
		// The buffer is not emptied under a save.
	case st.capture.rec != nil && st.capture.needs(want):
		s.applyRecorder(want)
	}
}

// needs is whether an open recorder has to be given this configuration.
func (c *captureState) needs(want capture.Config) bool {
	if c.refused != nil && reflect.DeepEqual(want, *c.refused) {
		return false
	}
	return c.unsure || !reflect.DeepEqual(want, c.cfg)
}

// took notes what the recorder works with.
func (c *captureState) took(rec Recorder, cfg capture.Config) {
	c.rec, c.cfg, c.refused, c.applyError, c.unsure = rec, cfg, nil, "", false
}

func (s *Session) openRecorder(cfg capture.Config) {
	s.st.capture.busy = true
	s.background(func() {
		rec, err := s.engine.Record(s.ctx, cfg)
		s.post(func() {
			s.st.capture.busy = false
			if err != nil {
				s.st.capture.openError = err.Error()
				s.recordingFailed(err)
				return
			}
			s.st.capture.took(rec, cfg)
		})
	})
}

func (s *Session) applyRecorder(cfg capture.Config) {
	rec := s.st.capture.rec
	s.st.capture.busy = true
	s.background(func() {
		err := rec.Apply(cfg)
		s.post(func() {
			s.st.capture.busy = false
			if err != nil {
				s.st.capture.applyError, s.st.capture.refused, s.st.capture.unsure = err.Error(), &cfg, true
				return
			}
			s.st.capture.took(rec, cfg)
		})
	})
}

func (s *Session) closeRecorder() {
	rec := s.st.capture.rec
	s.st.capture.busy = true
	s.background(func() {
		err := rec.Close()
		s.post(func() {
			s.st.capture.busy, s.st.capture.rec, s.st.capture.status = false, nil, capture.Status{}
			if err != nil {
				s.log.Warn("capture did not end cleanly", "error", err)
			}
		})
	})
}

func (s *Session) reconcileShare() {
	st := &s.st
	if st.share.cancel != nil && (!st.share.on || st.share.tried.differs(st.cfg.Sharing)) {
		st.share.cancel() // an attempt in progress ends early
	}
	if st.share.busy {
		return
	}
	if st.share.idle() {
		st.share.over = false
	}
	switch {
	case st.share.pub != nil && (!st.goesOn() || st.pubChanged()):
		s.closeShare(false)
	case st.share.replay != nil && !st.goesOn():
		s.endReplay()
	case st.share.pub != nil && st.share.status.State == ShareFailed:
		// It was ended by a moderator or by closing the room: only the user may share again.
		st.share.on, st.share.ended = false, cmp.Or(st.share.status.Error, "The room ended sharing.")
		s.closeShare(true)
	case st.share.pub == nil && st.share.on && st.share.held == 0 && st.capture.rec != nil && !st.capture.busy &&
		!time.Now().Before(st.share.after):
		s.openShare()
	}
}

// goesOn is whether what is shared next is the same share, with the same replay on the server and the same links to it.
// It ends with the switch, and where others than before could see it.
func (st *state) goesOn() bool {
	c := st.cfg.Sharing
	return st.share.on && !st.share.over && st.share.cfg.BackendURL == c.BackendURL && st.share.cfg.Room == c.Room &&
		st.share.cfg.Encrypt == c.Encrypt
}

// pubChanged is whether backend, room or the kind of stream are others than those published. A new token counts from
// the next start.
func (st *state) pubChanged() bool {
	return st.share.stale || st.share.cfg.differs(st.cfg.Sharing)
}

// differs is whether it is not what the settings say now.
func (c ShareConfig) differs(now config.Sharing) bool {
	return c.BackendURL != now.BackendURL || c.AllowHTTP != now.AllowHTTP || c.Room != now.Room ||
		c.Encrypt != now.Encrypt || c.Quality != now.StreamQuality
}

func (s *Session) openShare() {
	st := &s.st
	rec := st.capture.rec
	if !st.goesOn() {
		st.share.muted = Muted{} // it is another share
	}
	cfg := ShareConfig{BackendURL: st.cfg.Sharing.BackendURL, AllowHTTP: st.cfg.Sharing.AllowHTTP,
		Room: st.cfg.Sharing.Room, Quality: st.cfg.Sharing.StreamQuality, Encrypt: st.cfg.Sharing.Encrypt,
		Muted: st.share.muted, Continue: st.share.replay}
	ctx, cancel := context.WithCancel(s.ctx)
	st.share.busy, st.share.cancel, st.share.tried = true, cancel, cfg
	s.background(func() {
		pub, err := s.startShare(ctx, rec, &cfg)
		s.post(func() {
			givenUp := ctx.Err() != nil
			cancel()
			st.share.busy, st.share.cancel = false, nil
			if err != nil {
				if st.share.on && !givenUp {
					s.shareFailed(err.Error())
				}
				return
			}
			if cfg.Continue == nil {
				st.share.seen = false
			}
			cfg.Continue, st.share.muted = nil, Muted{}
			st.share.pub, st.share.cfg, st.share.replay = pub, cfg, nil
			st.share.status = ShareStatus{Muted: cfg.Muted}
			st.share.err, st.share.wait = "", 0
		})
	})
}

func (s *Session) startShare(ctx context.Context, rec Recorder, cfg *ShareConfig) (Publisher, error) {
	token, err := s.secrets.For(cfg.BackendURL)
	if err == nil {
		err = ctx.Err() // the token may be that of another server by now
	}
	if err != nil {
		return nil, err
	}
	cfg.UserToken = token
	if cfg.Encrypt {
		if cfg.Passphrase, err = s.secrets.Passphrase(); err != nil {
			return nil, err
		}
		if cfg.Passphrase == "" {
			return nil, errNoPassphrase
		}
	}
	return s.engine.Share(ctx, rec, *cfg)
}

// errNoPassphrase keeps a share that is to be encrypted from being in plain.
var errNoPassphrase = errors.New("end-to-end encryption needs a passphrase; enter one in Settings, Sharing")

// shareFailed notes the reason and when to try again.
func (s *Session) shareFailed(reason string) {
	st := &s.st
	if reason == "" {
		reason = "Sharing stopped for an unknown reason. Retrying…"
	}
	st.share.err = reason
	st.share.wait = min(max(2*st.share.wait, firstWait), longWait)
	st.share.after = time.Now().Add(st.share.wait)
}

func (s *Session) closeShare(keepError bool) {
	st := &s.st
	pub, goesOn := st.share.pub, st.goesOn()
	st.share.muted = Muted{}
	if goesOn {
		st.share.muted = st.share.status.Muted
	}
	pub.Silence() // from here on nothing is in plain that is to be encrypted, or in a room that was left
	st.share.busy = true
	s.background(func() {
		ctx, cancel := context.WithTimeout(s.ctx, closeWait)
		defer cancel()
		var left Replay
		var err error
		if goesOn {
			left, err = pub.Leave(ctx)
		} else {
			err = pub.Close(ctx)
		}
		s.post(func() {
			st.share.busy, st.share.pub, st.share.status, st.share.stale = false, nil, ShareStatus{}, false
			st.share.replay = left
			if !keepError {
				st.share.err, st.share.wait, st.share.after = "", 0, time.Time{}
			}
			if err != nil {
				s.log.Warn("sharing did not end cleanly", "error", err)
			}
		})
	})
}

// endReplay ends what no publisher goes on with.
func (s *Session) endReplay() {
	st := &s.st
	replay := st.share.replay
	st.share.busy = true
	s.background(func() {
		ctx, cancel := context.WithTimeout(s.ctx, closeWait)
		defer cancel()
		err := replay.End(ctx)
		s.post(func() {
			st.share.busy, st.share.replay = false, nil
			if err != nil {
				s.log.Warn("the server's replay was not ended; it ends by itself", "error", err)
			}
		})
	})
}

// background runs f in a goroutine that Close waits for.
func (s *Session) background(f func()) { s.work.Go(f) }
