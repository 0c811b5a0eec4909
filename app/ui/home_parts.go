package ui

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/session"
)

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
		u.do(failedTo(!want, "unmute", "mute")+" "+strings.ToLower(name), func() error { return u.parts.Commands.Mute(src, want) })
	})
	label := container.New(layout.NewGridWrapLayout(fyne.NewSize(112, 34)), widget.NewLabel(name))
	device := container.New(layout.NewGridWrapLayout(fyne.NewSize(200, 34)), r.device)
	button := container.New(layout.NewGridWrapLayout(fyne.NewSize(104, 34)), r.mute)
	r.note = muted("")
	r.note.Wrapping = fyne.TextWrapWord
	r.note.Importance = widget.WarningImportance
	r.note.Hide()
	row := container.NewBorder(nil, nil, container.NewHBox(gapWide(2), widget.NewIcon(icon), label), container.NewHBox(device, button), r.meter)
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
	l.play = widget.NewButtonWithIcon("Play", theme.MediaPlayIcon(), func() { l.open("Couldn't play clip", u.parts.Open) })
	l.folder = widget.NewButtonWithIcon("Folder", theme.FolderOpenIcon(), func() { l.open("Couldn't open folder", u.parts.Reveal) })
	text := container.New(layout.NewCustomPaddedVBoxLayout(-8), l.name, l.detail)
	l.root = card("Last clip", container.NewBorder(nil, nil, nil, container.NewCenter(container.NewHBox(l.play, l.folder)), text))
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
	c := newSurface(colorWarn, 12, 10, container.NewBorder(nil, nil, nil, container.NewCenter(container.NewHBox(stop, choose)),
		container.New(layout.NewCustomPaddedVBoxLayout(-8), title, text)))
	c.Hide()
	return c
}
