package app

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/app/atomicfile"
	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/assets"
)

// Topics of notifications: a new one takes the place of an older one of its topic.
const (
	topicSaved    = "saved"
	topicSwitched = "switched"
	topicFirstRun = "first run"
	topicLink     = "link"
)

// followEvents tells the user what happened until the session ends.
func (a *App) followEvents() {
	events, stop := a.session.Events()
	defer stop()
	copies, wanted := links.Pairs{}, autoLinks{}
	for e := range events {
		if err := copies.Note(e, a.links, backendOf(e)); err != nil {
			a.log.Warn("a clip cannot be shared by a link later", "error", err)
		}
		a.tellRoom(e)
		if e.Kind == session.LocalSaved || e.Kind == session.ServerSaved {
			a.library.Refresh() // where the file system does not say it, and for the server's copy
		}
		a.placed(savedPath(e))
		n := a.notification(e)
		a.notify(n)
		a.linkSaved(wanted.next(e))
		switch c := a.settings(); {
		case e.Kind == session.LocalSaved && c.SaveSound:
			a.play(assets.SoundSaved, false)
		case e.Kind != session.Trouble && n.Failure && (c.SaveSound || c.StateSounds):
			a.play(assets.SoundFailed, true)
		}
	}
}

// settle is how long switches must have stayed as they are before they are reported: what changes together, or is
// changed back at once, is one notification or none.
const settle = 600 * time.Millisecond

// followSwitches tells what was turned on and off, until the session ends.
func (a *App) followSwitches() {
	snapshots, stop := a.session.Watch()
	defer stop()
	var told, now switches
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	first := true
	for {
		select {
		case s, ok := <-snapshots:
			if !ok {
				return
			}
			next := switchesOf(s)
			if first {
				told.muted, now, first = next.muted, switches{muted: next.muted}, false
			}
			if next != now {
				now = next
				timer.Reset(settle)
			}
		case <-timer.C:
			c := a.settings()
			if texts := now.since(told); len(texts) > 0 {
				a.notify(desktop.Notification{Title: texts[0], Body: strings.Join(texts[1:], "\n"), Topic: topicSwitched,
					Quiet: true})
			}
			if sound := now.sound(told); sound != "" && c.StateSounds {
				a.play(sound, false)
			}
			told = now
		}
	}
}

// switches are what is reported when it changes.
type switches struct {
	replay, recording, muted bool
	room                     string // empty while not live
}

func switchesOf(s session.Snapshot) switches {
	w := switches{replay: s.ReplayOn && s.State != session.Starting && s.State != session.Idle,
		recording: s.Recording != nil, muted: s.Settings.Sound.Microphone.Muted}
	if s.State == session.Live {
		w.room = s.Share.Room
	}
	return w
}

// since says what is different from before, the most important first. That a recording has ended is
// reported with its file.
func (w switches) since(before switches) []string {
	var texts []string
	add := func(differs bool, text string) {
		if differs {
			texts = append(texts, text)
		}
	}
	add(w.room != "" && w.room != before.room, locale.Text("Live in {{.Room}}", map[string]any{"Room": w.room}))
	add(w.room == "" && before.room != "", locale.Text("Sharing stopped"))
	add(w.recording && !before.recording, locale.Text("Recording started"))
	add(w.replay && !before.replay, locale.Text("Replay buffer on"))
	add(!w.replay && before.replay, locale.Text("Replay buffer off"))
	add(w.muted && !before.muted, locale.Text("Microphone muted"))
	add(!w.muted && before.muted, locale.Text("Microphone unmuted"))
	return texts
}

// sound is what the change sounds like; a mute is silent.
func (w switches) sound(before switches) assets.SoundName {
	w.muted = before.muted
	switch {
	case w == before:
		return ""
	case w.room != "" && before.room == "", w.recording && !before.recording, w.replay && !before.replay:
		return assets.SoundStarted
	}
	return assets.SoundStopped
}

// playWait bounds how long a sound may take.
const playWait = 5 * time.Second

// play plays a short sound beside the caller. While notifications are inhibited only failures sound.
func (a *App) play(sound assets.SoundName, failed bool) {
	a.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), playWait)
		defer cancel()
		if !failed && a.notifier != nil && a.notifier.Inhibited(ctx) {
			return
		}
		if err := desktop.PlaySound(ctx, assets.Sound(sound)); err != nil {
			a.log.Warn("a sound could not be played", "sound", string(sound), "error", err)
		}
	})
}

// notification is what an event says; one without a title is not shown.
func (a *App) notification(e session.Event) desktop.Notification {
	text := locale.Message(e.Text)
	failed := func(title string) desktop.Notification {
		return desktop.Notification{Title: title, Body: text, Failure: true}
	}
	switch e.Kind {
	case session.LocalSaved:
		path := e.Save.Clip.Path
		actions := a.clipActions(path)
		if e.Save.Server != "off" || a.uploads() {
			actions = append(actions, desktop.Action{Label: locale.Text("Copy link"), Do: func() { a.copyLink(path) }})
		}
		if e.Save.Clip.Instead != "" {
			return desktop.Notification{Title: locale.Text("Replay saved in another folder"), Failure: true,
				Body: elsewhere(path, e.Save.Clip.Instead), Actions: actions}
		}
		return desktop.Notification{
			Title: locale.Text("Replay saved"),
			Body: filepath.Base(path) + "\n" + locale.Text("{{.Seconds}} s", map[string]any{
				"Seconds": locale.Number(e.Save.Clip.Seconds, 1)}) + " · " + locale.Size(e.Save.Clip.Bytes),
			Topic: topicSaved, Actions: actions,
			Many: func(n int) string { return locale.Plural("{{.PluralCount}} replays saved", n) },
		}
	case session.LocalFailed:
		return failed(locale.Text("Couldn't save replay"))
	case session.ServerSaved:
		if e.Save.Local == "off" {
			return desktop.Notification{Title: locale.Text("Replay saved on server"), Topic: topicSaved,
				Body: locale.Text("{{.Seconds}} s", map[string]any{"Seconds": locale.Number(e.Save.ServerSeconds, 1)})}
		}
	case session.ServerFailed:
		return failed(locale.Text("Couldn't save replay on server"))
	case session.Recorded:
		if e.Instead != "" {
			return desktop.Notification{Title: locale.Text("Recording saved in another folder"), Failure: true,
				Body: elsewhere(e.Path, e.Instead), Actions: a.clipActions(e.Path)}
		}
		return desktop.Notification{Title: locale.Text("Recording saved"), Body: text, Actions: a.clipActions(e.Path)}
	case session.RecordFailed:
		if e.Path == "" {
			return failed(locale.Text("Couldn't start recording"))
		}
		return failed(locale.Text("Recording stopped"))
	case session.Shot:
		if e.Instead != "" {
			return desktop.Notification{Title: locale.Text("Screenshot saved in another folder"), Failure: true,
				Body: elsewhere(e.Path, e.Instead), Actions: a.fileActions(locale.Text("Open"), e.Path)}
		}
		return desktop.Notification{Title: locale.Text("Screenshot saved"), Body: filepath.Base(e.Path),
			Actions: a.fileActions(locale.Text("Open"), e.Path)}
	case session.ShotFailed:
		return failed(locale.Text("Couldn't take screenshot"))
	case session.Marked:
		return desktop.Notification{Title: locale.Text("Marker added"), Body: e.Text, Quiet: true}
	case session.Trouble:
		var lines []string
		for line := range strings.Lines(e.Text) {
			lines = append(lines, locale.Message(strings.TrimSpace(line)))
		}
		return desktop.Notification{Title: locale.Text("Attention needed"), Body: strings.Join(lines, "\n"), Failure: true}
	}
	return desktop.Notification{}
}

func (a *App) clipActions(path string) []desktop.Action {
	return a.fileActions(locale.Text("Play"), path)
}

func (a *App) fileActions(open, path string) []desktop.Action {
	return []desktop.Action{
		{Label: open, Do: func() { a.open(desktop.Open, path) }},
		{Label: locale.Text("Open folder"), Do: func() { a.open(desktop.Reveal, path) }},
	}
}

func (a *App) open(with func(string) error, path string) {
	a.tasks.Go(func() { // the notifier keeps running in the meantime
		if err := with(path); err != nil {
			a.log.Warn("a file could not be opened", "path", path, "error", err)
			a.failed(locale.Text("Couldn't open {{.Name}}", map[string]any{"Name": filepath.Base(path)}), err)
		}
	})
}

func (a *App) settings() config.App { return a.session.Snapshot().Settings.App }

// failed has it shown that something did not work.
func (a *App) failed(title string, err error) {
	a.notify(desktop.Notification{Title: title, Body: locale.Message(session.Plain(err)), Failure: true})
}

// notify has a notification shown, where there are any. Only what went well is left out where the user wants none of
// them, not what asks something. It does not wait.
func (a *App) notify(n desktop.Notification) {
	if a.notifier == nil || n.Title == "" && !n.Withdraw || !wanted(n, a.settings()) {
		return
	}
	a.notifier.Show(n)
}

func wanted(n desktop.Notification, c config.App) bool {
	asks := n.Topic == topicFirstRun || n.Topic == topicViewer && !n.Quiet
	return n.Failure || asks || c.Notifications
}

// writeIcon puts the icon where the notification service can read it.
func writeIcon() (string, error) {
	path := iconPath()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	return path, atomicfile.Write(path, assets.Icon(), 0o600)
}
