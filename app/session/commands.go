package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// SetReplay turns the local buffer on or off. Turning it off discards what it held.
func (s *Session) SetReplay(on bool) error {
	return s.switchReplay(func(bool) bool { return on })
}

func (s *Session) switchReplay(to func(bool) bool) error {
	return s.do(func() error {
		on := to(s.st.replayOn) // the owner's: a second toggle sees the first
		s.st.replayOn = on
		if !on {
			s.st.flushSaves()
		}
		s.retryOpen()
		return nil
	})
}

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
		if s.st.rec != nil {
			s.st.asked++
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
		on := to(s.st.shareOn) // the owner's: a second press sees the first
		if on {
			if err := canShare(s.st.cfg); err != nil {
				return err
			}
			s.st.shareError, s.st.shareWait, s.st.shareAfter = "", 0, time.Time{}
		}
		s.st.shareOn, s.st.shareEnded = on, ""
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

func (s *Session) retryOpen() { s.st.openError, s.st.applyError, s.st.badCfg = "", "", nil }

// Source names one of the two sources of sound.
type Source string

// The sources of sound.
const (
	DesktopSound Source = "desktop"
	Microphone   Source = "mic"
)

// Mute silences a source or unmutes it; that is remembered across restarts.
func (s *Session) Mute(src Source, muted bool) error {
	return s.changeMute(src, func(bool) bool { return muted })
}

// ToggleMute is what the mute key does.
func (s *Session) ToggleMute(src Source) error {
	return s.changeMute(src, func(muted bool) bool { return !muted })
}

func (s *Session) changeMute(src Source, to func(bool) bool) error {
	if src != DesktopSound && src != Microphone {
		return fmt.Errorf("there is no audio source %q; use mic or desktop", src)
	}
	return s.change(func(c *config.Config) error {
		muted := &c.Sound.Microphone.Muted
		if src == DesktopSound {
			muted = &c.Sound.Desktop.Muted
		}
		*muted = to(*muted)
		return nil
	})
}

// Talk opens the microphone while the push-to-talk key is held. It does not wait. Without such a key it does nothing.
func (s *Session) Talk(held bool) { s.post(func() { s.st.talking = held }) }

// Change checks, puts to work and stores an edit of the settings as they are at that moment, so that what others
// changed in the meantime stays. The edit may run more than once and is not kept. An error leaves everything as it was,
// but for a file that could not be written: then the settings count until the end of this run. Settled says what the
// recorder made of it.
func (s *Session) Change(edit func(*config.Config)) error {
	if err := s.check(edit); err != nil {
		return err
	}
	return s.change(func(to *config.Config) error {
		c := to.Clone()
		edit(&c)
		if problems := c.Validate(); len(problems) > 0 {
			return problems[0]
		}
		s.retryOpen()
		s.st.shareWait, s.st.shareAfter = 0, time.Time{}
		if s.st.shareOn && canShare(c) != nil {
			s.st.shareOn = false
		}
		*to = c
		return nil
	})
}

// check says why an edit of the settings is refused.
func (s *Session) check(edit func(*config.Config)) error {
	before := s.Snapshot().Settings
	c := before.Clone()
	edit(&c)
	return Usable(before, c) // here and not in the owner, which a network folder must not hold up
}

// Usable checks settings that are to follow others. The error is a config.Problem or a SettingError.
func Usable(before, c config.Config) error {
	if problems := c.Validate(); len(problems) > 0 {
		return problems[0]
	}
	if folder := c.ClipFolder(); folder != before.ClipFolder() {
		if err := clip.CheckFolder(folder); err != nil {
			return &SettingError{"replay.folder", err}
		}
	}
	return nil
}

// TokenKey stands for the backend token in a SettingError; it is not in the settings file.
const TokenKey = "sharing.token"

// ChangeWithToken is Change with a new backend token; an empty one is removed. No share starts in between: the new
// token must not go to the server that was set before, nor the old one to a new server.
func (s *Session) ChangeWithToken(token string, edit func(*config.Config)) error {
	if err := s.check(edit); err != nil {
		return err
	}
	release, err := s.holdShares()
	if err != nil {
		return err
	}
	defer release()
	if err := s.secrets.Set(strings.TrimSpace(token)); err != nil {
		return &SettingError{TokenKey, err}
	}
	return s.Change(edit)
}

// SetToken stores a backend token for the server that is set; a share that is being retried uses it.
func (s *Session) SetToken(token string) error {
	return s.ChangeWithToken(token, func(*config.Config) {})
}

// holdShares keeps shares from starting until release is called, and gives up one that is just starting.
func (s *Session) holdShares() (release func(), err error) {
	err = s.do(func() error {
		s.st.shareHeld++
		if s.st.cancelShare != nil {
			s.st.cancelShare()
		}
		return nil
	})
	return func() {
		_ = s.do(func() error { // after Close nothing runs anymore
			s.st.shareHeld--
			s.st.shareWait, s.st.shareAfter = 0, time.Time{}
			return nil
		})
	}, err
}

// Apply is Change to a whole configuration, whatever the settings are now.
func (s *Session) Apply(c config.Config) error {
	return s.Change(func(to *config.Config) { *to = c.Clone() })
}

// Difference is the edit that makes to out of from. On other settings it changes only what differs between these two.
func Difference(from, to config.Config) func(*config.Config) {
	from, to = from.Clone(), to.Clone()
	return func(c *config.Config) {
		cloned := to.Clone()
		copyChanged(reflect.ValueOf(&from).Elem(), reflect.ValueOf(&cloned).Elem(), reflect.ValueOf(c).Elem())
	}
}

// copyChanged sets the fields in which from and to differ; a list is one field.
func copyChanged(from, to, into reflect.Value) {
	for i := range from.NumField() {
		f, t := from.Field(i), to.Field(i)
		switch {
		case f.Kind() == reflect.Struct:
			copyChanged(f, t, into.Field(i))
		case !reflect.DeepEqual(f.Interface(), t.Interface()):
			into.Field(i).Set(t)
		}
	}
}

// Settled waits until the recorder has taken the settings as they are, or refused them: then the error says why.
func (s *Session) Settled(ctx context.Context) error {
	return s.wait(ctx, func() (bool, error) {
		st := &s.st
		switch {
		case st.recBusy: // the owner has just compared what is wanted with what is there
			return false, nil
		case st.openError != "":
			return true, errors.New(st.openError)
		case st.applyError != "":
			return true, errors.New(st.applyError)
		case st.rec == nil:
			return true, nil
		}
		switch screen := st.rec.Status().Screen; screen.State {
		case "starting":
			return false, nil
		case "failed":
			return true, errors.New(screen.Error)
		}
		return true, nil
	})
}

// change edits the settings in the owner and writes them here, in the caller: a slow disk blocks no other caller, not
// even the next change, which is written after this one.
func (s *Session) change(edit func(*config.Config) error) error {
	err := s.do(func() error {
		if err := edit(&s.st.cfg); err != nil {
			return err
		}
		s.st.startup = nil // said once; new settings are whole
		c := s.st.cfg.Clone()
		s.newest.Store(&c)
		return nil
	})
	if err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.settings.Save(*s.newest.Load())
}

// SetAway sets whether the screen is locked and whether the machine is about to sleep.
func (s *Session) SetAway(locked, sleeping bool) {
	_ = s.do(func() error { // after Close nothing runs anymore
		s.st.locked, s.st.sleeping = locked, sleeping
		return nil
	})
}

// SetHotkeys sets the state of the hotkeys for snapshots.
func (s *Session) SetHotkeys(states []hotkey.State) {
	_ = s.do(func() error { // after Close it no longer matters
		s.st.hotkeys = append([]hotkey.State{}, states...)
		return nil
	})
}

// Meters asks for snapshots at the rate of level meters until stop is called.
func (s *Session) Meters() (stop func()) {
	change := func(n int) { _ = s.do(func() error { s.st.meters += n; return nil }) }
	change(1)
	return sync.OnceFunc(func() { change(-1) })
}
