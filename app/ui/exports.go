package ui

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/capture/export"
)

// exports are the files that are made from clips, one after the other, also while the window is hidden. They belong to
// the main goroutine.
type exports struct {
	u    *UI
	jobs []*exportJob
	// list is the dialog that shows them, nil while it is not open; said is what the tray says of them.
	list *exportList
	said string
}

// exportState is how far an export is.
type exportState int

const (
	exportWaits exportState = iota
	exportRuns
	exportDone
	exportFailed
)

// exportJob is one export.
type exportJob struct {
	request  export.Request
	state    exportState
	progress export.Progress
	result   export.Result
	err      error
	cancel   context.CancelFunc // while it runs
	canceled bool
}

// name is that of the new file.
func (j *exportJob) name() string {
	if j.state == exportDone {
		return filepath.Base(j.result.Path)
	}
	return j.request.Name()
}

// add has exports made.
func (e *exports) add(requests []export.Request) {
	for _, r := range requests {
		e.jobs = append(e.jobs, &exportJob{request: r, progress: export.Progress{LeftSeconds: -1}})
	}
	e.next()
}

// next begins the next one that waits, unless one runs.
func (e *exports) next() {
	waits := -1
	for i, j := range e.jobs {
		if j.state == exportRuns {
			return
		}
		if j.state == exportWaits && waits < 0 {
			waits = i
		}
	}
	if waits >= 0 {
		e.run(e.jobs[waits])
	}
	e.changed()
}

func (e *exports) run(j *exportJob) {
	u := e.u
	ctx, cancel := context.WithCancel(u.ctx)
	j.state, j.cancel = exportRuns, cancel
	u.wg.Add(1)
	go func() {
		defer u.wg.Done()
		defer cancel()
		result, err := export.Run(ctx, j.request, func(p export.Progress) {
			u.main(func() {
				if j.state == exportRuns {
					j.progress = p
					e.changed()
				}
			})
		})
		if u.ctx.Err() != nil {
			return // the app ends
		}
		if !errors.Is(err, context.Canceled) {
			u.parts.Exported(result.Path, err)
		}
		u.main(func() { e.ended(j, result, err) })
	}()
}

func (e *exports) ended(j *exportJob, result export.Result, err error) {
	j.result, j.err, j.cancel = result, err, nil
	switch {
	case errors.Is(err, context.Canceled):
		e.jobs = slices.DeleteFunc(e.jobs, func(x *exportJob) bool { return x == j })
	case err != nil:
		j.state = exportFailed
	default:
		j.state = exportDone
		e.u.parts.Library.Refresh()
	}
	e.next()
}

// stop ends an export, or takes it out of the list.
func (e *exports) stop(j *exportJob) {
	if j.cancel != nil {
		j.cancel() // and ended takes it out
		j.canceled = true
		e.changed()
		return
	}
	e.jobs = slices.DeleteFunc(e.jobs, func(x *exportJob) bool { return x == j })
	e.changed()
}

// changed shows what is new.
func (e *exports) changed() {
	if e.list != nil {
		e.list.show()
	}
	if line := e.line(); line != e.said {
		e.said = line
		e.u.tray.refresh()
	}
}

// line is what the tray says: empty while nothing is exported. It changes seldom, for some desktops close a menu that
// changes.
func (e *exports) line() string {
	waiting := 0
	var runs *exportJob
	for _, j := range e.jobs {
		switch j.state {
		case exportWaits:
			waiting++
		case exportRuns:
			runs = j
		}
	}
	if runs == nil {
		return ""
	}
	text := lang.L("Exporting clip: {{.Percent}} %", map[string]any{"Percent": int(runs.progress.Fraction*4) * 25})
	if waiting > 0 {
		text += " · " + lang.N("{{.PluralCount}} waiting", waiting)
	}
	return text
}

// exportClips asks how clips are to be exported.
func (u *UI) exportClips(paths []string) {
	if len(paths) == 0 {
		return
	}
	u.do(lang.L("Couldn't export clip"), func() error {
		var infos []export.Info
		for _, path := range paths {
			i, err := export.Look(path)
			if err != nil {
				return err
			}
			infos = append(infos, i)
		}
		u.main(func() { newExportDialog(u, paths, infos) })
		return nil
	})
}

// exportDialog asks for a preset.
type exportDialog struct {
	u        *UI
	paths    []string
	infos    []export.Info
	request  export.Request // without a path
	cards    map[export.Preset]*choice
	limit    *widget.Select
	crop     *widget.RadioGroup
	sound    *widget.RadioGroup
	codec    *widget.RadioGroup
	tracks   *widget.Check
	rows     [3]fyne.CanvasObject // of limit, crop and sound
	codecRow fyne.CanvasObject
	name     *widget.Label
	expect   *widget.Label
	start    *widget.Button
}

// exportPreset is how a preset is offered.
type exportPreset struct {
	preset       export.Preset
	icon         fyne.Resource
	title, about string
}

func exportPresets() []exportPreset {
	return []exportPreset{
		{export.Fits, theme.MailSendIcon(), lang.L("Fit a size"), lang.L("For chats with a limit")},
		{export.P1080, theme.MediaVideoIcon(), "1080p", lang.L("Sharp, plays everywhere")},
		{export.P720, theme.MediaVideoIcon(), "720p", lang.L("Smaller, plays everywhere")},
		{export.Vertical, uprightIcon, lang.L("Vertical 9:16"), lang.L("For phones and shorts")},
		{export.GIF, theme.MediaReplayIcon(), "GIF", lang.L("Short, without sound")},
		{export.WebP, theme.MediaReplayIcon(), lang.L("Animated WebP"), lang.L("Smaller than GIF")},
		{export.Audio, theme.MediaMusicIcon(), lang.L("Audio only"), lang.L("Without the video")},
	}
}

// exportIcon is an arrow out of a box.
var exportIcon = icon("export.svg", "M16 5l-1.42 1.42-1.59-1.59V16h-1.98V4.83L9.42 6.42 8 5l4-4 4 4z"+
	"M20 10v11c0 1.1-.9 2-2 2H6c-1.11 0-2-.9-2-2V10c0-1.11.89-2 2-2h3v2H6v11h12V10h-3V8h3c1.1 0 2 .89 2 2z")

// uprightIcon is a phone.
var uprightIcon = icon("upright.svg", "M7 1h10a2 2 0 0 1 2 2v18a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2V3a2 2 0 0 1 2-2z"+
	"M7 4v15h10V4zM11 20.500v1h2v-1z")

// exportLimits are the sizes that are offered, in MB.
var exportLimits = []int64{4, 8, 10, 20, 25, 50, 100, 500}

func newExportDialog(u *UI, paths []string, infos []export.Info) {
	d := &exportDialog{u: u, paths: paths, infos: infos, cards: map[export.Preset]*choice{}, name: oneLine(muted("")),
		expect: oneLine(widget.NewLabel(""))}
	d.expect.TextStyle.Bold = true
	d.request = export.Request{Preset: export.Fits, Limit: export.DefaultLimit, Crop: export.Center, Sound: export.M4A}
	grid := container.New(layout.NewGridLayoutWithColumns(3))
	for _, p := range exportPresets() {
		grid.Add(d.card(p))
	}
	options := d.options()
	what := oneLine(muted(lang.N("{{.PluralCount}} clips", len(paths))))
	if len(paths) == 1 {
		what.SetText(filepath.Base(paths[0]) + " · " + length(infos[0].Seconds))
	}
	body := container.NewVBox(what, grid, gap(4), options, widget.NewSeparator(), d.expect, d.name)
	own := dialog.NewCustomWithoutButtons(lang.L("Export clip"), body, u.window)
	cancel := widget.NewButton(lang.L("Cancel"), own.Dismiss)
	begin := func() {
		own.Dismiss()
		u.exports.add(d.requests())
		u.exports.open()
	}
	d.start = widget.NewButtonWithIcon(lang.L("Export"), exportIcon, begin)
	d.start.Importance = widget.HighImportance
	own.SetButtons([]fyne.CanvasObject{cancel, d.start})
	d.changed()
	u.front(&open{Dialog: own, asks: true, enter: begin})
	own.Resize(fyne.NewSize(min(680, u.window.Canvas().Size().Width-40), own.MinSize().Height))
}

// card is a preset to choose.
func (d *exportDialog) card(p exportPreset) *choice {
	c := &choice{name: p.title, on: p.preset == d.request.Preset, frame: canvas.NewRectangle(nil), tap: func() {
		d.request.Preset = p.preset
		d.changed()
	}}
	c.frame.CornerRadius = 8
	title, about := oneLine(widget.NewLabel(p.title)), oneLine(muted(p.about))
	title.TextStyle.Bold = true
	lines := container.New(layout.NewCustomPaddedVBoxLayout(-12), title, about)
	shown := container.NewGridWrap(fyne.NewSquareSize(28), widget.NewIcon(theme.NewPrimaryThemedResource(p.icon)))
	c.body = container.NewStack(c.frame, container.New(layout.NewCustomPaddedLayout(6, 6, 10, 6),
		container.NewBorder(nil, nil, container.NewCenter(shown), nil, lines)))
	c.ExtendBaseWidget(c)
	d.cards[p.preset] = c
	return c
}

// options are what some presets ask beside.
func (d *exportDialog) options() fyne.CanvasObject {
	var sizes []string
	for _, mb := range exportLimits {
		sizes = append(sizes, locale.Size(mb*export.MB))
	}
	d.limit = widget.NewSelect(sizes, nil)
	d.limit.SetSelectedIndex(slices.Index(exportLimits, int64(export.DefaultLimit/export.MB)))
	d.limit.OnChanged = func(string) {
		d.request.Limit = exportLimits[d.limit.SelectedIndex()] * export.MB
		d.changed()
	}
	places := []string{lang.L("Left"), lang.L("Center"), lang.L("Right")}
	d.crop = widget.NewRadioGroup(places, func(text string) {
		d.request.Crop = export.Positions()[max(slices.Index(places, text), 0)]
	})
	d.crop.Horizontal, d.crop.Required = true, true
	d.crop.SetSelected(places[1])
	var formats []string
	for _, f := range export.SoundFormats() {
		formats = append(formats, strings.ToUpper(f.String()))
	}
	d.sound = widget.NewRadioGroup(formats, func(text string) {
		d.request.Sound = export.SoundFormats()[max(slices.Index(formats, text), 0)]
		d.changed()
	})
	d.sound.Horizontal, d.sound.Required = true, true
	d.tracks = widget.NewCheck(lang.L("Keep all audio tracks beside the mix"), func(on bool) { d.request.AllTracks = on })
	d.sound.Selected = formats[0]
	d.rows = [3]fyne.CanvasObject{
		container.NewHBox(widget.NewLabel(lang.L("At most")), d.limit),
		container.NewHBox(widget.NewLabel(lang.L("Part of the screen")), d.crop),
		container.NewHBox(widget.NewLabel(lang.L("Format")), d.sound),
	}
	return container.NewVBox(container.NewStack(append(d.rows[:], gap(36))...), d.codecs(), d.tracks)
}

// codecs is the choice of a codec, where several are installed.
func (d *exportDialog) codecs() fyne.CanvasObject {
	installed := export.Codecs()
	names := map[export.Codec]string{export.H264: "H.264", export.HEVC: "HEVC", export.AV1: "AV1"}
	var texts []string
	for _, c := range installed {
		texts = append(texts, names[c])
	}
	d.codec = widget.NewRadioGroup(texts, func(text string) {
		d.request.Codec = installed[max(slices.Index(texts, text), 0)]
		d.changed()
	})
	d.codec.Horizontal, d.codec.Required, d.codec.Selected = true, true, texts[0]
	about := oneLine(muted(lang.L("HEVC and AV1: smaller, slower, not for every player")))
	d.codecRow = container.NewBorder(nil, nil, container.NewHBox(widget.NewLabel(lang.L("Codec")), d.codec), nil, about)
	return d.codecRow
}

// requests are what was chosen, for each clip.
func (d *exportDialog) requests() []export.Request {
	var out []export.Request
	for _, path := range d.paths {
		r := d.request
		r.Path = path
		if !r.Preset.HasCodecs() {
			r.Codec = "" // chosen before for another preset
		}
		out = append(out, r)
	}
	return out
}

// changed shows what goes with the choice.
func (d *exportDialog) changed() {
	if d.start == nil {
		return // it is being made
	}
	p := d.request.Preset
	for preset, card := range d.cards {
		if card.on != (preset == p) {
			card.on = preset == p
			card.Refresh()
		}
	}
	video := p == export.Fits || p == export.P720 || p == export.P1080 || p == export.Vertical
	several := slices.ContainsFunc(d.infos, func(i export.Info) bool { return i.Sounds > 1 })
	setShown(d.rows[0], p == export.Fits)
	setShown(d.rows[1], p == export.Vertical)
	setShown(d.rows[2], p == export.Audio)
	setShown(d.codecRow, p.HasCodecs() && len(d.codec.Options) > 1)
	setShown(d.tracks, video && several)
	var bytes int64
	var plan export.Plan
	for i, r := range d.requests() {
		plan = d.infos[i].Plan(r)
		bytes += plan.Bytes
	}
	text := lang.L("About {{.Size}}", map[string]any{"Size": locale.Size(bytes)})
	if len(d.paths) == 1 && plan.Width > 0 && p != export.Fits {
		text += frames(plan.Width, plan.Height, plan.FrameRate)
	}
	setText(d.expect, text)
	first := d.requests()[0]
	name := lang.L("Saved beside the clip as {{.Name}}", map[string]any{"Name": first.Name()})
	if len(d.paths) > 1 {
		name = lang.L("Saved beside the clips, the first as {{.Name}}", map[string]any{"Name": first.Name()})
	}
	setText(d.name, name)
}

// exportList is a dialog that shows what is exported.
type exportList struct {
	e      *exports
	dialog *dialog.CustomDialog
	rows   *fyne.Container
	shown  []*exportRow
}

// exportRow is one line of it.
type exportRow struct {
	job          *exportJob
	root         fyne.CanvasObject
	name, detail *widget.Label
	gauge        *bar
	under        fyne.CanvasObject // the place of the gauge
	stop         *widget.Button
	folder, copy *widget.Button
}

// open shows the list.
func (e *exports) open() {
	if e.list != nil || len(e.jobs) == 0 {
		return
	}
	l := &exportList{e: e, rows: container.NewVBox()}
	scroll := container.NewVScroll(l.rows)
	l.dialog = dialog.NewCustom(lang.L("Exports"), lang.L("Close"), scroll, e.u.window)
	e.list = l
	l.show()
	o := &open{Dialog: l.dialog}
	e.u.front(o)
	l.dialog.SetOnClosed(func() {
		e.u.dialogs = slices.DeleteFunc(e.u.dialogs, func(other *open) bool { return other == o })
		e.list = nil
		e.jobs = slices.DeleteFunc(e.jobs, func(j *exportJob) bool { return j.state >= exportDone })
	})
	height := min(float32(len(e.jobs)), 5)*76 + 130
	l.dialog.Resize(fyne.NewSize(min(640, e.u.window.Canvas().Size().Width-40), height))
}

// show draws what has changed.
func (l *exportList) show() {
	if !slices.EqualFunc(l.shown, l.e.jobs, func(r *exportRow, j *exportJob) bool { return r.job == j }) {
		l.shown = nil
		l.rows.RemoveAll()
		for _, j := range l.e.jobs {
			r := l.row(j)
			l.shown = append(l.shown, r)
			l.rows.Add(r.root)
		}
		if len(l.e.jobs) == 0 {
			l.rows.Add(muted(lang.L("Nothing is being exported.")))
		}
	}
	for _, r := range l.shown {
		r.show()
	}
}

func (l *exportList) row(j *exportJob) *exportRow {
	u := l.e.u
	r := &exportRow{job: j, name: oneLine(widget.NewLabel("")), detail: oneLine(muted("")),
		gauge: newBar(theme.ColorNamePrimary, 6)}
	r.name.TextStyle.Bold = true
	r.stop = widget.NewButtonWithIcon("", theme.CancelIcon(), func() { l.e.stop(j) })
	r.folder = widget.NewButtonWithIcon(lang.L("Show in folder"), theme.FolderOpenIcon(), func() {
		u.reveal(j.result.Path)
	})
	r.copy = widget.NewButtonWithIcon(lang.L("Copy file"), theme.ContentCopyIcon(), func() {
		u.do(lang.L("Couldn't copy"), func() error { return u.parts.CopyFiles([]string{j.result.Path}) })
	})
	r.stop.Importance = widget.LowImportance
	lines := container.New(layout.NewCustomPaddedVBoxLayout(-10), r.name, r.detail)
	r.under = container.New(layout.NewCustomPaddedLayout(0, 4, 8, 8), r.gauge)
	r.root = newSurface(colorTrack, 10, 6, container.NewBorder(nil, r.under, nil,
		container.NewCenter(container.NewHBox(r.folder, r.copy, r.stop)), lines))
	return r
}

func (r *exportRow) show() {
	j := r.job
	setText(r.name, j.name())
	setText(r.detail, j.text())
	r.gauge.set(j.progress.Fraction, theme.ColorNamePrimary)
	done := j.state == exportDone
	setShown(r.under, j.state < exportDone)
	setShown(r.folder, done)
	setShown(r.copy, done)
	setShown(r.stop, !done)
}

// frames says of what size frames are, and how many there are a second, behind other text.
func frames(width, height int, rate float64) string {
	return fmt.Sprintf(" · %d × %d · ", width, height) +
		lang.L("{{.Rate}} FPS", map[string]any{"Rate": int(rate + 0.5)})
}

// text says how far it is.
func (j *exportJob) text() string {
	switch j.state {
	case exportWaits:
		return lang.L("Waiting")
	case exportFailed:
		return wording(j.err)
	case exportDone:
		text := locale.Size(j.result.Bytes)
		if j.result.Width > 0 {
			text += frames(j.result.Width, j.result.Height, j.result.FrameRate)
		}
		return text
	}
	if j.canceled {
		return lang.L("Canceling…")
	}
	text := fmt.Sprintf("%.0f %%", j.progress.Fraction*100)
	if j.progress.LeftSeconds >= 0 {
		left := time.Duration(j.progress.LeftSeconds * float64(time.Second))
		text += " · " + lang.L("{{.Time}} left", map[string]any{"Time": locale.Duration(left.Round(time.Second))})
	}
	return text
}
