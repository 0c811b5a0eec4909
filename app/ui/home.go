package ui

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

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
	picture               *widget.Label
	problems              *widget.Label
	problemBox            *surface
	last                  *lastClip
}

func newHome(u *UI) *home {
	h := &home{u: u, title: oneLine(widget.NewLabel("")), line: muted(""), fill: newBar(theme.ColorNamePrimary, 6), picture: oneLine(muted(""))}
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
		u.do(func() error { return u.parts.Commands.SetRecord(on) })
	})
	h.recording = oneLine(widget.NewLabel(""))
	h.recording.Importance = widget.DangerImportance
	h.recording.Hide()
	hero := container.NewBorder(nil, nil, container.NewCenter(h.icon), container.NewCenter(container.NewHBox(h.record, h.save)),
		container.New(layout.NewCustomPaddedVBoxLayout(-8), h.title, h.line))
	top := card("", container.NewVBox(hero, h.fill, h.recording))

	commands := u.parts.Commands
	h.replay = newTile("Local replay", func() {
		on := !u.parts.Feed.Snapshot().ReplayOn
		u.do(func() error { return commands.SetReplay(on) })
	})
	h.share = newTile("Sharing", func() {
		on := !u.parts.Feed.Snapshot().ShareOn
		u.do(func() error { return commands.SetShare(on) })
	})
	h.server = newTile("Server replay", nil)
	tiles := container.NewGridWithColumns(3, h.replay.root, h.share.root, h.server.root)

	h.desktop = newSoundRow(u, "Desktop", theme.VolumeUpIcon(), session.DesktopSound)
	h.mic = newSoundRow(u, "Microphone", microphone, session.Microphone)
	sound := card("Sound", container.NewVBox(h.desktop.root, h.mic.root))

	h.problems = widget.NewLabel("")
	h.problems.Wrapping = fyne.TextWrapWord
	warn := widget.NewIcon(theme.NewWarningThemedResource(theme.WarningIcon()))
	h.problemBox = newSurface(colorWarn, 12, 8, container.NewBorder(nil, nil, container.NewVBox(gap(4), warn), nil, h.problems))
	h.problemBox.Hide()
	h.last = newLastClip(u)
	h.root = container.NewVScroll(column(top, h.problemBox, tiles, sound, h.last.root, h.picture))
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
	setButton(h.save, "Save the last "+span(s.ReplaySeconds), theme.DocumentSaveIcon())
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
	setText(h.picture, pictureLine(s))
	setText(h.problems, strings.Join(s.Problems, "\n"))
	if setShown(h.problemBox, len(s.Problems) > 0) {
		h.root.Refresh()
	}
	h.last.update(s.LastSave)
}

func (h *home) tiles(s session.Snapshot) {
	if s.ReplayOn {
		h.replay.set(span(s.BufferedSeconds), "of "+span(s.ReplaySeconds)+" · "+size(s.BufferedBytes), "Turn off")
	} else {
		h.replay.set("Off", "nothing is kept", "Turn on")
	}
	value, detail := "Off", "nobody sees the screen"
	switch s.Share.State {
	case "connecting":
		value, detail = "Connecting…", s.Share.Room
	case "live":
		value, detail = "Live", "room "+s.Share.Room
	case "reconnecting":
		value, detail = "Reconnecting…", "room "+s.Share.Room
	case "failed":
		value, detail = "Failed", "it is tried again"
	}
	button := "Start"
	if s.ShareOn {
		button = "Stop"
	}
	h.share.set(value, detail, button)
	switch s.Share.Recording {
	case "active":
		h.server.set(span(s.Share.ServerSeconds), "kept on the server", "")
	case "starting":
		h.server.set("Starting…", "the server begins to record", "")
	case "failed":
		h.server.set("Failed", "the server does not record", "")
	default:
		h.server.set("Off", "runs while sharing", "")
	}
}

func stateTitle(s session.Snapshot) string {
	if s.State == session.Buffering && s.ReplayOn && !s.Paused && !s.SourceGone {
		return "Replay is on"
	}
	return stateWord(s)
}

func stateLine(s session.Snapshot) string {
	keys := ""
	for _, k := range s.Hotkeys {
		if k.Name == hotkey.SaveName && k.Active {
			keys = " Press " + k.Keys + " to keep them."
		}
	}
	switch s.State {
	case session.Idle:
		return "Turn the replay on, or share the screen."
	case session.Starting:
		return "The screen and the sound are being opened."
	case session.Buffering, session.RecordingOnly, session.Live:
		if s.ReplayOn {
			return "The last " + span(s.BufferedSeconds) + " are ready." + keys
		}
		if s.State == session.RecordingOnly {
			return "The local replay is off."
		}
		return "The local replay is off; clips are made on the server." + keys
	case session.Failed:
		if s.CanSave() {
			return "The last " + span(s.BufferedSeconds) + " can still be saved." + keys
		}
		return "See below for what to do."
	}
	return "Everything is being closed."
}

// recordingLine says what is being recorded.
func recordingLine(s session.Snapshot) string {
	r := s.Recording
	what := "Recording"
	if s.Paused {
		what = "Recording is paused ·"
	}
	switch {
	case r == nil:
		return ""
	case r.Path == "" && s.Paused:
		return "Recording begins when you are back."
	case r.Path == "":
		return "Recording begins…"
	}
	text := fmt.Sprintf("%s %s · %s · %s", what, span(r.Seconds), size(r.Bytes), filepath.Base(r.Path))
	if r.Dropped > 0 {
		text += " · the disk is too slow, parts are missing"
	}
	return text
}

func pictureLine(s session.Snapshot) string {
	if s.Encoder == "" {
		return ""
	}
	return fmt.Sprintf("%d × %d · %d frames a second · %.1f Mb/s · %s · clips go to %s", s.Width, s.Height, s.FrameRate,
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
