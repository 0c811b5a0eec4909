package session_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
)

// states is what came of each field.
func states(r config.Result) map[string]config.State {
	out := map[string]config.State{}
	for _, f := range r.Fields {
		out[f.Key] = f.State
	}
	return out
}

// saved is what the file holds.
func (b *bench) saved(t *testing.T) config.Config {
	t.Helper()
	_, c, problems := config.Open(b.dir)
	require.Empty(t, problems)
	return c
}

// What the recorder refuses is taken back and not saved, whatever else was asked for with it.
func TestTheRecorderRefusesOneOfSeveralSettings(t *testing.T) {
	b := start(t, nil)
	b.until(t, "replay", in(session.Buffering))
	b.engine.Refuse(func(c capture.Config) error {
		if c.Video.Encoder == "broken" {
			return errors.New("the encoder broken can't be opened")
		}
		return nil
	})
	b.engine.Unplug("webcam", "the audio device webcam can't be captured: it is gone")
	c := b.Snapshot().Settings
	c.Video.Encoder, c.Video.FrameRate, c.Sound.Microphone.Device = "broken", 60, "webcam"
	c.Replay.Seconds, c.App.Theme, c.Replay.AtLaunch = 90, "dark", false
	r := b.apply(t, c)
	require.False(t, r.OK())
	require.False(t, r.Invalid)
	require.Equal(t, map[string]config.State{
		"video.encoder": config.Refused, "sound.microphone.device": config.Refused, "video.frame_rate": config.Applied,
		"replay.seconds": config.Applied, "app.theme": config.Applied, "replay.at_launch": config.NextStart,
	}, states(r))
	f, _ := r.Of("video.encoder")
	require.Contains(t, f.Reason, "can't be opened")
	f, _ = r.Of("sound.microphone.device")
	require.Contains(t, f.Reason, "it is gone")
	now := b.engine.Recorder().Config()
	require.Equal(t, []any{"", 60, ""}, []any{now.Video.Encoder, now.Video.FrameRate, now.Mic.Device})
	for _, kept := range []config.Config{b.Snapshot().Settings, b.saved(t)} {
		require.Equal(t, []any{"", 60, "", 90, config.DarkTheme}, []any{kept.Video.Encoder, kept.Video.FrameRate,
			kept.Sound.Microphone.Device, kept.Replay.Seconds, kept.App.Theme})
	}
	require.Empty(t, b.Snapshot().Problems, "what was taken back is no trouble")
	require.Equal(t, 1, b.engine.Opened(), "the buffer was thrown away")
}

// A recorder that takes nothing anymore, not even what it worked with, is asked a few times only.
func TestARecorderThatTakesNothingAnymore(t *testing.T) {
	b := start(t, nil)
	b.until(t, "replay", in(session.Buffering))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var asked atomic.Int32
	b.engine.Refuse(func(capture.Config) error {
		if asked.Add(1) > 50 {
			stop()
		}
		return errors.New("the recorder is broken")
	})
	r := b.Apply(ctx, config.Edit(b.Snapshot().Settings, func(c *config.Config) {
		c.Video.FrameRate, c.Video.Height = 60, 720
	}))
	require.Equal(t, map[string]config.State{"video.frame_rate": config.Refused, "video.height": config.Refused},
		states(r))
	require.Less(t, asked.Load(), int32(10))
	require.Equal(t, 30, b.Snapshot().Settings.Video.FrameRate)
}

// One setting that is fine takes one step: the recorder is asked once.
func TestASettingIsAppliedOnce(t *testing.T) {
	b := start(t, nil)
	b.until(t, "replay", in(session.Buffering))
	before := b.engine.Recorder().Applied()
	c := b.Snapshot().Settings
	c.Video.FrameRate = 60
	require.True(t, b.apply(t, c).InUse())
	require.Equal(t, before+1, b.engine.Recorder().Applied())
}

// Nothing is said to be in use while capture is off, or does not work for another reason.
func TestSettingsWithoutCapture(t *testing.T) {
	b := start(t, func(c *config.Config) { c.Replay.AtLaunch = false })
	c := b.Snapshot().Settings
	c.Video.FrameRate, c.Clips.Poster = 60, true
	require.Equal(t, map[string]config.State{"video.frame_rate": config.AfterRestart, "clips.poster": config.Applied},
		states(b.apply(t, c)))
	require.Equal(t, 60, b.saved(t).Video.FrameRate)

	b.engine.FailRecord(errors.New("there is no screen"))
	require.NoError(t, b.SetReplay(true))
	b.until(t, "an error", in(session.Failed))
	c = b.Snapshot().Settings
	c.Video.FrameRate = 30
	r := b.apply(t, c)
	require.True(t, r.OK(), r.Text())
	f, _ := r.Of("video.frame_rate")
	require.Equal(t, config.AfterRestart, f.State)
	require.Contains(t, f.Reason, "no screen")
	require.Equal(t, 30, b.saved(t).Video.FrameRate)

	b.engine.FailRecord(nil)
	c.Video.FrameRate = 60
	require.True(t, b.apply(t, c).InUse(), "a setting has capture tried again")
}

// What takes too long is saved, and not said to be in use.
func TestCaptureThatTakesItsTime(t *testing.T) {
	b := start(t, nil)
	b.until(t, "replay", in(session.Buffering))
	waiting, release := b.engine.Recorder().HoldApply()
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		<-waiting
		stop()
	}()
	r := b.Apply(ctx, config.Edit(b.Snapshot().Settings, func(c *config.Config) { c.Video.FrameRate = 60 }))
	release()
	f, _ := r.Of("video.frame_rate")
	require.Equal(t, config.AfterRestart, f.State, r.Text())
	require.Equal(t, 60, b.saved(t).Video.FrameRate)
}

// A hotkey that another program holds is refused and the one before stays bound; on a desktop without any it is kept.
func TestHotkeysOfOtherPrograms(t *testing.T) {
	b := start(t, nil)
	var bound config.Hotkeys
	taken := map[string]bool{"Ctrl+F1": true}
	bind := keyboard(taken, &bound)
	b.BindHotkeys(bind)
	require.Equal(t, "Alt+F10", bound.Save)
	c := b.Snapshot().Settings
	c.Hotkeys.Save, c.Hotkeys.Mute = "ctrl+f1", "Ctrl+F2"
	r := b.apply(t, c)
	require.Equal(t, map[string]config.State{"hotkeys.save": config.Refused, "hotkeys.mute": config.Applied}, states(r))
	require.Equal(t, []string{"Alt+F10", "Ctrl+F2"}, []string{bound.Save, bound.Mute})
	require.Equal(t, []string{"Alt+F10", "Ctrl+F2"}, []string{b.saved(t).Hotkeys.Save, b.saved(t).Hotkeys.Mute})
	c = b.Snapshot().Settings
	c.Hotkeys.Saves = []config.SaveKey{{Keys: "Ctrl+F3", Seconds: 30}, {Keys: "Ctrl+F1", Seconds: 60}}
	require.Equal(t, map[string]config.State{"hotkeys.saves[1].keys": config.Refused}, states(b.apply(t, c)))
	require.Empty(t, b.saved(t).Hotkeys.Saves)

	taken["all"] = true
	b.BindHotkeys(bind)
	c = b.Snapshot().Settings
	c.Hotkeys.Save = "Ctrl+F4"
	r = b.apply(t, c)
	require.Equal(t, map[string]config.State{"hotkeys.save": config.NextStart}, states(r))
	require.Contains(t, r.Text(), "another program")
	require.Equal(t, "Ctrl+F4", b.saved(t).Hotkeys.Save)
}

// keyboard binds hotkeys where other programs hold some, or "all". It writes down what it was asked for last.
func keyboard(taken map[string]bool, bound *config.Hotkeys) func(config.Hotkeys) []hotkey.State {
	return func(h config.Hotkeys) []hotkey.State {
		*bound = h
		var out []hotkey.State
		for _, k := range h.Bound() {
			s := hotkey.State{Name: k.Key, Keys: k.Combo.String(), Active: true}
			if taken["all"] || taken[s.Keys] {
				s.Active, s.Taken, s.Error = false, true, "another program already uses it"
			}
			out = append(out, s)
		}
		return out
	}
}

// The only key that works is not given up for one that does not.
func TestTheOnlyHotkeyIsKept(t *testing.T) {
	b := start(t, func(c *config.Config) { c.Hotkeys = config.Hotkeys{Save: "Alt+F10"} })
	var bound config.Hotkeys
	b.BindHotkeys(keyboard(map[string]bool{"Ctrl+F1": true}, &bound))
	r := b.Apply(t.Context(), config.Edit(b.Snapshot().Settings, func(c *config.Config) { c.Hotkeys.Save = "Ctrl+F1" }))
	require.Equal(t, map[string]config.State{"hotkeys.save": config.Refused}, states(r))
	require.Equal(t, "Alt+F10", bound.Save)
	require.Equal(t, "Alt+F10", b.Snapshot().Settings.Hotkeys.Save)
}

// A key that another program holds is kept where the user wants it all the same, and only that one.
func TestAHeldHotkeyThatIsWanted(t *testing.T) {
	b := start(t, nil)
	var bound config.Hotkeys
	b.BindHotkeys(keyboard(map[string]bool{"Ctrl+F1": true, "Ctrl+F2": true}, &bound))
	p := config.Edit(b.Snapshot().Settings, func(c *config.Config) {
		c.Hotkeys.Save, c.Hotkeys.Mute = "ctrl+f1", "Ctrl+F2"
	})
	r := b.Apply(t.Context(), p.EvenIfHeld("Ctrl+F1"))
	require.Equal(t, map[string]config.State{"hotkeys.save": config.NextStart, "hotkeys.mute": config.Refused}, states(r))
	require.Contains(t, r.Text(), "another program")
	require.Equal(t, "ctrl+f1", bound.Save)
	require.Equal(t, "ctrl+f1", b.saved(t).Hotkeys.Save)
	require.NotEqual(t, "Ctrl+F2", b.saved(t).Hotkeys.Mute)
}

// A token that is set while sharing counts from the next start, and is not said to be in use before.
func TestATokenSetWhileSharing(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	b := start(t, share)
	b.until(t, "live", in(session.Live))
	r := b.Apply(t.Context(), config.Patch{}.WithToken("new"))
	require.Equal(t, map[string]config.State{config.TokenKey: config.AfterRestart}, states(r))
	require.Contains(t, r.Text(), "sharing.token is saved, but not in use yet: sharing keeps")
	require.NoError(t, b.SetShare(false))
	b.until(t, "off", func(s session.Snapshot) bool { return s.Share.State == session.ShareOff })
	require.True(t, b.Apply(t.Context(), config.Patch{}.WithToken("newer")).InUse())
	require.NoError(t, b.SetShare(true))
	b.until(t, "live again", in(session.Live))
	require.Equal(t, "newer", b.engine.Publisher().Config.UserToken)
	require.NoError(t, b.Apply(t.Context(), config.Patch{}.WithToken("")).Err(), "a token can be removed")
}

// What other parts of the app report is a problem for as long as it is true.
func TestReportsOfOtherParts(t *testing.T) {
	b := start(t, nil)
	b.Report("session bus", "The session bus ended.")
	b.until(t, "it is said", func(s session.Snapshot) bool {
		return len(s.Problems) == 1 && s.Problems[0] == "The session bus ended."
	})
	b.Report("session bus", "")
	b.until(t, "it is over", func(s session.Snapshot) bool { return len(s.Problems) == 0 })
}

// Settings that cannot be written count until the end, and that is said.
func TestAFileThatCannotBeWritten(t *testing.T) {
	b := start(t, nil)
	b.until(t, "replay", in(session.Buffering))
	require.NoError(t, os.RemoveAll(filepath.Join(b.dir, "config.toml")))
	require.NoError(t, os.MkdirAll(filepath.Join(b.dir, "config.toml", "in the way"), 0o700))
	r := b.Apply(t.Context(), config.Edit(b.Snapshot().Settings, func(c *config.Config) { c.Replay.Seconds = 90 }))
	require.False(t, r.OK())
	require.NotEmpty(t, r.Unsaved)
	require.Equal(t, map[string]config.State{"replay.seconds": config.Applied}, states(r))
	require.Equal(t, 90, b.Snapshot().Settings.Replay.Seconds)
}
