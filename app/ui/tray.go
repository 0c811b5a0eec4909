package ui

import (
	"fmt"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/systray"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/assets"
)

// tray is the icon and its menu. Fyne rebuilds the whole menu at each change, so it is set only when something in it
// did change.
type tray struct {
	u    *UI
	desk desktop.App
	key  trayKey
	icon string
}

// trayKey is all of a snapshot that the tray shows.
type trayKey struct {
	state         session.State
	replay, share bool
	record        bool
	seconds       float64
	shareState    session.ShareState
	room          string
	last          string
	mic, muted    bool
	theme         config.Theme
	paused, gone  bool
	canSave       bool
}

func keyOf(s session.Snapshot) trayKey {
	return trayKey{
		s.State, s.ReplayOn, s.ShareOn, s.RecordOn, s.ReplaySeconds, s.Share.State, s.Share.Room, lastLine(s.LastSave),
		s.Settings.Sound.Microphone.Enabled, s.Settings.Sound.Microphone.Muted, s.Settings.App.Theme, s.Paused,
		s.SourceGone, s.CanSave(),
	}
}

func newTray(u *UI) *tray {
	desk, _ := u.app.(desktop.App)
	t := &tray{u: u, desk: desk}
	if desk != nil {
		// Before Run, or Fyne never puts the icon on the bus.
		systray.SetOnTapped(u.Show)
		t.set(u.parts.Feed.Snapshot())
	}
	return t
}

func (t *tray) update(s session.Snapshot) {
	key := keyOf(s)
	if t.desk == nil || key == t.key {
		return
	}
	t.key = key
	t.set(s)
}

func (t *tray) set(s session.Snapshot) {
	t.desk.SetSystemTrayMenu(t.menu(s))
	if icon := trayIcon(s.State); icon != t.icon {
		t.icon = icon
		t.desk.SetSystemTrayIcon(fyne.NewStaticResource("tray-"+icon+".png", assets.TrayIcon(icon)))
	}
}

// trayIcon is the name of the icon for a state.
func trayIcon(s session.State) string {
	switch s {
	case session.Buffering, session.RecordingOnly:
		return "buffering"
	case session.Live:
		return "live"
	case session.Failed:
		return "error"
	}
	return "idle"
}

func (t *tray) menu(s session.Snapshot) *fyne.Menu {
	u := t.u
	status := fyne.NewMenuItem(stateWord(s), nil)
	status.Disabled = true
	save := fyne.NewMenuItem("Save replay", func() { u.parts.Commands.Press(0) })
	save.Disabled = !s.CanSave()
	share, replay, record := "Start sharing", "Turn replay buffer on", "Start recording"
	if s.RecordOn {
		record = "Stop recording"
	}
	if s.ShareOn {
		share = "Stop sharing"
	}
	if s.ReplayOn {
		replay = "Turn replay buffer off"
	}
	micMuted := s.Settings.Sound.Microphone.Muted
	mute := fyne.NewMenuItem("Mute microphone", func() {
		failed := failedTo(micMuted, "unmute", "mute") + " microphone"
		u.do(failed, func() error { return u.parts.Commands.Mute(session.Microphone, !micMuted) })
	})
	mute.Checked, mute.Disabled = micMuted, !s.Settings.Sound.Microphone.Enabled
	shot := fyne.NewMenuItem("Take screenshot", u.screenshot)
	items := []*fyne.MenuItem{status}
	if text := lastLine(s.LastSave); text != "" {
		items = append(items, fyne.NewMenuItem(text, func() {
			if s.LastSave.Clip == nil {
				u.show(pageHome) // it says more
				return
			}
			u.do("Couldn't play clip", func() error { return u.parts.Open(s.LastSave.Clip.Path) })
		}))
	}
	return fyne.NewMenu("Hindsight", append(items,
		fyne.NewMenuItemSeparator(),
		save,
		fyne.NewMenuItem(record, func() {
			u.do(failedTo(s.RecordOn, "stop", "start")+" recording",
				func() error { return u.parts.Commands.SetRecord(!s.RecordOn) })
		}),
		shot,
		fyne.NewMenuItem(replay, func() {
			u.do(failedTo(s.ReplayOn, "turn off", "turn on")+" replay buffer",
				func() error { return u.parts.Commands.SetReplay(!s.ReplayOn) })
		}),
		fyne.NewMenuItem(share, func() {
			u.do(failedTo(s.ShareOn, "stop", "start")+" sharing", func() error { return u.parts.Commands.SetShare(!s.ShareOn) })
		}),
		mute,
		fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem("Open Hindsight", func() { u.show(pageHome) }),
		fyne.NewMenuItem("Clips", func() { u.show(pageClips) }),
		fyne.NewMenuItem("Settings", func() { u.show(pageSettings) }),
		fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem("Quit", u.app.Quit),
	)...)
}

// lastLine says what became of the last press, for those who see no notifications.
func lastLine(r *session.SaveRecord) string {
	if r == nil {
		return ""
	}
	at := r.PressedAt.Format(time.TimeOnly)
	switch {
	case r.Clip != nil:
		return "Play last clip (" + at + ")"
	case r.Local == "failed", r.Local == "off" && r.Server != "saving" && r.Server != "saved":
		return "Last clip not saved (" + at + ")"
	case r.Local == "off" && r.Server == "saved":
		return "Last clip saved on server (" + at + ")"
	}
	return "Saving clip (" + at + ")…"
}

// failedTo is the title of an error of a switch that was on or off.
func failedTo(on bool, off, begin string) string {
	if on {
		return "Couldn't " + off
	}
	return "Couldn't " + begin
}

// stateWord is the state in a few words.
func stateWord(s session.Snapshot) string {
	if s.Paused {
		return "Paused (screen locked)"
	}
	if s.SourceGone && (s.State == session.Buffering || s.State == session.RecordingOnly) {
		return "Waiting for the captured window"
	}
	switch s.State {
	case session.Starting:
		return "Starting…"
	case session.RecordingOnly:
		return "Recording"
	case session.Buffering:
		return fmt.Sprintf("Replay buffer on (%s)", span(s.ReplaySeconds))
	case session.Live:
		if s.Share.State == "reconnecting" {
			return "Reconnecting…"
		}
		return "Live in " + s.Share.Room
	case session.Failed:
		return "Attention needed"
	case session.Stopping:
		return "Stopping…"
	}
	return "Off"
}
