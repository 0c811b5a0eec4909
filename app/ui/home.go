package ui

import (
	"bytes"
	"cmp"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/assets"
	"github.com/hindsight-app/hindsight/capture/media"
)

// home is the first page: what runs, and the big button.
type home struct {
	u    *UI
	root fyne.CanvasObject

	icon        *canvas.Image
	iconName    string
	title, line *widget.Label
	fill        *bar
	save        *pushButton
	record      *pushButton
	pause       *tipButton
	recording   *widget.Label

	replay, share, server *tile
	desktop, mic          *soundRow
	videoLabel            *widget.Label
	problems              *widget.Label
	problemBox            *surface
	closed, setUp         *surface
	withServer            *fyne.Container // the tiles where a server is set
	withoutServer         *fyne.Container // and where none is
	alone                 *tile
	last                  *lastClip

	// shown is what was shown last, but for what changes all the time.
	shown              session.Snapshot
	shownAt, leveledAt time.Time
}

func newHome(u *UI) *home {
	h := &home{
		u: u, title: oneLine(widget.NewLabel("")), line: muted(""), fill: newBar(theme.ColorNamePrimary, 6),
		videoLabel: oneLine(muted("")),
	}
	h.line.Wrapping = fyne.TextWrapWord
	h.title.TextStyle.Bold = true
	h.title.SizeName = theme.SizeNameHeadingText
	h.icon = canvas.NewImageFromReader(bytes.NewReader(assets.TrayIcon("off")), "off.png")
	h.icon.SetMinSize(fyne.NewSquareSize(56))
	h.icon.FillMode = canvas.ImageFillContain
	h.save = newPushButton(lang.L("Save replay"), theme.DocumentSaveIcon(), u.saveReplay)
	h.save.Importance = widget.HighImportance
	h.record = newPushButton(lang.L("Record"), theme.MediaRecordIcon(), func() {
		u.record(!u.parts.Feed.Snapshot().RecordOn)
	})
	h.pause = newTipButton(u.tips, "", theme.MediaPauseIcon(), func() { u.pause(!u.parts.Feed.Snapshot().Held) })
	h.pause.Text = lang.L("Pause")
	h.recording = oneLine(widget.NewLabel(""))
	h.recording.Importance = widget.DangerImportance
	h.recording.Hide()
	words := container.NewBorder(nil, nil, container.NewCenter(h.icon), nil,
		container.New(layout.NewCustomPaddedVBoxLayout(-8), h.title, h.line))
	hero := container.New(&aside{least: 260}, words, container.NewCenter(container.NewHBox(h.pause, h.record, h.save)))
	top := card("", container.NewVBox(hero, h.fill, h.recording))

	replay := func() {
		on, failed := !u.parts.Feed.Snapshot().ReplayOn, lang.L("Couldn't turn off replay buffer")
		if on {
			failed = lang.L("Couldn't turn on replay buffer")
		}
		u.do(failed, func() error { return u.parts.Commands.SetReplay(on) })
	}
	h.replay, h.alone = newTile(lang.L("Replay buffer"), replay), newLine(lang.L("Replay buffer"), replay)
	h.share = newTile(lang.L("Sharing"), func() { u.share(!u.parts.Feed.Snapshot().ShareOn) })
	h.server = newTile(lang.L("Server replay"), func() { u.openWatchLinks() })
	h.withServer = container.New(&columns{least: 190, gap: cardGap}, h.replay.root, h.share.root, h.server.root)
	h.withoutServer = column(h.alone.root, u.recent.root)
	h.withServer.Hide()

	h.desktop = newSoundRow(u, lang.L("Desktop"), theme.VolumeUpIcon(), session.DesktopSound)
	h.mic = newSoundRow(u, lang.L("Microphone"), microphone, session.Microphone)
	sound := card(lang.L("Audio"), container.NewVBox(h.desktop.root, h.mic.root))

	h.problems = widget.NewLabel("")
	h.problems.Wrapping = fyne.TextWrapWord
	warn := widget.NewIcon(theme.NewWarningThemedResource(theme.WarningIcon()))
	h.problemBox = newSurface(colorWarn, 12, 8, container.NewBorder(nil, nil, container.NewVBox(gap(4), warn), nil,
		h.problems))
	h.problemBox.Hide()
	h.closed = newClosedCard(u)
	h.setUp = newSetUpCard(u)
	h.last = newLastClip(u)
	h.root = container.NewVScroll(beside(column(top, h.setUp, h.closed, h.problemBox, h.withServer, h.withoutServer,
		sound, h.last.root, h.videoLabel)))
	return h
}

func (h *home) content() fyne.CanvasObject { return h.root }
func (h *home) enter()                     { h.shownAt, h.leveledAt = time.Time{}, time.Time{} }

// update shows the levels at once, and everything else when it changed: what grows all the time is shown once a second,
// for every change of a text has the whole window drawn.
func (h *home) update(s session.Snapshot) {
	still := s
	still.Frames, still.Dropped, still.BufferedSeconds, still.BufferedBytes, still.Share.ServerSeconds = 0, 0, 0, 0, 0
	still.Desktop.PeakDB, still.Desktop.RMSDB, still.Mic.PeakDB, still.Mic.RMSDB = 0, 0, 0, 0
	if s.Recording != nil {
		still.Recording = &session.RecordingStatus{Path: s.Recording.Path, Dropped: s.Recording.Dropped}
	}
	now, same := time.Now(), reflect.DeepEqual(still, h.shown)
	if !same || now.Sub(h.leveledAt) >= levelEvery() {
		h.leveledAt = now
		h.desktop.level(s.Desktop)
		h.mic.level(s.Mic)
	}
	if same && now.Sub(h.shownAt) < time.Second {
		return
	}
	h.shown, h.shownAt = still, now
	h.show(s)
}

func (h *home) show(s session.Snapshot) {
	if icon := trayIcon(s); icon != h.iconName {
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
	setButton(h.save, saveLast(s.ReplaySeconds), theme.DocumentSaveIcon())
	setEnabled(h.save, s.CanSave())
	if s.RecordOn {
		setButton(h.record, lang.L("Stop recording"), theme.MediaStopIcon())
	} else {
		setButton(h.record, lang.L("Record"), theme.MediaRecordIcon())
	}
	h.showPause(s)
	setText(h.recording, recordingLine(s))
	if setShown(h.recording, s.Recording != nil) {
		h.root.Refresh()
	}

	if h.tiles(s) {
		h.root.Refresh()
	}
	h.desktop.update(s.Desktop)
	h.mic.update(s.Mic)
	setText(h.videoLabel, videoLine(s))
	asks := sharedWindowClosed(s)
	problems := slices.DeleteFunc(slices.Clone(s.Problems), func(p string) bool {
		return asks && p == session.Sentence(s.Screen.Error) || p == h.desktop.noted || p == h.mic.noted // said at its place
	})
	for i, p := range problems {
		problems[i] = locale.Message(p)
	}
	setText(h.problems, strings.Join(problems, "\n"))
	boxes := setShown(h.problemBox, len(problems) > 0)
	server := s.Settings.Sharing.BackendURL != ""
	if setShown(h.withServer, server) {
		boxes = true
		setShown(h.withoutServer, !server)
	}
	boxes = setShown(h.setUp, s.State == session.Idle && !s.Settings.Replay.AtLaunch) || boxes
	if setShown(h.closed, asks) || boxes {
		h.root.Refresh()
	}
	if !server {
		h.u.recent.draw()
	}
	h.last.update(s.LastSave, !server)
}

// showPause has the button pause, or go on.
func (h *home) showPause(s session.Snapshot) {
	if s.Held {
		setButton(&h.pause.pushButton, lang.L("Resume"), theme.MediaPlayIcon())
		h.pause.tip = lang.L("Capture again")
	} else {
		setButton(&h.pause.pushButton, lang.L("Pause"), theme.MediaPauseIcon())
		h.pause.tip = lang.L("Capture nothing until you resume; the buffer stays")
	}
	setEnabled(h.pause, s.Held || s.Captures())
}

// tiles returns whether one may need more room than before.
func (h *home) tiles(s session.Snapshot) (grown bool) {
	for _, t := range []*tile{h.replay, h.alone} {
		if s.ReplayOn {
			grown = t.set(length(s.BufferedSeconds), lang.L("of {{.Length}} · {{.Size}}", map[string]any{
				"Length": length(s.ReplaySeconds), "Size": locale.Size(s.BufferedBytes)}), lang.L("Turn off")) || grown
		} else {
			grown = t.set(lang.L("Off"), lang.L("Not buffering"), lang.L("Turn on")) || grown
		}
	}
	value, detail := lang.L("Off"), lang.L("Not sharing")
	in := lang.L("in {{.Room}}", map[string]any{"Room": s.Share.Room})
	switch s.Share.State {
	case "connecting":
		value, detail = lang.L("Connecting…"), s.Share.Room
	case "live":
		value, detail = lang.L("Live"), in
		if s.Paused {
			value, detail = lang.L("Paused"), lang.L("Viewers see the last frame and hear nothing.")
		}
	case "reconnecting":
		value, detail = lang.L("Reconnecting…"), in
	case "failed":
		value = lang.L("Failed")
		if s.ShareOn {
			detail = lang.L("Retrying…")
		}
	}
	button := lang.L("Start")
	if s.ShareOn {
		button = lang.L("Stop")
	}
	grown = h.share.set(value, detail, button) || grown
	value, detail = serverTile(s)
	link := ""
	switch {
	case watchable(s):
		link = lang.L("Watch link…")
	case s.Share.State == session.ShareOff && s.Settings.Sharing.BackendURL != "":
		link = lang.L("Watch links…") // those to what was shared before can still be revoked
	}
	return h.server.set(value, detail, link) || grown
}

// serverTile is what the server has.
func serverTile(s session.Snapshot) (value, detail string) {
	switch s.Share.Recording {
	case session.ServerActive:
		if s.Paused {
			return length(s.Share.ServerSeconds), lang.L("buffered, paused")
		}
		return length(s.Share.ServerSeconds), lang.L("buffered")
	case "starting":
		return lang.L("Starting…"), lang.L("Server starts recording")
	case "failed":
		return lang.L("Failed"), lang.L("Server recording failed")
	case session.ServerEncrypted:
		return lang.L("Off"), lang.L("Not recorded on the server: the share is end-to-end encrypted")
	}
	return lang.L("Off"), lang.L("Runs while sharing")
}

// length is a length of time in whole seconds.
func length(seconds float64) string {
	return locale.Duration(time.Duration(seconds * float64(time.Second)))
}

func stateTitle(s session.Snapshot) string { return stateWord(s) }

func stateLine(s session.Snapshot) string {
	keys := ""
	for _, k := range s.Hotkeys {
		if k.Name == hotkey.SaveName && k.Active {
			keys = " " + lang.L("Press {{.Keys}} to save.", map[string]any{"Keys": keyNames(cmp.Or(k.Label, k.Keys))})
		}
	}
	buffered := map[string]any{"Length": length(s.BufferedSeconds)}
	nothing := ""
	if s.Paused {
		nothing = lang.L("Nothing is captured.") + " "
	}
	switch s.State {
	case session.Idle:
		return lang.L("Turn the replay buffer on or share your screen.")
	case session.Starting:
		return lang.L("Starting capture…")
	case session.Buffering, session.RecordingOnly, session.Live:
		if s.ReplayOn {
			return nothing + lang.L("{{.Length}} buffered.", buffered) + keys
		}
		if s.State == session.RecordingOnly {
			return nothing + lang.L("Replay buffer off.")
		}
		return nothing + lang.L("Replay buffer off. Clips are saved on the server.") + keys
	case session.Failed:
		if s.CanSave() {
			return lang.L("{{.Length}} can still be saved.", buffered) + keys
		}
		return lang.L("See details below.")
	}
	return lang.L("Shutting down…")
}

// recordingLine says what is being recorded.
func recordingLine(s session.Snapshot) string {
	r := s.Recording
	switch {
	case r == nil:
		return ""
	case r.Path == "" && s.Paused:
		return lang.L("Recording starts when capture goes on.")
	case r.Path == "":
		return lang.L("Starting recording…")
	}
	text := length(r.Seconds) + " · " + locale.Size(r.Bytes) + " · " + filepath.Base(r.Path)
	if s.Paused {
		text = lang.L("Recording paused") + " · " + text
	} else {
		text = lang.L("Recording") + " " + text
	}
	if r.Dropped > 0 {
		text += " · " + lang.L("disk too slow, parts are missing")
	}
	return text
}

// saveLast names the button that saves the whole buffer.
func saveLast(seconds float64) string {
	if seconds == 60 {
		return lang.L("Save last minute")
	}
	return lang.L("Save last {{.Length}}", map[string]any{"Length": length(seconds)})
}

func videoLine(s session.Snapshot) string {
	if s.Encoder == "" || s.Width == 0 { // nothing is encoded yet
		return ""
	}
	return lang.L("{{.Width}} × {{.Height}} · {{.Rate}} FPS · {{.Bitrate}} Mb/s · {{.Encoder}} · saves to {{.Folder}}",
		map[string]any{"Width": s.Width, "Height": s.Height, "Rate": s.FrameRate,
			"Bitrate": locale.Number(float64(s.BitrateKbps)/1000, 1), "Encoder": s.Encoder, "Folder": s.Folder})
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
	button        *pushButton
}

func newTile(name string, tapped func()) *tile {
	t := &tile{value: oneLine(widget.NewLabel("")), detail: muted("")}
	t.detail.Wrapping = fyne.TextWrapWord
	t.value.TextStyle.Bold = true
	t.value.SizeName = theme.SizeNameSubHeadingText
	t.button = newPushButton("", nil, tapped)
	text := container.New(layout.NewCustomPaddedVBoxLayout(-8), muted(name), t.value, t.detail)
	// Below the text, which has the whole width then: beside it, neither had enough in other languages.
	t.root = card("", container.NewBorder(nil, container.NewHBox(gapWide(4), t.button), nil, nil, text))
	return t
}

// newLine is a tile in one line.
func newLine(name string, tapped func()) *tile {
	t := newTile(name, tapped)
	t.value.SizeName = theme.SizeNameText
	t.detail.Wrapping = fyne.TextWrapOff
	oneLine(t.detail)
	title := widget.NewLabel(name)
	text := container.NewBorder(nil, nil, container.NewHBox(title, container.New(layout.NewGridWrapLayout(
		fyne.NewSize(84, 36)), t.value)), nil, t.detail)
	t.root = card("", container.NewBorder(nil, nil, nil, t.button, text))
	return t
}

// set shows a status, and returns whether the tile needs another height for it.
func (t *tile) set(value, detail, button string) bool {
	before := t.root.MinSize().Height
	setText(t.value, value)
	setText(t.detail, detail)
	setButton(t.button, button, nil)
	if setShown(t.button, button != "") {
		t.root.Refresh()
	}
	return t.root.MinSize().Height != before
}

// soundRow is one source of sound: level, device, mute, and a note where something is not as its user expects.
type soundRow struct {
	root   fyne.CanvasObject
	meter  *bar
	device *widget.Label
	mute   *pushButton
	note   *widget.Label
	noted  string // the note, empty for none
	muted  bool
}

func newSoundRow(u *UI, name string, icon fyne.Resource, src session.Source) *soundRow {
	r := &soundRow{meter: newBar(theme.ColorNameSuccess, 8), device: oneLine(muted(""))}
	r.mute = newPushButton(lang.L("Mute"), theme.VolumeMuteIcon(), func() { u.mute(src, !r.muted) })
	label := container.New(layout.NewGridWrapLayout(fyne.NewSize(112, 34)), widget.NewLabel(name))
	button := container.New(layout.NewGridWrapLayout(fyne.NewSize(104, 34)), r.mute)
	r.note = muted("")
	r.note.Wrapping = fyne.TextWrapWord
	r.note.Importance = widget.WarningImportance
	r.note.Hide()
	left := container.NewHBox(gapWide(2), widget.NewIcon(icon), label)
	row := container.NewBorder(nil, nil, left, button, container.NewGridWithColumns(2, r.meter, r.device))
	r.root = container.NewVBox(row, r.note)
	return r
}

// level moves the meter.
func (r *soundRow) level(s session.SourceStatus) {
	db := s.PeakDB
	if s.State != media.Running || s.Muted || s.Closed {
		db = -100
	}
	r.meter.level(db)
}

func (r *soundRow) update(s session.SourceStatus) {
	r.muted = s.Muted
	text := s.Device
	switch {
	case s.State == media.Off:
		text = lang.L("Off")
	case s.State == media.Failed:
		text = lang.L("Error")
	case s.State == media.Paused:
		text = lang.L("Paused")
	case s.State == media.Waiting:
		text = lang.L("No device")
	case s.State == media.Starting:
		text = lang.L("Starting…")
	case s.Muted:
		text = lang.L("Muted")
	case s.Closed:
		text = lang.L("Push-to-talk")
	case text == "", text == "default":
		text = lang.L("System default")
	}
	r.noted = ""
	if s.State == media.Running && s.Error != "" {
		r.noted = session.Sentence(s.Error)
	}
	setText(r.note, locale.Message(r.noted))
	setShown(r.note, r.noted != "")
	setText(r.device, text)
	if s.Muted {
		setButton(r.mute, lang.L("Unmute"), theme.VolumeUpIcon())
	} else {
		setButton(r.mute, lang.L("Mute"), theme.VolumeMuteIcon())
	}
	setEnabled(r.mute, s.State != media.Off)
}

// lastClip is the newest save and what can be done with it.
type lastClip struct {
	u            *UI
	root         *surface
	name, detail *widget.Label
	play, folder *pushButton
	path         string
}

func newLastClip(u *UI) *lastClip {
	l := &lastClip{u: u, name: oneLine(widget.NewLabel("")), detail: muted("")}
	l.detail.Wrapping = fyne.TextWrapWord
	l.play = newPushButton(lang.L("Play"), theme.MediaPlayIcon(), func() { u.play(l.path) })
	l.folder = newPushButton(lang.L("Folder"), theme.FolderOpenIcon(), func() { u.reveal(l.path) })
	text := container.New(layout.NewCustomPaddedVBoxLayout(-8), l.name, l.detail)
	buttons := container.NewCenter(container.NewHBox(l.play, l.folder))
	l.root = card(lang.L("Last clip"), container.NewBorder(nil, nil, nil, buttons, text))
	l.root.Hide()
	return l
}

// update shows a save; where the newest clips are shown as well, only one that is not among them.
func (l *lastClip) update(r *session.SaveRecord, listed bool) {
	shown := r != nil && (r.Clip == nil || !listed)
	setShown(l.root, shown)
	if !shown {
		return
	}
	name, detail := lang.L("Saving…"), lang.L("Pressed at {{.Time}}", map[string]any{
		"Time": locale.Clock(r.PressedAt.Local())})
	l.path = ""
	switch {
	case r.Clip != nil:
		l.path = r.Clip.Path
		name = filepath.Base(r.Clip.Path)
		detail = lang.L("{{.Length}} · {{.Size}} · {{.Width}} × {{.Height}}", map[string]any{
			"Length": length(r.Clip.Seconds), "Size": locale.Size(r.Clip.Bytes), "Width": r.Clip.Width,
			"Height": r.Clip.Height})
	case r.Local == "waiting":
		left := max(time.Until(r.DueAt).Round(time.Second), 0)
		name = lang.L("Saving in {{.Seconds}} s…", map[string]any{"Seconds": int(left.Seconds())})
	case r.Local == "failed":
		name, detail = lang.L("Couldn't save replay"), locale.Message(r.LocalError)
	case r.Local == "off" && r.Server == "saved":
		name = lang.L("Saved on server")
	}
	switch r.Server {
	case "saving":
		detail += " · " + lang.L("Saving on server…")
	case "saved":
		detail += " · " + lang.L("Saved on server")
	case "failed":
		detail += " · " + lang.L("Couldn't save on server: {{.Reason}}", map[string]any{
			"Reason": locale.Message(r.ServerError)})
	}
	setText(l.name, name)
	setText(l.detail, detail)
	setShown(l.play, l.path != "")
	setShown(l.folder, l.path != "")
}

// newSetUpCard offers the first start's card again, where nothing starts by itself.
func newSetUpCard(u *UI) *surface {
	text := widget.NewLabel(lang.L("Nothing is captured, and nothing starts by itself."))
	text.Wrapping = fyne.TextWrapWord
	open := newPushButton(lang.L("Set up…"), theme.NavigateNextIcon(), u.openFirstRun)
	open.IconPlacement = widget.ButtonIconTrailingText
	c := newSurface(colorCard, 12, 8, container.NewBorder(nil, nil, nil, container.NewCenter(open), text))
	c.Hide()
	return c
}

// sharedWindowClosed is whether others see the last frame of a window that is no more.
func sharedWindowClosed(s session.Snapshot) bool {
	return s.ShareOn && s.Screen.State == media.Waiting && s.Screen.Reason == media.Closed
}

// newClosedCard asks what to share after the shared window was closed.
func newClosedCard(u *UI) *surface {
	title := widget.NewLabel(lang.L("The shared window was closed"))
	title.TextStyle.Bold = true
	text := muted(lang.L("Others see its last frame. Nothing else is captured until you choose."))
	text.Wrapping = fyne.TextWrapWord
	choose := newPushButton(lang.L("Choose another window"), nil, u.chooseWindow)
	choose.Importance = widget.HighImportance
	stop := newPushButton(lang.L("Stop sharing"), nil, func() { u.share(false) })
	c := newSurface(colorWarn, 12, 10, container.NewBorder(nil, nil, nil,
		container.NewCenter(container.NewHBox(stop, choose)),
		container.New(layout.NewCustomPaddedVBoxLayout(-8), title, text)))
	c.Hide()
	return c
}
