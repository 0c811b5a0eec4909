package ui

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/assets"
)

// home is the first page: what runs, and the big button.
type home struct {
	u    *UI
	root fyne.CanvasObject

	icon        *canvas.Image
	iconName    string
	title, line *widget.Label
	fill        *bar
	save        *widget.Button
	record      *widget.Button
	recording   *widget.Label

	replay, share, server *tile
	desktop, mic          *soundRow
	videoLabel            *widget.Label
	problems              *widget.Label
	problemBox            *surface
	closed                *surface
	last                  *lastClip
}

func newHome(u *UI) *home {
	h := &home{
		u: u, title: oneLine(widget.NewLabel("")), line: muted(""), fill: newBar(theme.ColorNamePrimary, 6),
		videoLabel: oneLine(muted("")),
	}
	h.line.Wrapping = fyne.TextWrapWord
	h.title.TextStyle.Bold = true
	h.title.SizeName = theme.SizeNameHeadingText
	h.icon = canvas.NewImageFromReader(bytes.NewReader(assets.TrayIcon("idle")), "idle.png")
	h.icon.SetMinSize(fyne.NewSquareSize(56))
	h.icon.FillMode = canvas.ImageFillContain
	h.save = widget.NewButtonWithIcon("Save replay", theme.DocumentSaveIcon(), func() { u.parts.Commands.Press(0) })
	h.save.Importance = widget.HighImportance
	h.record = widget.NewButtonWithIcon("Record", theme.MediaRecordIcon(), func() {
		on := !u.parts.Feed.Snapshot().RecordOn
		u.do(failedTo(!on, "stop", "start")+" recording", func() error { return u.parts.Commands.SetRecord(on) })
	})
	h.recording = oneLine(widget.NewLabel(""))
	h.recording.Importance = widget.DangerImportance
	h.recording.Hide()
	hero := container.NewBorder(nil, nil, container.NewCenter(h.icon),
		container.NewCenter(container.NewHBox(h.record, h.save)),
		container.New(layout.NewCustomPaddedVBoxLayout(-8), h.title, h.line))
	top := card("", container.NewVBox(hero, h.fill, h.recording))

	commands := u.parts.Commands
	h.replay = newTile("Replay buffer", func() {
		on := !u.parts.Feed.Snapshot().ReplayOn
		u.do(failedTo(!on, "turn off", "turn on")+" replay buffer", func() error { return commands.SetReplay(on) })
	})
	h.share = newTile("Sharing", func() {
		on := !u.parts.Feed.Snapshot().ShareOn
		u.do(failedTo(!on, "stop", "start")+" sharing", func() error { return commands.SetShare(on) })
	})
	h.server = newTile("Server replay", nil)
	tiles := container.NewGridWithColumns(3, h.replay.root, h.share.root, h.server.root)

	h.desktop = newSoundRow(u, "Desktop", theme.VolumeUpIcon(), session.DesktopSound)
	h.mic = newSoundRow(u, "Microphone", microphone, session.Microphone)
	sound := card("Audio", container.NewVBox(h.desktop.root, h.mic.root))

	h.problems = widget.NewLabel("")
	h.problems.Wrapping = fyne.TextWrapWord
	warn := widget.NewIcon(theme.NewWarningThemedResource(theme.WarningIcon()))
	h.problemBox = newSurface(colorWarn, 12, 8, container.NewBorder(nil, nil, container.NewVBox(gap(4), warn), nil,
		h.problems))
	h.problemBox.Hide()
	h.closed = newClosedCard(u)
	h.last = newLastClip(u)
	h.root = container.NewVScroll(beside(column(top, h.closed, h.problemBox, tiles, sound, h.last.root, h.videoLabel)))
	return h
}

func (h *home) content() fyne.CanvasObject { return h.root }
func (h *home) enter()                     {}

func (h *home) update(s session.Snapshot) {
	if icon := trayIcon(s.State); icon != h.iconName {
		h.iconName = icon
		h.icon.Resource = fyne.NewStaticResource(icon+".png", assets.TrayIcon(icon))
		h.icon.Refresh()
	}
	setText(h.title, stateTitle(s))
	setText(h.line, stateLine(s))
	full := 0.0
	if s.ReplaySeconds > 0 && s.ReplayOn {
		full = s.BufferedSeconds / s.ReplaySeconds
	}
	fill := theme.ColorNamePrimary
	if s.State == session.Live {
		fill = theme.ColorNameError
	}
	h.fill.set(full, fill)
	setButton(h.save, "Save last "+lastSpan(s.ReplaySeconds), theme.DocumentSaveIcon())
	setEnabled(h.save, s.CanSave())
	if s.RecordOn {
		setButton(h.record, "Stop recording", theme.MediaStopIcon())
	} else {
		setButton(h.record, "Record", theme.MediaRecordIcon())
	}
	setText(h.recording, recordingLine(s))
	if setShown(h.recording, s.Recording != nil) {
		h.root.Refresh()
	}

	h.tiles(s)
	h.desktop.update(s.Desktop)
	h.mic.update(s.Mic)
	setText(h.videoLabel, videoLine(s))
	asks := sharedWindowClosed(s)
	problems := slices.DeleteFunc(slices.Clone(s.Problems), func(p string) bool {
		return asks && p == session.Sentence(s.Screen.Error) || p == h.desktop.noted || p == h.mic.noted // said at its place
	})
	setText(h.problems, strings.Join(problems, "\n"))
	boxes := setShown(h.problemBox, len(problems) > 0)
	if setShown(h.closed, asks) || boxes {
		h.root.Refresh()
	}
	h.last.update(s.LastSave)
}

func (h *home) tiles(s session.Snapshot) {
	if s.ReplayOn {
		h.replay.set(span(s.BufferedSeconds), "of "+span(s.ReplaySeconds)+" · "+size(s.BufferedBytes), "Turn off")
	} else {
		h.replay.set("Off", "Not buffering", "Turn on")
	}
	value, detail := "Off", "Not sharing"
	switch s.Share.State {
	case "connecting":
		value, detail = "Connecting…", s.Share.Room
	case "live":
		value, detail = "Live", "in "+s.Share.Room
	case "reconnecting":
		value, detail = "Reconnecting…", "in "+s.Share.Room
	case "failed":
		value, detail = "Failed", "Not sharing"
		if s.ShareOn {
			detail = "Retrying…"
		}
	}
	button := "Start"
	if s.ShareOn {
		button = "Stop"
	}
	h.share.set(value, detail, button)
	switch s.Share.Recording {
	case "active":
		h.server.set(span(s.Share.ServerSeconds), "buffered on server", "")
	case "starting":
		h.server.set("Starting…", "Server starts recording", "")
	case "failed":
		h.server.set("Failed", "Server recording failed", "")
	default:
		h.server.set("Off", "Runs while sharing", "")
	}
}

func stateTitle(s session.Snapshot) string {
	if s.State == session.Buffering && s.ReplayOn && !s.Paused && !s.SourceGone {
		return "Replay buffer on"
	}
	return stateWord(s)
}

func stateLine(s session.Snapshot) string {
	keys := ""
	for _, k := range s.Hotkeys {
		if k.Name == hotkey.SaveName && k.Active {
			keys = " Press " + cmp.Or(k.Label, k.Keys) + " to save."
		}
	}
	switch s.State {
	case session.Idle:
		return "Turn the replay buffer on or share your screen."
	case session.Starting:
		return "Starting capture…"
	case session.Buffering, session.RecordingOnly, session.Live:
		if s.ReplayOn {
			return span(s.BufferedSeconds) + " buffered." + keys
		}
		if s.State == session.RecordingOnly {
			return "Replay buffer off."
		}
		return "Replay buffer off. Clips are saved on the server." + keys
	case session.Failed:
		if s.CanSave() {
			return span(s.BufferedSeconds) + " can still be saved." + keys
		}
		return "See details below."
	}
	return "Shutting down…"
}

// recordingLine says what is being recorded.
func recordingLine(s session.Snapshot) string {
	r := s.Recording
	what := "Recording"
	if s.Paused {
		what = "Recording paused ·"
	}
	switch {
	case r == nil:
		return ""
	case r.Path == "" && s.Paused:
		return "Recording starts when the screen is unlocked."
	case r.Path == "":
		return "Starting recording…"
	}
	text := fmt.Sprintf("%s %s · %s · %s", what, span(r.Seconds), size(r.Bytes), filepath.Base(r.Path))
	if r.Dropped > 0 {
		text += " · disk too slow, parts are missing"
	}
	return text
}

// lastSpan is a length after "last".
func lastSpan(seconds float64) string {
	if seconds == 60 {
		return "minute"
	}
	return span(seconds)
}

func videoLine(s session.Snapshot) string {
	if s.Encoder == "" {
		return ""
	}
	return fmt.Sprintf("%d × %d · %d FPS · %.1f Mb/s · %s · saves to %s", s.Width, s.Height, s.FrameRate,
		float64(s.BitrateKbps)/1000, s.Encoder, s.Folder)
}

func setEnabled(b fyne.Disableable, on bool) {
	switch {
	case on && b.Disabled():
		b.Enable()
	case !on && !b.Disabled():
		b.Disable()
	}
}

// tile is one part's status with its switch.
type tile struct {
	root          fyne.CanvasObject
	value, detail *widget.Label
	button        *widget.Button
}

func newTile(name string, tapped func()) *tile {
	t := &tile{value: oneLine(widget.NewLabel("")), detail: oneLine(muted(""))}
	t.value.TextStyle.Bold = true
	t.value.SizeName = theme.SizeNameSubHeadingText
	var right fyne.CanvasObject
	if tapped != nil {
		t.button = widget.NewButton("", tapped)
		right = container.NewCenter(t.button)
	}
	text := container.New(layout.NewCustomPaddedVBoxLayout(-8), muted(name), t.value, t.detail)
	t.root = card("", container.NewBorder(nil, nil, nil, right, text))
	return t
}

func (t *tile) set(value, detail, button string) {
	setText(t.value, value)
	setText(t.detail, detail)
	if t.button != nil {
		setButton(t.button, button, nil)
	}
}

// soundRow is one source of sound: level, device, mute, and a note where something is not as its user expects.
type soundRow struct {
	root   fyne.CanvasObject
	meter  *bar
	device *widget.Label
	mute   *widget.Button
	note   *widget.Label
	noted  string // the note, empty for none
	muted  bool
}

func newSoundRow(u *UI, name string, icon fyne.Resource, src session.Source) *soundRow {
	r := &soundRow{meter: newBar(theme.ColorNameSuccess, 8), device: oneLine(muted(""))}
	r.mute = widget.NewButtonWithIcon("Mute", theme.VolumeMuteIcon(), func() {
		want := !r.muted
		failed := failedTo(!want, "unmute", "mute") + " " + strings.ToLower(name)
		u.do(failed, func() error { return u.parts.Commands.Mute(src, want) })
	})
	label := container.New(layout.NewGridWrapLayout(fyne.NewSize(112, 34)), widget.NewLabel(name))
	device := container.New(layout.NewGridWrapLayout(fyne.NewSize(200, 34)), r.device)
	button := container.New(layout.NewGridWrapLayout(fyne.NewSize(104, 34)), r.mute)
	r.note = muted("")
	r.note.Wrapping = fyne.TextWrapWord
	r.note.Importance = widget.WarningImportance
	r.note.Hide()
	left, right := container.NewHBox(gapWide(2), widget.NewIcon(icon), label), container.NewHBox(device, button)
	row := container.NewBorder(nil, nil, left, right, r.meter)
	r.root = container.NewVBox(row, r.note)
	return r
}

func (r *soundRow) update(s session.SourceStatus) {
	r.muted = s.Muted
	db := s.PeakDB
	text := s.Device
	switch {
	case s.State == "off":
		db, text = -100, "Off"
	case s.State == "failed":
		db, text = -100, "Error"
	case s.State == "paused":
		db, text = -100, "Paused"
	case s.State == "waiting":
		db, text = -100, "No device"
	case s.State == "starting":
		db, text = -100, "Starting…"
	case s.Muted:
		db, text = -100, "Muted"
	case s.Closed:
		db, text = -100, "Push-to-talk"
	case text == "":
		text = "System default"
	}
	r.noted = ""
	if s.State == "running" && s.Error != "" {
		r.noted = session.Sentence(s.Error)
	}
	setText(r.note, r.noted)
	setShown(r.note, r.noted != "")
	r.meter.level(db)
	setText(r.device, text)
	if s.Muted {
		setButton(r.mute, "Unmute", theme.VolumeUpIcon())
	} else {
		setButton(r.mute, "Mute", theme.VolumeMuteIcon())
	}
	setEnabled(r.mute, s.State != "off")
}

// lastClip is the newest save and what can be done with it.
type lastClip struct {
	u            *UI
	root         *surface
	name, detail *widget.Label
	play, folder *widget.Button
	path         string
}

func newLastClip(u *UI) *lastClip {
	l := &lastClip{u: u, name: oneLine(widget.NewLabel("")), detail: muted("")}
	l.detail.Wrapping = fyne.TextWrapWord
	l.play = widget.NewButtonWithIcon("Play", theme.MediaPlayIcon(), func() {
		l.open("Couldn't play clip", u.parts.Open)
	})
	l.folder = widget.NewButtonWithIcon("Folder", theme.FolderOpenIcon(), func() {
		l.open("Couldn't open folder", u.parts.Reveal)
	})
	text := container.New(layout.NewCustomPaddedVBoxLayout(-8), l.name, l.detail)
	l.root = card("Last clip", container.NewBorder(nil, nil, nil, container.NewCenter(container.NewHBox(l.play, l.folder)),
		text))
	l.root.Hide()
	return l
}

func (l *lastClip) open(failed string, with func(string) error) {
	path := l.path
	l.u.do(failed, func() error { return with(path) })
}

func (l *lastClip) update(r *session.SaveRecord) {
	setShown(l.root, r != nil)
	if r == nil {
		return
	}
	name, detail := "Saving…", "Pressed at "+r.PressedAt.Format(time.TimeOnly)
	l.path = ""
	switch {
	case r.Clip != nil:
		l.path = r.Clip.Path
		name = filepath.Base(r.Clip.Path)
		detail = fmt.Sprintf("%s · %s · %d × %d", span(r.Clip.Seconds), size(r.Clip.Bytes), r.Clip.Width, r.Clip.Height)
	case r.Local == "waiting":
		left := max(time.Until(r.DueAt).Round(time.Second), 0)
		name = fmt.Sprintf("Saving in %d s…", int(left.Seconds()))
	case r.Local == "failed":
		name, detail = "Couldn't save replay", r.LocalError
	case r.Local == "off" && r.Server == "saved":
		name = "Saved on server"
	}
	switch r.Server {
	case "saving":
		detail += " · Saving on server…"
	case "saved":
		detail += " · Saved on server"
	case "failed":
		detail += " · Couldn't save on server: " + r.ServerError
	}
	setText(l.name, name)
	setText(l.detail, detail)
	setShown(l.play, l.path != "")
	setShown(l.folder, l.path != "")
}

// sharedWindowClosed is whether others see the last frame of a window that is no more.
func sharedWindowClosed(s session.Snapshot) bool {
	return s.ShareOn && s.Screen.State == "waiting" && s.Screen.Reason == "closed"
}

// newClosedCard asks what to share after the shared window was closed.
func newClosedCard(u *UI) *surface {
	title := widget.NewLabel("The shared window was closed")
	title.TextStyle.Bold = true
	text := muted("Others see its last frame. Nothing else is captured until you choose.")
	text.Wrapping = fyne.TextWrapWord
	choose := widget.NewButton("Choose another window", u.chooseWindow)
	choose.Importance = widget.HighImportance
	stop := widget.NewButton("Stop sharing", func() {
		u.do("Couldn't stop sharing", func() error { return u.parts.Commands.SetShare(false) })
	})
	c := newSurface(colorWarn, 12, 10, container.NewBorder(nil, nil, nil,
		container.NewCenter(container.NewHBox(stop, choose)),
		container.New(layout.NewCustomPaddedVBoxLayout(-8), title, text)))
	c.Hide()
	return c
}
