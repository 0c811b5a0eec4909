package ui

import (
	"path/filepath"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/lang"
	"fyne.io/systray"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/assets"
)

// tray is the icon, its tooltip and its menu.
type tray struct {
	u       *UI
	desk    desktop.App
	bar     *trayMenu
	key     trayKey
	icon    string
	tooltip string
}

// trayKey is all of a snapshot that the tray shows.
type trayKey struct {
	lines, icon          string
	replay, share, first bool
	record, held         bool
	seconds              float64
	last                 string
	mic, muted           bool
	theme                config.Theme
	canSave, watchable   bool
	server               bool
}

func keyOf(s session.Snapshot) trayKey {
	return trayKey{
		strings.Join(statusLines(s), "\n"), trayIcon(s), s.ReplayOn, s.ShareOn, !s.Settings.App.FirstRunDone, s.RecordOn,
		s.Held, s.ReplaySeconds, lastLine(s.LastSave), s.Settings.Sound.Microphone.Enabled,
		s.Settings.Sound.Microphone.Muted, s.Settings.App.Theme, s.CanSave(), watchable(s),
		s.Settings.Sharing.BackendURL != "",
	}
}

func newTray(u *UI) *tray {
	desk, _ := u.app.(desktop.App)
	t := &tray{u: u, desk: desk, bar: &trayMenu{main: u.main}}
	if desk != nil {
		// Before Run, or Fyne never puts the icon on the bus. The window stands for a menu of Fyne's, which it would make
		// anew at each change: see trayMenu. What it does with the window is overridden.
		desk.SetSystemTrayWindow(u.window)
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

// refresh sets the menu again after the list of clips has changed.
func (t *tray) refresh() {
	if t.desk != nil {
		t.bar.show(t.entries(t.u.parts.Feed.Snapshot()))
	}
}

func (t *tray) set(s session.Snapshot) {
	t.bar.show(t.entries(s))
	if icon := trayIcon(s); icon != t.icon {
		t.icon = icon
		t.desk.SetSystemTrayIcon(fyne.NewStaticResource("tray-"+icon+".png", assets.TrayIcon(icon)))
	}
	if text := tooltip(s); text != t.tooltip {
		t.tooltip = text
		systray.SetTooltip(text)
	}
}

// trayIcon is the name of the icon for a state. The muted microphone is shown beside what else is going on.
func trayIcon(s session.Snapshot) string {
	icon := "buffering"
	switch {
	case s.State == session.Failed:
		return "error"
	case s.State == session.Idle, s.State == session.Starting, s.State == session.Stopping:
		return "off"
	case s.Paused, s.SourceGone:
		return "paused"
	case s.State == session.Live:
		icon = "live"
	case s.State == session.RecordingOnly, s.Recording != nil:
		icon = "recording"
	}
	if m := s.Settings.Sound.Microphone; m.Enabled && m.Muted {
		icon += "-muted"
	}
	return icon
}

// tooltip says in a line what is going on.
func tooltip(s session.Snapshot) string { return "Hindsight\n" + strings.Join(statusLines(s), "\n") }

// statusLines say what is going on, one thing each.
func statusLines(s session.Snapshot) []string {
	switch {
	case !s.Settings.App.FirstRunDone:
		return []string{lang.L("Not set up yet")}
	case s.State == session.Idle, s.State == session.Starting, s.State == session.Stopping, s.State == session.Failed:
		return []string{stateWord(s)}
	}
	var lines []string
	if s.Paused || s.SourceGone {
		lines = append(lines, stateWord(s))
	}
	if live := liveLine(s); live != "" {
		lines = append(lines, live)
	}
	if s.Recording != nil {
		name := lang.L("Recording")
		if s.Recording.Path != "" {
			name = lang.L("Recording: {{.Name}}", map[string]any{"Name": filepath.Base(s.Recording.Path)})
		}
		lines = append(lines, name)
	}
	if s.ReplayOn {
		lines = append(lines, lang.L("Replay buffer: {{.Length}}", map[string]any{"Length": seconds(s.ReplaySeconds)}))
	}
	if m := s.Settings.Sound.Microphone; m.Enabled && m.Muted {
		lines = append(lines, lang.L("Microphone muted"))
	}
	return lines
}

// liveLine says where others see the screen, and how much of it the server could save.
func liveLine(s session.Snapshot) string {
	switch {
	case s.Share.State == "reconnecting":
		return lang.L("Reconnecting to {{.Room}}…", map[string]any{"Room": s.Share.Room})
	case s.Share.State != "live":
		return ""
	case s.Share.Recording == "active" && s.Share.ServerSeconds >= 1:
		return lang.L("Live in {{.Room}} · server {{.Length}}", map[string]any{"Room": s.Share.Room,
			"Length": seconds(coarse(s.Share.ServerSeconds))})
	case s.Share.Recording == session.ServerEncrypted:
		return lang.L("Live in {{.Room}} · not recorded on the server: the share is end-to-end encrypted",
			map[string]any{"Room": s.Share.Room})
	}
	return lang.L("Live in {{.Room}}", map[string]any{"Room": s.Share.Room})
}

// coarse rounds down what grows while it is looked at, so that the menu is not set all the time.
func coarse(s float64) float64 {
	step := 1.0
	switch {
	case s >= 300:
		step = 60
	case s >= 60:
		step = 15
	case s >= 10:
		step = 5
	}
	return float64(int(s/step)) * step
}

// seconds is a length as the menu writes it: up to two minutes in seconds.
func seconds(s float64) string {
	if s < 120 {
		return lang.L("{{.Seconds}} s", map[string]any{"Seconds": int(s + 0.5)})
	}
	return locale.Duration(time.Duration(s * float64(time.Second)))
}

// menu is what is visible of the entries.
func (t *tray) menu(s session.Snapshot) *fyne.Menu {
	var items []*fyne.MenuItem
	for _, e := range t.entries(s) {
		if e.there {
			items = append(items, e.item)
		}
	}
	return fyne.NewMenu("Hindsight", items...)
}

// mostLines is how many status lines there are at most.
const mostLines = 6

// entries are all entries of the menu in their order, those that are not there now as well. What is switched on by one
// and off by another is not one entry with two names: a click must do what its user has read.
func (t *tray) entries(s session.Snapshot) []trayEntry {
	u, ready := t.u, s.Settings.App.FirstRunDone
	var all []trayEntry
	add := func(there bool, label string, action func()) *fyne.MenuItem {
		item := fyne.NewMenuItem(label, action)
		all = append(all, trayEntry{item, there})
		return item
	}
	line := func() { all = append(all, trayEntry{fyne.NewMenuItemSeparator(), true}) }
	lines := statusLines(s)
	for i := range mostLines {
		text := ""
		if i < len(lines) {
			text = lines[i]
		}
		add(text != "", text, nil).Disabled = true
	}
	if !ready {
		line()
		add(true, lang.L("Set up Hindsight…"), u.Show)
		line()
		add(true, lang.L("Quit"), u.quit)
		return all
	}
	exporting, last := u.exports.line(), lastLine(s.LastSave)
	add(exporting != "", exporting, func() {
		u.show(pageClips)
		u.exports.open()
	})
	add(last != "", last, func() { u.lastSave(s.LastSave) })
	line()
	add(true, lang.L("Save replay"), u.saveReplay).Disabled = !s.CanSave()
	lengths := add(true, lang.L("Save last"), nil)
	lengths.ChildMenu, lengths.Disabled = t.lengths(s), !s.CanSave()
	clips := t.clips()
	add(clips != nil, lang.L("Last clips"), nil).ChildMenu = clips
	line()
	t.switches(s, add)
	line()
	add(true, lang.L("Open Hindsight"), func() { u.show(pageHome) })
	add(true, lang.L("Clips"), func() { u.show(pageClips) })
	add(s.Settings.Sharing.BackendURL != "", lang.L("Open team page"), u.openTeamPage)
	add(true, lang.L("Settings"), func() { u.show(pageSettings) })
	line()
	add(true, lang.L("Quit"), u.quit)
	return all
}

// switches adds what is turned on and off.
func (t *tray) switches(s session.Snapshot, add func(there bool, label string, action func()) *fyne.MenuItem) {
	u := t.u
	add(s.ReplayOn, lang.L("Turn replay buffer off"), func() {
		u.do(lang.L("Couldn't turn off replay buffer"), func() error { return u.parts.Commands.SetReplay(false) })
	})
	add(!s.ReplayOn, lang.L("Turn replay buffer on"), func() {
		u.do(lang.L("Couldn't turn on replay buffer"), func() error { return u.parts.Commands.SetReplay(true) })
	})
	add(s.RecordOn, lang.L("Stop recording"), func() { u.record(false) })
	add(!s.RecordOn, lang.L("Start recording"), func() { u.record(true) })
	add(s.ShareOn, lang.L("Stop sharing"), func() { u.share(false) })
	add(!s.ShareOn, lang.L("Start sharing"), func() { u.share(true) })
	add(watchable(s), lang.L("Copy watch link…"), func() { u.openWatchLinks() })
	add(true, lang.L("Take screenshot"), u.screenshot)
	muted := s.Settings.Sound.Microphone.Muted
	for _, on := range []bool{true, false} {
		pause := add(s.Held != on, lang.L("Pause"), func() { u.pause(on) })
		pause.Checked, pause.Disabled = !on, on && !s.Captures()
	}
	for _, on := range []bool{true, false} {
		mute := add(muted != on, lang.L("Mute microphone"), func() { u.mute(session.Microphone, on) })
		mute.Checked, mute.Disabled = !on, !s.Settings.Sound.Microphone.Enabled
	}
}

// saveLengths are offered as far as the buffer reaches, in seconds.
var saveLengths = []float64{15, 30, 60, 120, 300, 600}

func (t *tray) lengths(s session.Snapshot) *fyne.Menu {
	var items []*fyne.MenuItem
	for _, length := range saveLengths {
		if length < s.ReplaySeconds {
			items = append(items, fyne.NewMenuItem(seconds(length), func() { t.u.parts.Commands.Press(length) }))
		}
	}
	whole := lang.L("Whole buffer ({{.Length}})", map[string]any{"Length": seconds(s.ReplaySeconds)})
	items = append(items, fyne.NewMenuItem(whole, func() {
		t.u.parts.Commands.PressAs(session.Ask{All: true})
	}))
	return fyne.NewMenu("", items...)
}

// clips are the newest ones, to be played; nil where there are none.
func (t *tray) clips() *fyne.Menu {
	var items []*fyne.MenuItem
	for _, c := range t.u.recent.items {
		label := locale.Moment(c.Created, time.Now()) + " · " + seconds(c.Seconds)
		items = append(items, fyne.NewMenuItem(label, func() { t.u.play(c.Path) }))
	}
	if len(items) == 0 {
		return nil
	}
	return fyne.NewMenu("", items...)
}

// lastSave plays the clip of a save, or shows what became of it.
func (u *UI) lastSave(r *session.SaveRecord) {
	if r.Clip == nil {
		u.show(pageHome) // it says more
		return
	}
	u.play(r.Clip.Path)
}

func (u *UI) saveReplay() { u.parts.Commands.Press(0) }

func (u *UI) play(path string) {
	u.do(lang.L("Couldn't play clip"), func() error { return u.parts.Open(path) })
}

func (u *UI) reveal(path string) {
	u.do(lang.L("Couldn't open folder"), func() error { return u.parts.Reveal(path) })
}

func (u *UI) record(on bool) {
	failed := lang.L("Couldn't stop recording")
	if on {
		failed = lang.L("Couldn't start recording")
	}
	u.do(failed, func() error { return u.parts.Commands.SetRecord(on) })
}

func (u *UI) pause(on bool) {
	failed := lang.L("Couldn't resume")
	if on {
		failed = lang.L("Couldn't pause")
	}
	u.do(failed, func() error { return u.parts.Commands.SetPaused(on) })
}

func (u *UI) share(on bool) {
	failed := lang.L("Couldn't stop sharing")
	if on {
		failed = lang.L("Couldn't start sharing")
	}
	u.do(failed, func() error { return u.parts.Commands.SetShare(on) })
}

func (u *UI) mute(src session.Source, on bool) {
	failed := lang.L("Couldn't unmute {{.Source}}", map[string]any{"Source": sourceName(src)})
	if on {
		failed = lang.L("Couldn't mute {{.Source}}", map[string]any{"Source": sourceName(src)})
	}
	u.do(failed, func() error { return u.parts.Commands.Mute(src, on) })
}

func sourceName(src session.Source) string {
	if src == session.Microphone {
		return lang.L("microphone")
	}
	return lang.L("desktop audio")
}

// lastLine says what became of the last press, for those who see no notifications.
func lastLine(r *session.SaveRecord) string {
	if r == nil {
		return ""
	}
	at := map[string]any{"Time": locale.Clock(r.PressedAt.Local())}
	switch {
	case r.Clip != nil:
		return lang.L("Play last clip ({{.Time}})", at)
	case r.Local == "failed", r.Local == "off" && r.Server != "saving" && r.Server != "saved":
		return lang.L("Last clip not saved ({{.Time}})", at)
	case r.Local == "off" && r.Server == "saved":
		return lang.L("Last clip saved on server ({{.Time}})", at)
	}
	return lang.L("Saving clip ({{.Time}})…", at)
}

// stateWord is the state in a few words.
func stateWord(s session.Snapshot) string {
	switch {
	case s.Paused && s.Held:
		return lang.L("Paused")
	case s.PausedBy == session.PausedAsleep:
		return lang.L("Paused (computer asleep)")
	case s.Paused:
		return lang.L("Paused (screen locked)")
	case s.SourceGone && (s.State == session.Buffering || s.State == session.RecordingOnly):
		return lang.L("Waiting for the captured window")
	}
	switch s.State {
	case session.Starting:
		return lang.L("Starting…")
	case session.RecordingOnly:
		return lang.L("Recording")
	case session.Buffering:
		return lang.L("Replay buffer on")
	case session.Live:
		if s.Share.State == "reconnecting" {
			return lang.L("Reconnecting…")
		}
		return lang.L("Live in {{.Room}}", map[string]any{"Room": s.Share.Room})
	case session.Failed:
		return lang.L("Attention needed")
	case session.Stopping:
		return lang.L("Stopping…")
	}
	return lang.L("Off")
}
