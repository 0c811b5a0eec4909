package ui

import (
	"context"
	"errors"
	"image"
	"path/filepath"
	"strings"
	"time"

	"github.com/adrg/xdg"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/media"
)

// firstRun is the card of the first start, in the place of the whole window. It says what is recorded and where it
// stays before anything is captured, and asks. After Start it has the key pressed once. The preview, which the user has
// to ask for, shows frames and levels and keeps nothing; it ends with the card and with the window.
//
// It belongs to the main goroutine; the goroutine that takes frames for the preview ends with it.
type firstRun struct {
	u    *UI
	root fyne.CanvasObject

	image            *canvas.Image
	show, hide       *pushButton
	hint             *widget.Label
	desktop, mic     *bar
	micOn, login     *widget.Check
	start, later     *pushButton
	wrong            *widget.Label
	previewing       func()             // ends the preview, nil while there is none
	watching         context.CancelFunc // ends its frames
	try              *firstTry          // after Start
	portal, answered bool
	// wasOn is whether the buffer was on when the card was opened, as it can be when it is shown again.
	wasOn bool
}

// previewEvery is how often the preview takes a frame: often enough to see that it is live.
const previewEvery = 300 * time.Millisecond

// openFirstRun shows the card.
func (u *UI) openFirstRun() {
	if u.firstRun != nil {
		return
	}
	u.firstRun = newFirstRun(u)
	u.window.SetContent(u.firstRun.root)
	u.meters()
}

// closeFirstRun goes on to Home.
func (u *UI) closeFirstRun() {
	u.firstRun.hidden()
	u.firstRun = nil
	u.window.SetContent(u.nav.content())
	u.nav.choose(pageHome)
	u.home.enter()
	u.meters()
	u.presenter.apply(u.parts.Feed.Snapshot())
}

func newFirstRun(u *UI) *firstRun {
	c := u.parts.Feed.Snapshot().Settings
	f := &firstRun{u: u, wasOn: u.parts.Feed.Snapshot().ReplayOn, desktop: newBar(theme.ColorNameSuccess, 8),
		mic: newBar(theme.ColorNameSuccess, 8)}
	f.portal, _ = capture.ByPortal(c.Video.Backend)
	f.micOn = widget.NewCheck(lang.L("Record my microphone"), nil)
	f.micOn.SetChecked(c.Sound.Microphone.Enabled)
	f.micOn.OnChanged = func(on bool) { f.setMic(on) }
	f.login = widget.NewCheck(lang.L("Start at login, in the tray"), nil)
	f.login.SetChecked(c.App.StartAtLogin)
	f.start = newPushButton(lang.L("Start"), theme.ConfirmIcon(), f.accept)
	f.start.Importance = widget.HighImportance
	f.later = newPushButton(lang.L("Not now"), nil, f.decline)
	f.wrong = widget.NewLabel("")
	f.wrong.Wrapping, f.wrong.Importance = fyne.TextWrapWord, widget.DangerImportance
	f.wrong.Hide()

	stays := lang.L("Nothing is uploaded unless you share your screen in a room.")
	if c.Replay.KeepAfterCrash {
		stays += " " + lang.L("A backup in your cache folder survives a crash.")
	}
	where := lang.L("Press {{.Keys}}: the clip goes to {{.Folder}}.", map[string]any{
		"Keys": keysOr(c.Hotkeys.Save), "Folder": atHome(c.ClipFolder())})
	facts := container.New(layout.NewCustomPaddedVBoxLayout(2),
		fact(theme.ComputerIcon(), lang.L("Your screen and sound"), lang.L("Hindsight keeps the last {{.Length}} and "+
			"discards what is older.", map[string]any{"Length": seconds(float64(c.Replay.Seconds))})),
		f.micOn,
		fact(theme.HomeIcon(), lang.L("It stays on this computer"), stays),
		fact(theme.FolderIcon(), lang.L("Clips are saved when you ask"), where),
		f.login, f.wrong)
	body := container.New(&twoColumns{gap: 20, least: 250}, f.preview(), facts)
	note := muted(lang.L("You can change all of this in Settings."))
	buttons := container.NewVBox(gap(4), container.NewBorder(nil, nil, nil, container.NewHBox(f.later, f.start), note))
	f.root = firstPage(lang.L("Welcome to Hindsight"), lang.L("Nothing is captured yet. This is what happens when you "+
		"choose Start:"), body, buttons)
	return f
}

// firstPage is a heading, what can be scrolled below it, and buttons that are always there.
func firstPage(title, line string, body, buttons fyne.CanvasObject) fyne.CanvasObject {
	icon := appIcon(44)
	heading := widget.NewLabel(title)
	heading.TextStyle.Bold = true
	heading.SizeName = theme.SizeNameHeadingText
	under := widget.NewLabel(line)
	under.Wrapping = fyne.TextWrapWord
	head := container.NewBorder(nil, nil, container.NewCenter(icon), nil,
		container.New(layout.NewCustomPaddedVBoxLayout(-8), heading, under))
	page := container.NewBorder(head, buttons, nil, nil, container.NewVScroll(newSurface(colorCard, 12, 14, body)))
	return container.New(&centered{width: 860, height: 520, margin: 16}, page)
}

// preview is where the screen and the levels are shown.
func (f *firstRun) preview() fyne.CanvasObject {
	f.image = &canvas.Image{FillMode: canvas.ImageFillContain, CornerRadius: 8}
	f.show = newPushButton(lang.L("Show preview"), theme.VisibilityIcon(), f.beginPreview)
	f.hide = newPushButton(lang.L("Hide preview"), theme.VisibilityOffIcon(), f.endPreview)
	f.hide.Importance = widget.LowImportance
	f.hide.Hide()
	f.hint = muted(lang.L("Shows what would be captured. Nothing of it is kept."))
	f.hint.Wrapping = fyne.TextWrapWord
	screen := canvas.NewRectangle(rgb(0x0c0e14))
	screen.CornerRadius = 8
	place := container.New(&wide{}, container.NewStack(screen, f.image, container.NewCenter(f.show)))
	level := func(name string, icon fyne.Resource, b *bar) fyne.CanvasObject {
		label := container.New(layout.NewGridWrapLayout(fyne.NewSize(104, 30)), muted(name))
		return container.NewBorder(nil, nil, container.NewHBox(widget.NewIcon(icon), label), nil, b)
	}
	return container.NewVBox(place, container.NewBorder(nil, nil, nil, f.hide, f.hint),
		level(lang.L("Desktop audio"), theme.VolumeUpIcon(), f.desktop),
		level(lang.L("Microphone"), microphone, f.mic))
}

// fact is one line of what the card says, with an icon.
func fact(icon fyne.Resource, title, text string) fyne.CanvasObject {
	t := widget.NewLabel(title)
	t.TextStyle.Bold = true
	l := muted(text)
	l.Wrapping = fyne.TextWrapWord
	return container.NewBorder(nil, nil, container.NewVBox(gap(4), widget.NewIcon(icon)), nil,
		container.New(layout.NewCustomPaddedVBoxLayout(-12), t, l))
}

// keysOr is a hotkey, or what stands for it where it is off.
func keysOr(keys string) string {
	if keys == "" {
		return lang.L("the Save button")
	}
	return keyNames(keys)
}

// atHome writes a path below the home folder with ~.
func atHome(path string) string {
	if rest, ok := strings.CutPrefix(path, filepath.Clean(xdg.Home)+string(filepath.Separator)); ok {
		return "~/" + filepath.ToSlash(rest)
	}
	return path
}

func (f *firstRun) beginPreview() {
	if mic := f.micOn.Checked; mic != f.u.parts.Feed.Snapshot().Settings.Sound.Microphone.Enabled {
		// What is unticked is not opened, not even for the levels.
		f.apply(func(c *config.Config) { c.Sound.Microphone.Enabled = mic }, func() { f.openPreview(mic) })
		return
	}
	f.openPreview(f.micOn.Checked)
}

// openPreview opens the preview once the session knows whether it has the microphone.
func (f *firstRun) openPreview(mic bool) {
	switch {
	case f.previewing != nil || f.answered || !f.u.shown.Load(): // the window may be gone by now
		return
	case mic != f.micOn.Checked: // the user has changed their mind
		f.beginPreview()
		return
	}
	f.previewing = f.u.parts.Feed.Preview()
	f.show.Hide()
	f.hide.Show()
	ctx, cancel := context.WithCancel(f.u.ctx)
	f.watching = cancel
	if f.portal {
		f.hint.SetText(lang.L("Your desktop asks what to capture. Nothing of it is kept."))
		f.u.watches.Go(func() {
			f.frames(ctx, func() (image.Image, error) {
				return f.u.parts.Feed.Look(ctx, 2*previewWidth, 2*previewHeight, false), nil
			})
		})
		return
	}
	f.hint.SetText(lang.L("This is live. Nothing of it is kept."))
	target := f.u.parts.Feed.Snapshot().Settings.Video.Source.Target()
	f.u.watches.Go(func() {
		f.frames(ctx, func() (image.Image, error) {
			return f.u.parts.Preview(target, 2*previewWidth, 2*previewHeight)
		})
	})
}

// frames shows a frame again and again until the context ends; without one the last stays.
func (f *firstRun) frames(ctx context.Context, take func() (image.Image, error)) {
	timer := time.NewTicker(previewEvery)
	defer timer.Stop()
	for {
		img, err := take()
		f.u.main(func() {
			if ctx.Err() == nil {
				f.draw(img, err)
			}
		})
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

func (f *firstRun) draw(img image.Image, err error) {
	if err != nil {
		setText(f.hint, wording(err))
		return
	}
	if img == nil {
		return
	}
	if f.portal {
		setText(f.hint, lang.L("This is live. Nothing of it is kept."))
	}
	f.image.Image = img
	f.image.Refresh()
}

func (f *firstRun) endPreview() {
	if f.previewing == nil {
		return
	}
	f.previewing()
	f.previewing = nil
	if f.watching != nil {
		f.watching()
		f.watching = nil
	}
	f.image.Image = nil
	f.image.Refresh()
	f.show.Show()
	f.hide.Hide()
	f.hint.SetText(lang.L("Shows what would be captured. Nothing of it is kept."))
	f.desktop.level(-100)
	f.mic.level(-100)
}

// hidden ends the preview with the window; it may be called without a card.
func (f *firstRun) hidden() {
	if f != nil {
		f.endPreview()
	}
}

// setMic has the preview follow the choice at once; else it is stored with the answer.
func (f *firstRun) setMic(on bool) {
	if f.previewing != nil {
		f.apply(func(c *config.Config) { c.Sound.Microphone.Enabled = on }, func() {})
	}
}

// accept is Start: it stores the choices, turns the buffer on and has the key pressed once.
func (f *firstRun) accept() {
	f.answer(true, func() {
		f.u.do(lang.L("Couldn't turn on replay buffer"), func() error {
			err := f.u.parts.Commands.SetReplay(true)
			if err == nil {
				f.u.main(f.tryKey)
			}
			return err
		})
	})
}

// decline is Not now: everything stays off, now and at the next start.
func (f *firstRun) decline() {
	f.answer(false, f.u.closeFirstRun)
}

func (f *firstRun) answer(on bool, then func()) {
	if f.answered {
		return
	}
	f.answered = true
	setEnabled(f.start, false)
	setEnabled(f.later, false)
	mic, login := f.micOn.Checked, f.login.Checked
	f.apply(func(c *config.Config) {
		c.App.FirstRunDone, c.Replay.AtLaunch = true, on
		if on {
			c.Sound.Microphone.Enabled, c.App.StartAtLogin = mic, login
		}
	}, then)
}

// apply changes settings beside the main goroutine and continues with then, or says what did not work.
func (f *firstRun) apply(edit func(*config.Config), then func()) {
	u := f.u
	patch := config.Edit(u.parts.Feed.Snapshot().Settings, edit)
	u.wg.Go(func() {
		ctx, cancel := context.WithTimeout(u.ctx, settleWait)
		defer cancel()
		result := u.parts.Editor.Apply(ctx, patch)
		u.main(func() {
			if u.firstRun != f {
				return
			}
			if err := result.Err(); err != nil && !u.parts.Feed.Snapshot().Settings.App.FirstRunDone {
				f.fail(err)
				return
			} else if err != nil {
				u.tell(lang.L("Not everything could be saved"), errors.New(failedFields(result)))
			}
			then()
		})
	})
}

// failedFields says what was refused, in the window's words.
func failedFields(r config.Result) string {
	var lines []string
	for _, field := range r.Refused() {
		lines = append(lines, settingName(field.Key)+": "+refusal(field))
	}
	if r.Unsaved != "" {
		lines = append(lines, locale.Message(r.Unsaved))
	}
	return strings.Join(lines, "\n")
}

func (f *firstRun) fail(err error) {
	f.answered = false
	setEnabled(f.start, true)
	setEnabled(f.later, true)
	f.wrong.SetText(wording(err))
	f.wrong.Show()
}

// tryKey goes on to the key's trial.
func (f *firstRun) tryKey() {
	if f.u.firstRun != f {
		return
	}
	f.endPreview()
	f.try = newFirstTry(f.u)
	f.u.window.SetContent(f.try.root)
	f.try.update(f.u.parts.Feed.Snapshot())
}

func (f *firstRun) update(s session.Snapshot) {
	if f.try != nil {
		f.try.update(s)
		return
	}
	if s.Settings.App.FirstRunDone && !f.answered && s.ReplayOn && !f.wasOn { // another front end has answered
		f.u.closeFirstRun()
		return
	}
	if f.previewing != nil {
		f.desktop.level(levelOf(s.Desktop))
		f.mic.level(levelOf(s.Mic))
		if s.Screen.State == media.Failed {
			setText(f.hint, locale.Message(session.Sentence(s.Screen.Error)))
		}
	}
}

func levelOf(s session.SourceStatus) float64 {
	if s.State != media.Running || s.Muted || s.Closed {
		return -100
	}
	return s.PeakDB
}

// firstTry has the save key pressed once and shows the clip.
type firstTry struct {
	u          *UI
	root       fyne.CanvasObject
	key        *canvas.Text
	cap        *surface
	line       *widget.Label
	save, done *pushButton
	play       *pushButton
	folder     *pushButton
	thumb      *canvas.Image
	screen     fyne.CanvasObject
	thumbs     *thumbs
	path       string
	before     int // the save before the trial
}

func newFirstTry(u *UI) *firstTry {
	t := &firstTry{u: u, line: widget.NewLabel(""), key: canvas.NewText("", nil)}
	if last := u.parts.Feed.Snapshot().LastSave; last != nil {
		t.before = last.ID
	}
	t.thumbs = newThumbs(u, func(string) { t.drawThumb() })
	t.key.TextSize, t.key.TextStyle.Bold, t.key.Alignment = 30, true, fyne.TextAlignCenter
	t.cap = newSurface(colorTrack, 10, 18, t.key)
	t.line.Alignment, t.line.Wrapping = fyne.TextAlignCenter, fyne.TextWrapWord
	line := container.New(layout.NewGridWrapLayout(fyne.NewSize(420, 58)), t.line)
	t.save = newPushButton(lang.L("Save replay"), theme.DocumentSaveIcon(), u.saveReplay)
	t.play = newPushButton(lang.L("Play"), theme.MediaPlayIcon(), func() { u.play(t.path) })
	t.folder = newPushButton(lang.L("Folder"), theme.FolderOpenIcon(), func() { u.reveal(t.path) })
	t.done = newPushButton(lang.L("Skip"), nil, u.closeFirstRun)
	t.thumb = &canvas.Image{FillMode: canvas.ImageFillContain, CornerRadius: 8}
	back := canvas.NewRectangle(rgb(0x0c0e14))
	back.CornerRadius = 8
	t.screen = container.NewGridWrap(fyne.NewSize(2*thumbWidth, 2*thumbHeight), container.NewStack(back, t.thumb))
	for _, o := range []fyne.CanvasObject{t.play, t.folder, t.screen} {
		o.Hide()
	}
	body := container.NewVBox(gap(8), container.NewCenter(container.NewStack(t.cap, t.screen)), line,
		container.NewCenter(container.NewHBox(t.save, t.play, t.folder)), gap(8))
	note := muted(lang.L("Hindsight stays in the tray when you close its window."))
	buttons := container.NewBorder(nil, nil, nil, container.NewHBox(t.done), note)
	t.root = firstPage(lang.L("The replay buffer is on"), lang.L("Try it once: the last seconds become a clip."),
		container.NewCenter(body), buttons)
	return t
}

func (t *firstTry) update(s session.Snapshot) {
	t.key.Color = theme.Color(theme.ColorNameForeground)
	keys, problem := keyNames(s.Settings.Hotkeys.Save), ""
	for _, k := range s.Hotkeys {
		if k.Name == hotkey.SaveName {
			problem = locale.Message(k.Error)
		}
	}
	line := lang.L("Press {{.Keys}} now. It works in every program.", map[string]any{"Keys": keys})
	switch r := s.LastSave; {
	case r != nil && r.ID > t.before && r.Clip != nil:
		t.saved(r)
		return
	case r != nil && r.ID > t.before && r.Local == "failed":
		line = locale.Message(r.LocalError)
	case r != nil && r.ID > t.before:
		line = lang.L("Saving…")
	case problem != "":
		line = problem
	case keys == "":
		keys, line = "–", lang.L("No key is set. The button saves as well.")
	}
	if t.path != "" {
		return
	}
	if t.key.Text != keys {
		t.key.Text = keys
		t.key.Refresh()
		t.cap.Refresh()
	}
	setText(t.line, line)
	setEnabled(t.save, s.CanSave())
}

// saved shows the clip.
func (t *firstTry) saved(r *session.SaveRecord) {
	if t.path == r.Clip.Path {
		return
	}
	t.path = r.Clip.Path
	setText(t.line, lang.L("Saved: {{.Name}} · {{.Length}} · {{.Size}}", map[string]any{"Name": filepath.Base(r.Clip.Path),
		"Length": length(r.Clip.Seconds), "Size": locale.Size(r.Clip.Bytes)}))
	for _, o := range []fyne.CanvasObject{t.play, t.folder, t.screen} {
		o.Show()
	}
	t.cap.Hide()
	t.save.Hide()
	t.done.Importance = widget.HighImportance
	t.done.SetText(lang.L("Done"))
	t.drawThumb()
}

func (t *firstTry) drawThumb() {
	if img := t.thumbs.get(t.path); img != nil {
		t.thumb.Image = img
		t.thumb.Refresh()
	}
}
