package session

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
)

// errFirstRun is returned for what would capture before the user has chosen to.
var errFirstRun = errors.New("hindsight isn't set up yet: open its window and choose Start, or run: hindsightctl " +
	"replay on")

// SetReplay turns the local buffer on or off. Turning it off discards what it held.
func (s *Session) SetReplay(on bool) error {
	return s.switchReplay(func(bool) bool { return on })
}

func (s *Session) switchReplay(to func(bool) bool) error {
	return s.do(func() error {
		on := to(s.st.replayOn) // the owner's: a second toggle sees the first
		if on && !s.st.cfg.App.FirstRunDone {
			return errFirstRun
		}
		s.st.away.turned(s.st.replayOn, on)
		s.st.replayOn = on
		if !on {
			s.st.flushSaves()
		}
		s.retryOpen()
		return nil
	})
}

// turned ends the user's pause where something is turned on that was off.
func (a *awayState) turned(was, on bool) { a.held = a.held && (was || !on) }

// ToggleReplay turns the local buffer on if it is off, and off if it is on.
func (s *Session) ToggleReplay() error {
	return s.switchReplay(func(on bool) bool { return !on })
}

// ChooseScreen forgets the screen chosen in the desktop's dialog and asks again, at once where the screen is captured.
func (s *Session) ChooseScreen() error {
	if err := os.Remove(config.ScreenToken()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the remembered screen can't be removed: %w", err)
	}
	return s.do(func() error {
		if s.st.capture.rec != nil {
			s.st.capture.asked++
		}
		s.retryOpen()
		return nil
	})
}

// SetShare starts or stops sharing. An error means that something is missing in the settings.
func (s *Session) SetShare(on bool) error {
	return s.switchShare(func(bool) bool { return on })
}

// ToggleShare is what the share key does.
func (s *Session) ToggleShare() error {
	return s.switchShare(func(on bool) bool { return !on })
}

func (s *Session) switchShare(to func(bool) bool) error {
	return s.do(func() error {
		on := to(s.st.share.on) // the owner's: a second press sees the first
		if on {
			if !s.st.cfg.App.FirstRunDone {
				return errFirstRun
			}
			if err := canShare(s.st.cfg); err != nil {
				return err
			}
			s.st.share.err, s.st.share.wait, s.st.share.after = "", 0, time.Time{}
		}
		s.st.away.turned(s.st.share.on, on)
		s.st.share.on, s.st.share.ended = on, ""
		if !on {
			s.st.share.over, s.st.share.muted = true, Muted{} // that ends a moderator's mute
		}
		s.retryOpen()
		return nil
	})
}

func canShare(c config.Config) error {
	switch {
	case c.Sharing.BackendURL == "":
		return errors.New("sharing needs a server: enter the server URL in Settings, Sharing")
	case strings.TrimSpace(c.Sharing.Room) == "":
		return errors.New("sharing needs a room: enter its name in Settings, Sharing")
	}
	return nil
}

func (s *Session) retryOpen() {
	s.st.capture.openError, s.st.capture.applyError, s.st.capture.refused = "", "", nil
}

// Mute silences a source or unmutes it; that is remembered across restarts.
func (s *Session) Mute(src Source, muted bool) error {
	return s.changeMute(src, func(bool) bool { return muted })
}

// ToggleMute is what the mute key does.
func (s *Session) ToggleMute(src Source) error {
	return s.changeMute(src, func(muted bool) bool { return !muted })
}

func (s *Session) changeMute(src Source, to func(bool) bool) error {
	if _, err := ParseSource(src.String()); err != nil {
		return err
	}
	err := s.do(func() error {
		p := config.Edit(s.st.cfg, func(c *config.Config) {
			muted := &c.Sound.Microphone.Muted
			if src == DesktopSound {
				muted = &c.Sound.Desktop.Muted
			}
			*muted = to(*muted) // the owner's: a second toggle sees the first
		})
		s.st.cfg = p.On(s.st.cfg)
		s.kept.put(p)
		return nil
	})
	if err != nil {
		return err
	}
	return s.save()
}

// SetPaused pauses capture, or goes on: what is buffered stays, a recording waits, and others see the last frame. It
// ends with the next switch that is turned on, so there is nothing to pause while all of them are off.
func (s *Session) SetPaused(on bool) error {
	return s.do(func() error {
		if on && !s.st.replayOn && !s.st.share.on && !s.st.record.on {
			return errors.New("there is nothing to pause: replay buffer, sharing and recording are off")
		}
		s.st.away.held = on
		return nil
	})
}

// Talk opens the microphone while the push-to-talk key is held. It does not wait. Without such a key it does nothing.
func (s *Session) Talk(held bool) { s.post(func() { s.st.keys.talking = held }) }

// SetAway sets whether the screen is locked and whether the machine is about to sleep.
func (s *Session) SetAway(locked, sleeping bool) {
	_ = s.do(func() error { // after Close nothing runs anymore
		s.st.away.locked, s.st.away.sleeping = locked, sleeping
		return nil
	})
}

// Report lists a message among the problems for as long as it is true: an empty one ends it. The part is its name in
// the log.
func (s *Session) Report(part, message string) {
	_ = s.do(func() error { // after Close nobody looks anymore
		s.st.reported.reports[part] = message
		return nil
	})
}

// SetHotkeys sets the state of the hotkeys for snapshots.
func (s *Session) SetHotkeys(states []hotkey.State) {
	_ = s.do(func() error { // after Close it no longer matters
		s.st.keys.states = append([]hotkey.State{}, states...)
		return nil
	})
}

// Preview opens all of capture for a look at it, without a buffer and without any file, until stop is called. Nothing
// but the levels leaves the recorder.
func (s *Session) Preview() (stop func()) {
	change := func(n int) { _ = s.do(func() error { s.st.previews += n; s.retryOpen(); return nil }) }
	change(1)
	return sync.OnceFunc(func() { change(-1) })
}

// Look returns a small copy of what capture sees at this moment, scaled down to fit into width and height in pixels. It
// is nil while nothing is captured, and while nothing has moved; with still it is then the replay's newest frame.
func (s *Session) Look(ctx context.Context, width, height int, still bool) image.Image {
	var rec Recorder
	_ = s.do(func() error { // after Close there is nothing to see
		if !s.st.paused() {
			rec = s.st.capture.rec
		}
		return nil
	})
	if rec == nil {
		return nil
	}
	return rec.Look(ctx, width, height, still)
}

// Levels opens the sources of sound for level meters until stop is called, and neither the screen nor an encoder of
// video. Nothing but the levels leaves the recorder.
func (s *Session) Levels() (stop func()) {
	change := func(n int) { _ = s.do(func() error { s.st.levels += n; s.retryOpen(); return nil }) }
	change(1)
	return sync.OnceFunc(func() { change(-1) })
}

// Meters asks for snapshots at the rate of level meters until stop is called.
func (s *Session) Meters() (stop func()) {
	change := func(n int) { _ = s.do(func() error { s.st.meters += n; return nil }) }
	change(1)
	return sync.OnceFunc(func() { change(-1) })
}
