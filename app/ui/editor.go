package ui

import (
	"context"
	"fmt"
	"image"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/play"
)

const (
	// viewWidth and viewHeight bound the frames of the preview in pixels, stripPixels those of the strip.
	viewWidth, viewHeight = 1280, 720
	stripPixels           = 240
	// wideStep is how far the arrow keys go with Shift.
	wideStep = time.Second
)

// editor trims a clip, or joins several, in the place of the whole window. It belongs to the main goroutine; what
// decodes runs beside it, in work, until close.
type editor struct {
	u    *UI
	root fyne.CanvasObject
	// parts are the clips, in the order in which they are joined; there is one where a clip is trimmed.
	parts   []*part
	current int
	removed []*part
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup

	player *play.Player
	shown  shownFrame
	onward bool // what is played goes on to the next part
	saving bool

	preview  *canvas.Image
	title    *widget.Label
	times    *widget.Label
	kept     *widget.Label
	hint     *widget.Label
	playing  *tipButton
	save     *widget.Button
	smart    *quietCheck
	timeline *timeline
	volumes  *fyne.Container
	row      *fyne.Container // of the parts
	result   *surface
	told     *widget.Label
	saved    string // the new clip
}

// part is a clip that is open, and what of it is kept.
type part struct {
	path    string
	clip    *play.Clip
	in, out time.Duration // out is where the first frame begins that is not kept
	at      time.Duration
	volumes []float64
	frames  [stripFrames]image.Image
	peaks   [][]float32 // by lane
	sounds  []int       // which track of sound each lane is
	names   []string    // of the lanes
	// from and to are what the timeline shows of it, strip counts the strips that were begun for that, and stop ends the
	// decoding of the last one.
	from, to time.Duration
	strip    int
	stop     func()
}

// shownFrame is the newest frame on its way from a player to the window.
type shownFrame struct {
	mu     sync.Mutex
	frame  play.Frame
	from   *part
	queued bool
}

// editClip opens the editor with a clip.
func (u *UI) editClip(path string) { u.editClips([]string{path}) }

// editClips opens the editor to join clips in this order; with one it trims it.
func (u *UI) editClips(paths []string) {
	if u.firstRun != nil || len(paths) == 0 {
		return
	}
	failed := lang.L("Couldn't open clip")
	if len(paths) > 1 {
		failed = lang.L("Couldn't join clips")
	}
	u.do(failed, func() error {
		var parts []*part
		for _, path := range paths {
			p, err := openPart(path)
			if err != nil {
				closeParts(parts)
				return fmt.Errorf("%s cannot be edited: %w", filepath.Base(path), err)
			}
			parts = append(parts, p)
			w, h := parts[0].clip.Size()
			if width, height := p.clip.Size(); width != w || height != h {
				closeParts(parts)
				return fmt.Errorf("they are of different sizes, %d x %d and %d x %d; only clips of one size can be joined",
					w, h, width, height)
			}
		}
		u.main(func() {
			if u.ctx.Err() != nil || u.firstRun != nil {
				closeParts(parts)
				return
			}
			u.closeEditor()
			u.editor = newEditor(u, parts)
			u.show(-1)
			u.window.SetContent(u.editor.root)
			u.window.Canvas().Unfocus()
		})
		return nil
	})
}

func openPart(path string) (*part, error) {
	c, err := play.OpenClip(path)
	if err != nil {
		return nil, err
	}
	p := &part{path: path, clip: c, out: c.Length(), to: c.Length()}
	for i, s := range c.Sounds() {
		if s.Adjustable {
			p.sounds, p.names, p.volumes = append(p.sounds, i), append(p.names, s.Name), append(p.volumes, 1)
		}
	}
	p.peaks = make([][]float32, len(p.sounds))
	return p, nil
}

func closeParts(parts []*part) {
	for _, p := range parts {
		_ = p.clip.Close() // was only read
	}
}

// closeEditor goes back to the pages.
func (u *UI) closeEditor() {
	if u.editor == nil {
		return
	}
	u.editor.close()
	u.editor = nil
	u.window.SetContent(u.nav.content())
	u.pages[u.nav.current].enter()
}

func newEditor(u *UI, parts []*part) *editor {
	e := &editor{u: u, parts: parts, title: oneLine(widget.NewLabel("")), times: widget.NewLabel(""), kept: muted(""),
		hint: oneLine(muted("")), volumes: container.NewVBox(), row: container.NewHBox()}
	e.ctx, e.cancel = context.WithCancel(u.ctx)
	e.title.TextStyle.Bold, e.title.SizeName = true, theme.SizeNameSubHeadingText
	e.times.TextStyle.Bold = true
	e.preview = &canvas.Image{FillMode: canvas.ImageFillContain, ScaleMode: canvas.ImageScaleFastest}
	e.preview.SetMinSize(fyne.NewSize(200, 112))
	e.timeline = newTimeline()
	e.timeline.moved, e.timeline.done, e.timeline.hinted = e.moved, func() { e.refresh() }, e.tellMarker
	e.timeline.viewed = func() {
		p := e.part()
		p.from, p.to = e.timeline.from, e.timeline.to
		e.loadStrip(p)
	}
	e.root = e.build()
	for _, p := range parts {
		e.load(p)
	}
	e.choose(0)
	return e
}

func (e *editor) build() fyne.CanvasObject {
	back := widget.NewButtonWithIcon(lang.L("Back"), theme.NavigateBackIcon(), e.u.closeEditor)
	e.save = widget.NewButtonWithIcon(e.saveText(), theme.DocumentSaveIcon(), e.store)
	e.save.Importance = widget.HighImportance
	e.smart = newQuietCheck(lang.L("Exact in every player"), func(bool) { e.refresh() })
	e.playing = newTipButton(e.u.tips, lang.L("Play or pause (Space)"), theme.MediaPlayIcon(), e.toggle)
	e.playing.Importance = widget.HighImportance
	setIn := widget.NewButton(lang.L("Set start")+"  (I)", func() { e.key(fyne.KeyI, false) })
	setOut := widget.NewButton(lang.L("Set end")+"  (O)", func() { e.key(fyne.KeyO, false) })
	e.told = oneLine(widget.NewLabel(""))
	play := widget.NewButtonWithIcon(lang.L("Play"), theme.MediaPlayIcon(), func() {
		path := e.saved
		e.u.do(lang.L("Couldn't play clip"), func() error { return e.u.parts.Open(path) })
	})
	show := widget.NewButtonWithIcon(lang.L("Show in folder"), theme.FolderOpenIcon(), func() {
		path := e.saved
		e.u.do(lang.L("Couldn't open folder"), func() error { return e.u.parts.Reveal(path) })
	})
	e.result = newSurface(colorCard, 10, 6, container.NewBorder(nil, nil,
		widget.NewIcon(theme.NewSuccessThemedResource(theme.ConfirmIcon())), container.NewHBox(play, show), e.told))
	e.result.Hide()

	screen := canvas.NewRectangle(rgb(0x07080c))
	screen.CornerRadius = 10
	header := container.NewBorder(nil, nil, back, container.NewHBox(e.save), e.title)
	buttons := container.NewHBox(
		e.button(lang.L("To the start (Home)"), theme.MediaSkipPreviousIcon(), func() { e.key(fyne.KeyHome, false) }),
		e.button(lang.L("One frame back (←)"), theme.NavigateBackIcon(), func() { e.key(fyne.KeyLeft, false) }),
		e.playing,
		e.button(lang.L("One frame forward (→)"), theme.NavigateNextIcon(), func() { e.key(fyne.KeyRight, false) }),
		e.button(lang.L("To the end (End)"), theme.MediaSkipNextIcon(), func() { e.key(fyne.KeyEnd, false) }),
		setIn, setOut)
	transport := container.NewBorder(nil, nil, e.times, nil, container.NewCenter(buttons))
	strip := container.NewBorder(nil, nil, e.volumes, nil, e.timeline)
	options := container.NewBorder(nil, nil, e.smart, e.kept, e.hint)
	bottom := container.NewVBox(transport, newSurface(colorCard, 12, 10, strip), options, e.result)
	if len(e.parts) > 1 {
		e.smart.Hide() // what is joined has no hidden frames
		bottom.Objects = slices.Insert(bottom.Objects, 1, fyne.CanvasObject(container.NewHScroll(e.row)))
	}
	all := container.NewBorder(header, container.NewVBox(gap(2), bottom), nil, nil,
		container.NewStack(screen, e.preview))
	scroll := container.NewScroll(container.New(layout.NewCustomPaddedLayout(12, 12, 16, 16), all))
	scroll.SetMinSize(fyne.NewSize(500, 300)) // as pages have it
	return e.u.tips.over(scroll)
}

// button is one of an icon whose tip says what it does.
func (e *editor) button(tip string, icon fyne.Resource, do func()) *tipButton {
	b := newTipButton(e.u.tips, tip, icon, do)
	b.Importance = widget.LowImportance
	return b
}

// load decodes the strip and the waveforms of a part beside the main goroutine.
func (e *editor) load(p *part) {
	e.loadStrip(p)
	e.work.Go(func() { e.missed(p, e.loadPeaks(p)) })
}

// loadStrip decodes the strip of what is visible, in the place of the one that may be under way.
func (e *editor) loadStrip(p *part) {
	if p.stop != nil {
		p.stop()
	}
	ctx, stop := context.WithCancel(e.ctx)
	p.stop = stop
	p.strip++
	strip, from, to := p.strip, p.from, p.to
	e.work.Go(func() {
		defer stop()
		err := p.clip.Strip(ctx, from, to, stripFrames, stripPixels, stripPixels, func(n int, img image.Image) {
			e.onMain(func() {
				if p.strip == strip {
					p.frames[n] = img
					e.redraw(p)
				}
			})
		})
		if ctx.Err() == nil {
			e.missed(p, err)
		}
	})
}

func (e *editor) missed(p *part, err error) {
	if err != nil && e.ctx.Err() == nil {
		e.u.parts.Log.Warn("a clip is not shown in whole", "path", p.path, "error", err)
	}
}

func (e *editor) loadPeaks(p *part) error {
	for i, sound := range p.sounds {
		err := p.clip.Peaks(e.ctx, sound, func(peaks []float32) {
			e.onMain(func() {
				p.peaks[i] = peaks
				e.redraw(p)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// onMain runs a function on the main goroutine while the editor is open.
func (e *editor) onMain(f func()) {
	e.u.main(func() {
		if e.u.editor == e {
			f()
		}
	})
}

// redraw shows what was decoded of a part.
func (e *editor) redraw(p *part) {
	if p == e.part() {
		e.refresh()
		e.timeline.Refresh()
	}
	if len(e.parts) > 1 && p.frames[0] != nil {
		e.drawParts()
	}
}

func (e *editor) part() *part { return e.parts[e.current] }

// choose shows a part.
func (e *editor) choose(n int) {
	e.endPlayer()
	e.current, e.onward = n, false
	p := e.part()
	e.title.SetText(filepath.Base(p.path))
	e.timeline.length, e.timeline.from, e.timeline.to = p.clip.Length(), p.from, p.to
	e.player = play.New(p.clip, play.Options{Width: viewWidth, Height: viewHeight, Silent: e.u.silent,
		Frame:   func(f play.Frame) { e.offer(p, f) },
		Changed: func() { e.onMain(e.changed) }})
	e.player.SetVolumes(p.volumes)
	if p.at > 0 {
		e.player.Seek(p.at)
	}
	e.buildVolumes()
	e.drawParts()
	e.refresh()
	e.timeline.Refresh()
}

// endPlayer ends the player beside the main goroutine, which must not wait for a decoder.
func (e *editor) endPlayer() {
	if player := e.player; player != nil {
		e.player = nil
		player.Seek(player.Position())
		e.work.Go(player.Close)
	}
}

// close ends everything; the files are closed when nothing reads them anymore.
func (e *editor) close() {
	e.cancel()
	e.endPlayer()
	e.u.wg.Go(func() {
		e.work.Wait()
		closeParts(slices.Concat(e.parts, e.removed))
	})
}

// offer hands a frame to the main goroutine, the newest where several wait.
func (e *editor) offer(p *part, f play.Frame) {
	s := &e.shown
	s.mu.Lock()
	s.frame, s.from = f, p
	queued := s.queued
	s.queued = true
	s.mu.Unlock()
	if !queued {
		e.u.main(e.take)
	}
}

func (e *editor) take() {
	s := &e.shown
	s.mu.Lock()
	f, from := s.frame, s.from
	s.queued = false
	s.mu.Unlock()
	if e.u.editor != e || from != e.part() {
		return
	}
	e.preview.Image = f.Image
	e.preview.Refresh()
	if e.player.Playing() {
		from.at = f.At
		e.tick()
	}
}

// changed is called when playing has begun or ended.
func (e *editor) changed() {
	if e.player == nil {
		return
	}
	if err := e.player.Trouble(); err != nil {
		setText(e.hint, wording(err))
	}
	p := e.part()
	ended := !e.player.Playing() && e.onward
	if ended && e.player.Position() >= e.lastFrame(p) && e.current+1 < len(e.parts) {
		e.choose(e.current + 1)
		e.play(e.part().in)
		return
	}
	if ended {
		e.onward = false
		p.at = e.player.Position()
	}
	e.refresh()
}

// lastFrame is the begin of the last frame that is kept.
func (e *editor) lastFrame(p *part) time.Duration { return p.clip.At(p.clip.FrameAt(p.out - 1)) }

// toggle plays what is kept, from the moment that is shown where that is in it, or pauses.
func (e *editor) toggle() {
	if e.player.Playing() {
		e.onward = false
		e.player.Pause()
		e.part().at = e.player.Position()
		e.refresh()
		return
	}
	p := e.part()
	from := p.at
	if from < p.in || from >= e.lastFrame(p) {
		from = p.in
	}
	e.play(from)
}

func (e *editor) play(from time.Duration) {
	e.onward, e.part().at = true, from
	e.player.Play(from, e.part().out)
	e.refresh()
}

// hidden is called when the window closes.
func (e *editor) hidden() {
	if e != nil && e.player.Playing() {
		e.toggle()
	}
}

// seek shows a moment, as the begin of the frame that is on the screen then.
func (e *editor) seek(at time.Duration) {
	p := e.part()
	p.at = p.clip.At(p.clip.FrameAt(min(max(at, 0), p.clip.Length()-1)))
	e.onward = false
	e.player.Seek(p.at)
	e.refresh()
}

// moved is what the mouse does in the timeline.
func (e *editor) moved(what grip, to time.Duration) {
	switch what {
	case gripIn:
		e.setIn(e.part().clip.FrameAt(to))
	case gripOut:
		e.setOut(e.part().clip.FrameAt(to - 1))
	case gripHead:
		e.seek(to)
	}
}

// setIn keeps from a frame on, and shows it.
func (e *editor) setIn(frame int) {
	p := e.part()
	p.in = p.clip.At(min(frame, p.clip.FrameAt(p.out-1)))
	e.forget()
	e.seek(p.in)
}

// setOut keeps up to a frame, which is the last one, and shows it.
func (e *editor) setOut(frame int) {
	p := e.part()
	p.out = p.clip.At(max(frame, p.clip.FrameAt(p.in)) + 1)
	e.forget()
	e.seek(p.out - 1)
}

// typed is called with keys that no control takes.
func (e *editor) typed(name fyne.KeyName) {
	shift := false
	if d, ok := e.u.app.Driver().(desktop.Driver); ok {
		shift = d.CurrentKeyModifiers()&fyne.KeyModifierShift != 0
	}
	e.key(name, shift)
}

func (e *editor) key(name fyne.KeyName, shift bool) {
	p := e.part()
	at := p.at
	if e.player.Playing() {
		at = e.player.Position()
	}
	frame := p.clip.FrameAt(at)
	switch name {
	case fyne.KeySpace:
		e.toggle()
	case fyne.KeyI:
		p.out = max(p.out, p.clip.At(frame+1)) // a start behind the end takes the end along
		e.setIn(frame)
	case fyne.KeyO:
		p.in = min(p.in, p.clip.At(frame))
		e.setOut(frame)
	case fyne.KeyLeft, fyne.KeyRight:
		e.step(frame, name == fyne.KeyRight, shift)
	case fyne.KeyHome:
		e.seek(0)
	case fyne.KeyEnd:
		e.seek(p.clip.Length())
	case fyne.KeyPlus, fyne.KeyEqual:
		e.timeline.zoom(0.5, e.timeline.x(p.at))
	case fyne.KeyMinus:
		e.timeline.zoom(2, e.timeline.x(p.at))
	case fyne.KeyEscape:
		e.u.closeEditor()
	}
}

func (e *editor) step(frame int, forward, wide bool) {
	c := e.part().clip
	switch {
	case wide && forward:
		e.seek(c.At(frame) + wideStep)
	case wide:
		e.seek(c.At(frame) - wideStep)
	case forward:
		e.seek(c.At(min(frame+1, c.Frames()-1)))
	default:
		e.seek(c.At(frame - 1))
	}
}

// tellMarker shows a marker's name while the mouse is over it.
func (e *editor) tellMarker(name string) {
	if name == "" {
		name = e.advice()
	}
	setText(e.hint, name)
}

// advice is what the line below the timeline says when there is nothing else.
func (e *editor) advice() string {
	switch {
	case len(e.parts) > 1:
		return lang.L("Choose a clip to trim it. Arrows change the order.")
	case e.smart.Checked:
		return lang.L("Re-encodes the first frames, for players that would show more than was kept.")
	default:
		return lang.L("Drag the handles, or use I and O. Arrow keys go frame by frame. Scroll to zoom.")
	}
}

// tick shows the moment alone.
func (e *editor) tick() {
	p := e.part()
	setText(e.times, stamp(p.at)+" / "+stamp(p.clip.Length()))
	e.timeline.show(p.in, p.out, p.at)
}

// refresh shows all of the part.
func (e *editor) refresh() {
	p, t := e.part(), e.timeline
	t.frames = p.frames
	t.markers = t.markers[:0]
	for _, c := range p.clip.Chapters() {
		t.markers = append(t.markers, marker{c.At, c.Title})
	}
	t.lanes = t.lanes[:0]
	for i := range p.sounds {
		t.lanes = append(t.lanes, lane{p.peaks[i], p.volumes[i]})
	}
	total := time.Duration(0)
	for _, p := range e.parts {
		total += p.out - p.in
	}
	setText(e.kept, lang.L("{{.Length}} selected", map[string]any{"Length": stamp(total)}))
	icon := theme.MediaPlayIcon()
	if e.player.Playing() {
		icon = theme.MediaPauseIcon()
	}
	if e.playing.Icon != icon {
		e.playing.SetIcon(icon)
	}
	if t.held == gripNone && e.player.Trouble() == nil {
		setText(e.hint, e.advice())
	}
	setEnabled(e.save, !e.saving && e.dirty())
	e.tick()
}

// dirty says whether there is something to save.
func (e *editor) dirty() bool {
	p := e.part()
	return len(e.parts) > 1 || p.in > 0 || p.out < p.clip.Length() ||
		slices.ContainsFunc(p.volumes, func(v float64) bool { return v != 1 })
}

// store saves the new clip beside the main goroutine.
func (e *editor) store() {
	if e.player.Playing() {
		e.toggle()
	}
	var save func() (clip.Clip, error)
	failed := lang.L("Couldn't save clip")
	if p := e.part(); len(e.parts) == 1 {
		r := clip.TrimRequest{Path: p.path, From: p.in, To: p.out, Smart: e.smart.Checked, Volumes: slices.Clone(p.volumes)}
		save = func() (clip.Clip, error) { return clip.Trim(e.u.ctx, r) }
	} else {
		failed = lang.L("Couldn't join clips")
		var r clip.JoinRequest
		for _, p := range e.parts {
			r.Parts = append(r.Parts, clip.Part{Path: p.path, From: p.in, To: p.out})
		}
		save = func() (clip.Clip, error) { return clip.Join(e.u.ctx, r) }
	}
	e.saving = true
	e.forget()
	e.save.SetText(lang.L("Saving…"))
	e.refresh()
	e.u.wg.Go(func() {
		made, err := save()
		if e.u.ctx.Err() != nil {
			return
		}
		e.u.main(func() { e.stored(made, failed, err) })
	})
}

// stored says what became of saving, which goes on when the editor is closed.
func (e *editor) stored(made clip.Clip, failed string, err error) {
	if err != nil {
		e.u.tell(failed, err)
	} else {
		e.u.parts.Library.Refresh()
	}
	if e.u.editor != e {
		return
	}
	e.saving = false
	e.save.SetText(e.saveText())
	e.refresh()
	if err == nil {
		e.saved = made.Path
		setText(e.told, lang.L("Saved {{.Name}}", map[string]any{"Name": filepath.Base(made.Path)}))
		e.showResult(true)
	}
}

func (e *editor) saveText() string {
	if len(e.parts) > 1 {
		return lang.L("Join clips")
	}
	return lang.L("Save as new clip")
}

// forget takes away what was said about an earlier clip.
func (e *editor) forget() { e.showResult(false) }

func (e *editor) showResult(on bool) {
	if setShown(e.result, on) {
		e.root.Refresh() // the frame above has another height
	}
}

// stamp is a moment of a clip: 1:02.25.
func stamp(d time.Duration) string {
	d = d.Round(10 * time.Millisecond)
	return fmt.Sprintf("%d:%05.2f", d/time.Minute, (d % time.Minute).Seconds())
}
