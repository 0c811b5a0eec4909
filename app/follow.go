package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hindsight-app/hindsight/app/atomicfile"
	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/desktop/autostart"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/assets"
	"github.com/hindsight-app/hindsight/capture"
)

// followHotkeys takes the keys of the settings, and tells the session when one stops working or works again, until the
// session ends.
func (a *App) followHotkeys() {
	a.session.BindHotkeys(func(h config.Hotkeys) []hotkey.State { return a.hotkeys.Set(a.wants(h)) })
	for {
		select {
		case <-a.session.Done():
			return
		case <-a.hotkeys.Changed():
			a.session.SetHotkeys(a.hotkeys.States())
		}
	}
}

// startLogin keeps the file that starts Hindsight at login as the settings want it.
func (a *App) startLogin() {
	a.loginTurn.Lock()
	defer a.loginTurn.Unlock()
	var edited *autostart.EditedError
	// An edited file counts, which is nothing new.
	if err := a.login.Set(a.settings().StartAtLogin); err != nil && !errors.As(err, &edited) {
		a.log.Warn("start at login could not be changed", "error", err)
		a.notify(desktop.Notification{Title: "Couldn't change start at login", Body: session.Plain(err), Urgent: true})
	}
}

// changeLogin is session.Options.Login.
func (a *App) changeLogin(on bool) (note string, err error) {
	a.loginTurn.Lock()
	defer a.loginTurn.Unlock()
	var edited *autostart.EditedError
	if err := a.login.Set(on); errors.As(err, &edited) {
		return err.Error(), nil
	} else if err != nil {
		return "", err
	}
	return "", nil
}

func (a *App) wants(h config.Hotkeys) []hotkey.Want {
	wants := []hotkey.Want{
		{Name: hotkey.SaveName, Purpose: "Save replay", Keys: h.Save, Press: func() { a.session.Press(0) }},
		{Name: hotkey.ShareName, Purpose: "Start or stop sharing", Keys: h.Share, Press: a.toggleShare},
		{Name: hotkey.MuteName, Purpose: "Mute microphone", Keys: h.Mute, Press: a.toggleMute},
		{Name: hotkey.TalkName, Purpose: "Push-to-talk", Keys: h.Talk, Talk: true,
			Press:   func() { a.session.Talk(true) },
			Release: func() { a.session.Talk(false) }},
	}
	wants = append(wants,
		hotkey.Want{Name: hotkey.RecordName, Purpose: "Start or stop recording", Keys: h.Record,
			Press: a.logged("a recording could not be switched", a.session.ToggleRecord)},
		hotkey.Want{Name: hotkey.MarkName, Purpose: "Add marker", Keys: h.Mark,
			Press: a.logged("a moment could not be marked", func() error { return a.session.Mark("") })},
		hotkey.Want{Name: hotkey.ScreenshotName, Purpose: "Take screenshot", Keys: h.Screenshot,
			Press: a.logged("a screenshot was not saved", a.screenshot)},
	)
	for _, k := range h.Saves {
		ask := session.Ask{Seconds: float64(k.Seconds), All: k.Seconds == 0, After: float64(k.After)}
		wants = append(wants, hotkey.Want{
			Name: fmt.Sprintf("save-%d-%d-%s", k.Seconds, k.After, k.Keys), Purpose: purpose(k),
			Keys: k.Keys, Press: func() { a.session.PressAs(ask) },
		})
	}
	return wants
}

// purpose says what a key saves.
func purpose(k config.SaveKey) string {
	text := "Save the whole buffer"
	if k.Seconds > 0 {
		text = fmt.Sprintf("Save the last %d seconds", k.Seconds)
	}
	if k.After > 0 {
		text += fmt.Sprintf(" and the next %d", k.After)
	}
	return text
}

// logged runs a command beside the key's goroutine, which must not wait.
func (a *App) logged(failed string, command func() error) func() {
	return func() {
		a.tasks.Go(func() {
			if err := command(); err != nil {
				a.log.Warn(failed, "error", err)
			}
		})
	}
}

// screenshotWait bounds what a screenshot may take.
const screenshotWait = 10 * time.Second

// a screenshot is reported as an event.
func (a *App) screenshot() error {
	ctx, cancel := context.WithTimeout(context.Background(), screenshotWait)
	defer cancel()
	_, err := a.session.Screenshot(ctx)
	return err
}

// toggleShare must not wait in the key's goroutine.
func (a *App) toggleShare() {
	a.tasks.Go(func() {
		if err := a.session.ToggleShare(); err != nil {
			a.log.Warn("sharing could not be switched", "error", err)
			a.notify(desktop.Notification{Title: "Couldn't start sharing", Body: session.Plain(err), Urgent: true})
		}
	})
}

// toggleMute must not wait in the key's goroutine either: it writes the settings.
func (a *App) toggleMute() {
	a.tasks.Go(func() {
		if err := a.session.ToggleMute(session.Microphone); err != nil {
			a.log.Warn("the microphone could not be muted", "error", err)
		}
	})
}

// followEvents tells the user what happened until the session ends.
func (a *App) followEvents() {
	events, stop := a.session.Events()
	defer stop()
	copies := links.Pairs{}
	for e := range events {
		if err := copies.Note(e, a.links, backendOf(e)); err != nil {
			a.log.Warn("a clip cannot be shared by a link later", "error", err)
		}
		if e.Kind == session.LocalSaved && a.settings().SaveSound {
			a.tasks.Go(a.playSaved)
		}
		a.notify(a.notification(e))
	}
}

// backendOf is the backend that a save went to, which need not be the one that is set now.
func backendOf(e session.Event) string {
	if e.Save == nil {
		return ""
	}
	return e.Save.Backend
}

func (a *App) playSaved() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := desktop.PlaySound(ctx, assets.SavedSound()); err != nil {
		a.log.Warn("the sound after a save could not be played", "error", err)
	}
}

// notification is what an event says; one without a title is not shown.
func (a *App) notification(e session.Event) desktop.Notification {
	switch e.Kind {
	case session.LocalSaved:
		path := e.Save.Clip.Path
		actions := a.clipActions(path)
		if e.Save.Server != session.NoCopy {
			actions = append(actions, desktop.Action{Label: "Copy link", Do: func() { a.copyLink(path) }})
		}
		return desktop.Notification{
			Title: "Replay saved",
			Body: fmt.Sprintf("%s\n%.1f s · %.1f MB", filepath.Base(path), e.Save.Clip.Seconds,
				float64(e.Save.Clip.Bytes)/1e6),
			Actions: actions,
		}
	case session.LocalFailed:
		return desktop.Notification{Title: "Couldn't save replay", Body: e.Text, Urgent: true}
	case session.ServerSaved:
		if e.Save.Local == session.NoCopy {
			return desktop.Notification{Title: "Replay saved on server", Body: fmt.Sprintf("%.1f s", e.Save.ServerSeconds)}
		}
	case session.ServerFailed:
		return desktop.Notification{Title: "Couldn't save replay on server", Body: e.Text, Failure: true}
	case session.Recorded:
		return desktop.Notification{Title: "Recording saved", Body: e.Text, Actions: a.clipActions(e.Path)}
	case session.RecordFailed:
		if e.Path == "" {
			return desktop.Notification{Title: "Couldn't start recording", Body: e.Text, Urgent: true}
		}
		return desktop.Notification{Title: "Recording stopped", Body: e.Text, Urgent: true}
	case session.Shot:
		return desktop.Notification{Title: "Screenshot saved", Body: filepath.Base(e.Path),
			Actions: a.fileActions("Open", e.Path)}
	case session.ShotFailed:
		return desktop.Notification{Title: "Couldn't take screenshot", Body: e.Text, Urgent: true}
	case session.Marked:
		return desktop.Notification{Title: "Marker added", Body: e.Text}
	case session.Trouble:
		return desktop.Notification{Title: "Attention needed", Body: e.Text, Failure: true}
	}
	return desktop.Notification{}
}

// recover saves what a crash left behind and says so. What is not saved when ctx ends stays for the next start.
func (a *App) recover(ctx context.Context, folder string) {
	clips, err := capture.Recover(ctx, config.JournalFolder(), folder)
	if err != nil && ctx.Err() == nil {
		a.log.Warn("the replay from before a crash could not be saved; it is tried again at the next start", "error", err)
		a.notify(desktop.Notification{Title: "Couldn't recover replay", Body: session.Plain(err), Urgent: true})
	}
	for _, c := range clips {
		a.log.Info("a replay from before a crash is saved", "path", c.Path, "seconds", c.Seconds)
		a.notify(desktop.Notification{
			Title: "Replay recovered",
			Body: fmt.Sprintf("Hindsight closed unexpectedly. Its last %.0f s are saved.\n%s", c.Seconds,
				filepath.Base(c.Path)),
			Actions: a.clipActions(c.Path),
		})
	}
}

func (a *App) clipActions(path string) []desktop.Action { return a.fileActions("Play", path) }

func (a *App) fileActions(open, path string) []desktop.Action {
	return []desktop.Action{
		{Label: open, Do: func() { a.open(desktop.Open, path) }},
		{Label: "Open folder", Do: func() { a.open(desktop.Reveal, path) }},
	}
}

func (a *App) open(with func(string) error, path string) {
	a.tasks.Go(func() { // the notifier keeps running in the meantime
		if err := with(path); err != nil {
			a.log.Warn("a file could not be opened", "path", path, "error", err)
			a.notify(desktop.Notification{Title: "Couldn't open " + filepath.Base(path), Body: session.Plain(err),
				Failure: true})
		}
	})
}

func (a *App) settings() config.App { return a.session.Snapshot().Settings.App }

// notify has a notification shown, where there are any. Only what went well is left out where the user wants none of
// them. It does not wait.
func (a *App) notify(n desktop.Notification) {
	if a.notifier == nil || n.Title == "" || !wanted(n, a.settings()) {
		return
	}
	a.notifier.Show(n)
}

func wanted(n desktop.Notification, c config.App) bool {
	return n.Failure || n.Urgent || c.Notifications
}

// writeIcon puts the icon where the notification service can read it.
func writeIcon() (string, error) {
	path := iconPath()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	return path, atomicfile.Write(path, assets.Icon(), 0o600)
}
