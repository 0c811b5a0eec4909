package session

import (
	"cmp"
	"context"
	"reflect"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/capture"
)

// closeWait bounds how long leaving the room may take.
const closeWait = 10 * time.Second

// paused is whether nothing is to be captured for now.
func (st *state) paused() bool {
	return st.held || st.sleeping || st.locked && st.cfg.Replay.WhenLocked == config.PauseLocked
}

func (st *state) wantRecorder() bool { return st.wantPackets() || st.previews > 0 && !st.closing }

// wantPackets is whether anything is kept or sent of what is captured.
func (st *state) wantPackets() bool {
	return (st.replayOn || st.shareOn || st.recordOn || st.shots > 0) && st.cfg.App.FirstRunDone
}

// micClosed is whether the microphone waits for its push-to-talk key.
func (st *state) micClosed() bool { return st.cfg.Hotkeys.Talk != "" && !st.talking }

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
	if st.recBusy {
		return
	}
	want := st.cfg.Capture(st.replayOn)
	want.Log = s.log
	want.Video.Asked = st.asked
	want.Paused = st.paused()
	want.Sharing = st.shareOn || st.pub != nil || st.pubBusy
	want.Mutes, want.Desktop.Muted, want.Mic.Muted = &s.mutes, false, false
	switch {
	case st.rec == nil && st.wantRecorder() && st.openError == "":
		s.openRecorder(want)
	case st.rec != nil && !st.wantRecorder():
		// The share reads from the recorder and saves write from it: both end first.
		if st.pub == nil && !st.pubBusy && st.saving == 0 && st.recording == nil && !st.toggling {
			s.closeRecorder()
		}
	case st.rec != nil && want.Replay == 0 && st.saving > 0:
		// The buffer is not emptied under a save.
	case st.rec != nil && (st.recUnsure || !reflect.DeepEqual(want, st.recCfg)) && (st.badCfg == nil ||
		!reflect.DeepEqual(want, *st.badCfg)):
		s.applyRecorder(want)
	}
}

func (s *Session) openRecorder(cfg capture.Config) {
	s.st.recBusy = true
	s.background(func() {
		rec, err := s.engine.Record(s.ctx, cfg)
		s.post(func() {
			s.st.recBusy = false
			if err != nil {
				s.st.openError = err.Error()
				s.recordingFailed(err)
				return
			}
			s.st.rec, s.st.recCfg, s.st.badCfg, s.st.applyError, s.st.recUnsure = rec, cfg, nil, "", false
		})
	})
}

func (s *Session) applyRecorder(cfg capture.Config) {
	rec := s.st.rec
	s.st.recBusy = true
	s.background(func() {
		err := rec.Apply(cfg)
		s.post(func() {
			s.st.recBusy = false
			if err != nil {
				s.st.applyError, s.st.badCfg, s.st.recUnsure = err.Error(), &cfg, true
				return
			}
			s.st.recCfg, s.st.badCfg, s.st.applyError, s.st.recUnsure = cfg, nil, "", false
		})
	})
}

func (s *Session) closeRecorder() {
	rec := s.st.rec
	s.st.recBusy = true
	s.background(func() {
		err := rec.Close()
		s.post(func() {
			s.st.recBusy, s.st.rec, s.st.status = false, nil, capture.Status{}
			if err != nil {
				s.log.Warn("capture did not end cleanly", "error", err)
			}
		})
	})
}

func (s *Session) reconcileShare() {
	st := &s.st
	if !st.shareOn && st.cancelShare != nil {
		st.cancelShare() // an attempt in progress ends early
	}
	if st.pubBusy {
		return
	}
	switch {
	case st.pub != nil && (!st.shareOn || st.pubChanged()):
		s.closeShare(false)
	case st.pub != nil && st.share.State == "failed":
		// It was ended by a moderator or by closing the room: only the user may share again.
		st.shareOn, st.shareEnded = false, cmp.Or(st.share.Error, "The room ended sharing.")
		s.closeShare(true)
	case st.pub == nil && st.shareOn && st.shareHeld == 0 && st.rec != nil && !st.recBusy &&
		!time.Now().Before(st.shareAfter):
		s.openShare()
	}
}

// pubChanged is whether backend, room or the kind of stream are others than those published. A new token counts from
// the next start.
func (st *state) pubChanged() bool {
	return st.pubCfg.BackendURL != st.cfg.Sharing.BackendURL || st.pubCfg.AllowHTTP != st.cfg.Sharing.AllowHTTP ||
		st.pubCfg.Room != st.cfg.Sharing.Room ||
		st.pubCfg.LowLayer != (st.cfg.Sharing.StreamQuality == config.LowerQuality)
}

func (s *Session) openShare() {
	st := &s.st
	rec := st.rec
	cfg := ShareConfig{BackendURL: st.cfg.Sharing.BackendURL, AllowHTTP: st.cfg.Sharing.AllowHTTP,
		Room:     st.cfg.Sharing.Room,
		LowLayer: st.cfg.Sharing.StreamQuality == config.LowerQuality}
	ctx, cancel := context.WithCancel(s.ctx)
	st.pubBusy, st.cancelShare = true, cancel
	s.background(func() {
		pub, err := s.startShare(ctx, rec, &cfg)
		s.post(func() {
			givenUp := ctx.Err() != nil
			cancel()
			st.pubBusy, st.cancelShare = false, nil
			if err != nil {
				if st.shareOn && !givenUp {
					s.shareFailed(err.Error())
				}
				return
			}
			st.pub, st.pubCfg, st.share = pub, cfg, ShareStatus{}
			st.shareError, st.shareWait = "", 0
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
	return s.engine.Share(ctx, rec, *cfg)
}

// shareFailed notes the reason and when to try again.
func (s *Session) shareFailed(reason string) {
	st := &s.st
	if reason == "" {
		reason = "Sharing stopped for an unknown reason. Retrying…"
	}
	st.shareError = reason
	st.shareWait = min(max(2*st.shareWait, firstWait), longWait)
	st.shareAfter = time.Now().Add(st.shareWait)
}

func (s *Session) closeShare(keepError bool) {
	st := &s.st
	pub := st.pub
	st.pubBusy = true
	s.background(func() {
		ctx, cancel := context.WithTimeout(s.ctx, closeWait)
		defer cancel()
		err := pub.Close(ctx)
		s.post(func() {
			st.pubBusy, st.pub, st.share = false, nil, ShareStatus{}
			if !keepError {
				st.shareError, st.shareWait, st.shareAfter = "", 0, time.Time{}
			}
			if err != nil {
				s.log.Warn("sharing did not end cleanly", "error", err)
			}
		})
	})
}

// background runs f in a goroutine that Close waits for.
func (s *Session) background(f func()) { s.work.Go(f) }
