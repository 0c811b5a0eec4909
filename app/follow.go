package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/desktop/autostart"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// followHotkeys takes the keys of the settings, and tells the session when one stops working or works again, until the
// session ends.
func (a *App) followHotkeys() {
	if !a.awaitConsent() {
		return
	}
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

// awaitConsent waits until the user has chosen what to capture: before that, no key is taken. It returns false when the
// session ends first.
func (a *App) awaitConsent() bool {
	snapshots, stop := a.session.Watch()
	defer stop()
	for s := range snapshots {
		if s.Settings.App.FirstRunDone {
			return true
		}
	}
	return false
}

// startLogin keeps the file that starts Hindsight at login as the settings want it.
func (a *App) startLogin() {
	a.loginTurn.Lock()
	defer a.loginTurn.Unlock()
	var edited *autostart.EditedError
	// An edited file counts, which is nothing new.
	if err := a.login.Set(a.settings().StartAtLogin); err != nil && !errors.As(err, &edited) {
		a.log.Warn("start at login could not be changed", "error", err)
		a.failed(locale.Text("Couldn't change start at login"), err)
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
		{Name: hotkey.SaveName, Purpose: locale.Text("Save replay"), Keys: h.Save, Press: func() { a.session.Press(0) }},
		{Name: hotkey.ShareName, Purpose: locale.Text("Start or stop sharing"), Keys: h.Share, Press: a.toggleShare},
		{Name: hotkey.MuteName, Purpose: locale.Text("Mute microphone"), Keys: h.Mute, Press: a.toggleMute},
		{Name: hotkey.TalkName, Purpose: locale.Text("Push-to-talk"), Keys: h.Talk, Talk: true,
			Press:   func() { a.session.Talk(true) },
			Release: func() { a.session.Talk(false) }},
	}
	wants = append(wants,
		hotkey.Want{Name: hotkey.RecordName, Purpose: locale.Text("Start or stop recording"), Keys: h.Record,
			Press: a.quietly("a recording could not be switched", a.session.ToggleRecord)},
		hotkey.Want{Name: hotkey.MarkName, Purpose: locale.Text("Add marker"), Keys: h.Mark,
			Press: a.quietly("a moment could not be marked", func() error { return a.session.Mark("") })},
		hotkey.Want{Name: hotkey.ScreenshotName, Purpose: locale.Text("Take screenshot"), Keys: h.Screenshot,
			Press: a.quietly("a screenshot was not saved", a.screenshot)},
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
	text := locale.Text("Save the whole buffer")
	if k.Seconds > 0 {
		text = locale.Text("Save the last {{.Seconds}} seconds", map[string]any{"Seconds": k.Seconds})
	}
	if k.After > 0 {
		text = locale.Text("{{.Saved}} and the next {{.Seconds}}", map[string]any{"Saved": text, "Seconds": k.After})
	}
	return text
}

// quietly runs a command beside the key's goroutine, which must not wait.
func (a *App) quietly(failed string, command func() error) func() {
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
			a.failed(locale.Text("Couldn't start sharing"), err)
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

// backendOf is the backend that a save went to, which need not be the one that is set now.
func backendOf(e session.Event) string {
	if e.Save == nil {
		return ""
	}
	return e.Save.Backend
}

// recover saves what a crash left behind and says so. What is not saved when ctx ends stays for the next start.
func (a *App) recover(ctx context.Context, to clip.Place) {
	clips, err := capture.Recover(ctx, config.JournalFolder(), to)
	if err != nil && ctx.Err() == nil {
		a.log.Warn("the replay from before a crash could not be saved; it is tried again at the next start", "error", err)
		a.failed(locale.Text("Couldn't recover replay"), err)
	}
	for _, c := range clips {
		a.log.Info("a replay from before a crash is saved", "path", c.Path, "seconds", c.Seconds)
		a.placed(c.Path)
		a.notify(desktop.Notification{
			Title: locale.Text("Replay recovered"),
			Body: locale.Text("Hindsight closed unexpectedly. Its last {{.Seconds}} s are saved.", map[string]any{
				"Seconds": locale.Number(c.Seconds, 0)}) + "\n" + filepath.Base(c.Path),
			Actions: a.clipActions(c.Path),
		})
	}
}
