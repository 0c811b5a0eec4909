package ui

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"slices"
	"strconv"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/media"
)

// kinds are the kinds of sources, in the order of the choices.
var kinds = config.SourceKinds

func kindNames() []string {
	return []string{lang.L("Entire desktop"), lang.L("Monitor"), lang.L("Window"), lang.L("Region")}
}

const (
	previewWidth, previewHeight = 192, 108 // pixels
	// liveWidth and liveHeight are the size of the live preview in pixels, liveEvery how often it is taken.
	liveWidth, liveHeight = 400, 225
	liveEvery             = time.Second
	// mostWindows is how many windows are offered.
	mostWindows = 12
)

// sourceCard chooses what is captured, with a small preview of each and a live one of what is chosen. Where the
// desktop's own dialog chooses, it is asked for.
type sourceCard struct {
	fields
	backend *widget.Select
	kind    *widget.Select
	tiles   *fyne.Container
	hint    *widget.Label
	wrong   *widget.Label // what is wrong with the choice
	ask     *pushButton
	drag    *pushButton
	cursor  *widget.Check
	numbers

	kindLine, askLine, rectangleLine, tileLine, hintLine, liveLine *line

	live     *canvas.Image
	liveNote *widget.Label // why there is none
	seen     bool          // it shows something
	looked   time.Time     // when the live preview was last taken
	taking   bool

	found   found
	chosen  config.VideoSource
	picking bool
}

// numbers are the rectangle's.
type numbers struct{ x, y, width, height *input }

// found is what there is to capture.
type found struct {
	list   capture.ScreenList
	err    error
	images map[capture.Target]image.Image // what cannot be seen now has none
}

func newSourceCard(s *settings) *sourceCard {
	c := &sourceCard{fields: fields{s: s}, tiles: newTiles(), hint: muted("")}
	c.hint.Wrapping = fyne.TextWrapWord
	c.live = canvas.NewImageFromImage(noFrame)
	c.live.FillMode, c.live.ScaleMode = canvas.ImageFillContain, canvas.ImageScaleFastest
	live := container.New(layout.NewGridWrapLayout(fyne.NewSize(288, 162)),
		newSurface(colorTrack, 8, 3, c.live))
	c.liveNote = muted(lang.L("Visible here while the replay buffer, a recording or sharing is on: to look any earlier, " +
		"Hindsight would have to ask your desktop."))
	c.liveNote.Wrapping = fyne.TextWrapWord
	c.liveNote.Hide()
	c.liveLine = c.row(lang.L("Live preview"), container.NewVBox(container.NewHBox(live), c.liveNote))
	c.kind = widget.NewSelect(kindNames(), func(string) {
		c.chosen.Kind = kinds[max(c.kind.SelectedIndex(), 0)]
		c.show()
		s.changed()
	})
	c.numbers = numbers{s.newEntry("0"), s.newEntry("0"), s.newEntry("1280"), s.newEntry("720")}
	c.wrong = s.place("video.source.kind", "video.source.monitor", "video.source.window_class",
		"video.source.window_title",
		"video.source.x", "video.source.y", "video.source.width", "video.source.height")
	c.kindLine = c.row(settingName("video.source.kind"), container.NewVBox(c.kind, c.wrong), kindNames()...)
	c.bind(c.wrong, c.loadImage, c.storeImage, c.x, c.y, c.width, c.height)
	c.ask = newPushButton(lang.L("Choose screen…"), theme.ComputerIcon(), c.chooseScreen)
	c.askLine = c.row(lang.L("Screen"), container.NewHBox(c.ask))
	c.drag = newPushButton(lang.L("Drag on the screen…"), theme.ViewFullScreenIcon(), c.pick)
	pixels := container.NewGridWithColumns(4, c.pixel(lang.L("Left"), c.x), c.pixel(lang.L("Top"), c.y),
		c.pixel(lang.L("Width"), c.width), c.pixel(lang.L("Height"), c.height))
	c.rectangleLine = c.row(lang.L("Region"), container.NewVBox(pixels, container.NewHBox(c.drag)))
	c.tileLine = c.add(lang.L("Monitor")+" "+lang.L("Window"), c.tiles)
	c.hintLine = c.add("", c.hint)
	c.backend = pick(&c.fields, "video.capture_method", capture.Methods(),
		[]string{lang.L("Automatic"), lang.L("X11"), lang.L("Desktop portal (PipeWire)")},
		func(c *config.Config) *capture.Method { return &c.Video.Backend })
	c.backend.OnChanged = func(string) {
		c.show()
		if !s.filling {
			s.lookAround()
			s.changed()
		}
	}
	last := len(c.bound) - 1 // the method decides what is stored of the choice
	c.bound = append([]binding{c.bound[last]}, c.bound[:last]...)
	c.cursor = c.check("video.cursor", lang.L("Cursor"), lang.L("Capture cursor"),
		func(c *config.Config) *bool { return &c.Video.Cursor })
	c.card(lang.L("Capture source"))
	return c
}

// pixel is a number under its name.
func (c *sourceCard) pixel(name string, e *input) fyne.CanvasObject {
	return container.New(layout.NewCustomPaddedVBoxLayout(-4), muted(name), e)
}

// newTiles is a place for choices.
func newTiles() *fyne.Container {
	return container.NewGridWrap(fyne.NewSize(previewWidth+12, previewHeight+44))
}

// chosenBackend is the method that the page shows, applied or not.
func (c *sourceCard) chosenBackend() capture.Method {
	return capture.Methods()[max(c.backend.SelectedIndex(), 0)]
}

// chooseScreen lets the desktop ask again; it does so as soon as the screen is captured.
func (c *sourceCard) chooseScreen() {
	s := c.s
	if now := s.u.parts.Feed.Snapshot(); !now.ReplayOn && !now.ShareOn && !now.RecordOn {
		s.say(lang.L("Your desktop asks when the replay buffer, a recording or sharing starts."), widget.MediumImportance)
	}
	s.u.do(lang.L("Couldn't choose screen"), s.u.parts.Commands.ChooseScreen)
}

// pick lets the user drag the region on the screen.
func (c *sourceCard) pick() {
	if c.picking {
		return
	}
	c.picking = true
	c.s.say(lang.L("Drag a region with the mouse. Escape cancels."), widget.MediumImportance)
	c.s.u.wg.Go(func() {
		area, err := c.s.u.parts.PickRegion(c.s.u.ctx)
		c.s.u.main(func() {
			c.picking = false
			switch {
			case err == nil:
				c.picked(area)
			case errors.Is(err, capture.ErrNotPicked):
				c.s.say("", widget.MediumImportance)
			case c.s.u.ctx.Err() == nil:
				c.s.say("", widget.MediumImportance)
				c.s.u.tell(lang.L("Couldn't choose region"), err)
			}
		})
	})
}

// picked takes a region.
func (c *sourceCard) picked(area image.Rectangle) {
	c.s.filling = true
	for e, n := range map[*input]int{c.x: area.Min.X, c.y: area.Min.Y, c.width: area.Dx(), c.height: area.Dy()} {
		e.SetText(strconv.Itoa(n))
		e.typed = false
	}
	c.s.filling = false
	c.s.changed()
}

// look takes the live preview, not too often. Where the desktop chooses, only what is captured anyway can be seen: to
// look at anything else would have the desktop ask.
func (c *sourceCard) look(snap session.Snapshot) {
	portal, _ := capture.ByPortal(c.chosenBackend())
	captures := (snap.ReplayOn || snap.ShareOn || snap.RecordOn) && !snap.Paused
	setShown(c.liveNote, portal && !captures)
	if portal && !captures {
		c.draw(nil)
	}
	if portal && !captures || c.taking || time.Since(c.looked) < liveEvery {
		return
	}
	c.taking, c.looked = true, time.Now()
	take := func() (image.Image, error) {
		return c.s.u.parts.Feed.Look(c.s.u.ctx, liveWidth, liveHeight, !c.seen), nil
	}
	if !portal {
		var now config.Config
		_ = c.storeImage(&now)
		target := now.Video.Source.Target()
		take = func() (image.Image, error) { return c.s.u.parts.Preview(target, liveWidth, liveHeight) }
	}
	c.s.u.wg.Go(func() {
		frame, err := take()
		c.s.u.main(func() {
			c.taking = false
			if err == nil && frame != nil && c.s.shows(c) {
				c.draw(frame)
			}
		})
	})
}

// draw shows a frame in the live preview; nil is an empty one.
func (c *sourceCard) draw(frame image.Image) {
	if frame == nil && !c.seen {
		return
	}
	c.seen = frame != nil
	if frame == nil {
		frame = noFrame
	}
	c.live.Image = frame
	c.live.Refresh()
}

// noFrame is empty.
var noFrame = image.NewRGBA(image.Rect(0, 0, 16, 9))

func (c *sourceCard) loadImage(cfg config.Config) {
	c.chosen = cfg.Video.Source
	for e, n := range map[*input]int{c.x: c.chosen.X, c.y: c.chosen.Y, c.width: c.chosen.Width,
		c.height: c.chosen.Height} {
		text := ""
		if n > 0 {
			text = strconv.Itoa(n)
		}
		e.SetText(text)
	}
	for i, k := range kinds {
		if k == c.chosen.Kind {
			c.kind.SetSelectedIndex(i)
		}
	}
	c.show()
}

func (c *sourceCard) storeImage(cfg *config.Config) error {
	if portal, _ := capture.ByPortal(cfg.Video.Backend); portal {
		return nil // what was chosen for X11 stays
	}
	p := c.chosen
	for e, to := range map[*input]*int{c.x: &p.X, c.y: &p.Y, c.width: &p.Width, c.height: &p.Height} {
		*to = 0
		if text := e.trimmed(); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				return errors.New(lang.L("“{{.Text}}” is not a number of pixels", map[string]any{"Text": text}))
			}
			*to = n
		}
	}
	switch {
	case p.Kind == config.OneMonitor && p.Monitor == "":
		return errors.New(lang.L("Choose a monitor"))
	case p.Kind == config.OneWindow && p.WindowClass == "" && p.WindowTitle == "":
		return errors.New(lang.L("Choose a window"))
	case p.Kind == config.Rectangle && (p.Width < 16 || p.Height < 16):
		return errors.New(lang.L("The region must be at least 16 pixels wide and high"))
	}
	cfg.Video.Source = p
	return nil
}

// offer shows what was found.
func (c *sourceCard) offer(f found) {
	c.found = f
	c.show()
}

// takeIn takes small previews of everything there is; it is called beside the main goroutine.
func takeIn(p Parts, backend capture.Method) found {
	f := found{images: map[capture.Target]image.Image{}}
	if f.list, f.err = p.Screens(backend); f.err != nil {
		return f
	}
	if len(f.list.Windows) > mostWindows {
		f.list.Windows = f.list.Windows[:mostWindows]
	}
	var targets []capture.Target
	for _, m := range f.list.Monitors {
		targets = append(targets, capture.Target{Monitor: m.Name})
	}
	for _, w := range f.list.Windows {
		targets = append(targets, capture.Target{Class: w.Class, Title: w.Title})
	}
	for _, t := range targets {
		if preview, err := p.Preview(t, previewWidth, previewHeight); err == nil {
			f.images[t] = preview
		}
	}
	return f
}

// show builds what belongs to the chosen method and kind.
func (c *sourceCard) show() {
	c.tiles.RemoveAll()
	portal, why := capture.ByPortal(c.chosenBackend())
	c.rectangleLine.show(c.chosen.Kind == config.Rectangle && !portal)
	c.kindLine.show(!portal)
	c.askLine.show(portal)
	setEnabled(c.ask, c.chosenBackend() == c.s.loaded.Video.Backend)
	hint := ""
	if portal {
		hint = lang.L("Your desktop's own dialog chooses what is captured, because {{.Reason}}. "+
			"It asks once and remembers the choice.", map[string]any{"Reason": why})
	} else {
		hint = c.showKind()
	}
	setText(c.hint, hint)
	c.hintLine.show(hint != "")
	c.tileLine.show(len(c.tiles.Objects) > 0)
	c.tiles.Refresh()
}

// showKind builds the tiles of the chosen kind and returns what there is to say about it.
func (c *sourceCard) showKind() (hint string) {
	switch c.chosen.Kind {
	case config.OneMonitor:
		there := false
		for _, m := range c.found.list.Monitors {
			there = there || m.Name == c.chosen.Monitor
			c.tile(capture.Target{Monitor: m.Name}, monitorName(m),
				m.Name == c.chosen.Monitor,
				func() { c.chosen.Monitor = m.Name })
		}
		if !there && c.chosen.Monitor != "" {
			hint = lang.L("{{.Monitor}} is not connected. Its last frame stays until it is back.",
				map[string]any{"Monitor": c.chosen.Monitor})
		}
	case config.OneWindow:
		there := false
		for _, w := range c.found.list.Windows {
			on := w.Class == c.chosen.WindowClass && (w.Title == c.chosen.WindowTitle || c.chosen.WindowTitle == "")
			there = there || on
			c.tile(capture.Target{Class: w.Class, Title: w.Title}, cmp.Or(w.Title, w.Class), on, func() {
				c.chosen.WindowClass, c.chosen.WindowTitle = w.Class, w.Title
			})
		}
		hint = lang.L("Windows in front of it are not captured. If it closes, the next window of the same app is captured; " +
			"while sharing, Home asks first.")
		if !there && c.chosen.WindowClass+c.chosen.WindowTitle != "" {
			hint = lang.L("“{{.Title}}” ({{.App}}) is not open. The next window of the same app is captured.",
				map[string]any{"Title": cmp.Or(c.chosen.WindowTitle, lang.L("Any window")), "App": c.chosen.WindowClass})
		}
	case config.Rectangle:
		hint = lang.L("In pixels. The desktop is {{.Width}} × {{.Height}}.",
			map[string]any{"Width": c.found.list.Width, "Height": c.found.list.Height})
	}
	if c.found.err != nil {
		hint = wording(c.found.err)
	}
	return hint
}

// tile adds a tile; choose runs when it is tapped.
func (c *sourceCard) tile(t capture.Target, name string, on bool, choose func()) {
	c.tiles.Add(newChoice(c.found.images[t], name, on, func() {
		choose()
		c.show()
		c.s.changed()
	}))
}

// monitorName is a monitor with its size and, where it is known, its frames a second.
func monitorName(m capture.Monitor) string {
	name := fmt.Sprintf("%s · %d × %d", m.Name, m.Width, m.Height)
	if m.RefreshRate > 0 {
		name += fmt.Sprintf(" · %.0f Hz", m.RefreshRate)
	}
	return name
}

// videoCard is how the video is encoded.
type videoCard struct {
	fields
	rate, height, quality, spend, encoder *widget.Select
	bitrate                               *input
	follow                                *widget.Check
	rates                                 []int // beside rate.Options
	encoders                              []string
	rateNote, trialNote                   *widget.Label
	try                                   *pushButton
	trials                                map[string]capture.EncoderTrial
	trying                                bool
	fastest                               float64 // of the monitors, in Hz; 0 is unknown
}

func newVideoCard(s *settings) *videoCard {
	v := &videoCard{fields: fields{s: s}, trials: map[string]capture.EncoderTrial{}, encoders: append([]string{""},
		capture.EncoderNames()...)}
	f := &v.fields
	heights := []int{0, 480, 720, 900, 1080, 1440, 2160}
	var names []string
	for _, h := range heights {
		names = append(names, heightName(h))
	}
	v.height = pick(f, "video.height", heights, names, func(c *config.Config) *int { return &c.Video.Height })
	v.rate = s.newSelect()
	at := f.setting("video.frame_rate", v.rate, lang.L("FPS"))
	v.rateNote = f.note("")
	f.bind(at, func(c config.Config) { v.offerRates(c.Video.FrameRate) }, func(c *config.Config) error {
		if i := v.rate.SelectedIndex(); i >= 0 {
			c.Video.FrameRate = v.rates[i]
		}
		return nil
	})
	v.quality = pick(f, "video.quality", media.Presets(),
		[]string{lang.L("Performance"), lang.L("Balanced"), lang.L("Quality")},
		func(c *config.Config) *media.Preset { return &c.Video.Quality })
	v.spend = pick(f, "video.constant_quality", []int{0, 18, 23, 28},
		[]string{lang.L("Target bitrate"), lang.L("CQ 18 (high)"), lang.L("CQ 23"), lang.L("CQ 28 (small files)")},
		func(c *config.Config) *int { return &c.Video.ConstantQuality })
	v.bitrate = f.number("video.bitrate_kbps", lang.L("Automatic"),
		lang.L("Enter a number of kb/s, or nothing for automatic"),
		func(c *config.Config) *int { return &c.Video.BitrateKbps })
	v.encoder = s.newSelect()
	v.try = newPushButton(lang.L("Test"), theme.MediaPlayIcon(), v.test)
	at = s.place("video.encoder")
	f.row(settingName("video.encoder"), container.NewVBox(container.NewBorder(nil, nil, nil, v.try, v.encoder), at),
		v.encoders...)
	v.trialNote = f.note(lang.L("Test measures what each encoder of this computer holds and costs."))
	f.bind(at, func(c config.Config) { v.offerEncoders(c.Video.Encoder) }, func(c *config.Config) error {
		if i := v.encoder.SelectedIndex(); i >= 0 {
			c.Video.Encoder = v.encoders[i]
		}
		return nil
	})
	v.follow = f.check("video.follow_size", lang.L("Window size"), lang.L("Follow the window's size"),
		func(c *config.Config) *bool { return &c.Video.FollowSize })
	f.note(lang.L("A resized window then changes the size within a clip, which some video editors and chats can't show."))
	f.card(lang.L("Encoding"))
	return v
}

func heightName(h int) string {
	if h == 0 {
		return lang.L("Native")
	}
	return fmt.Sprintf("%dp", h)
}

// offer takes what monitors there are.
func (v *videoCard) offer(list capture.ScreenList) {
	v.fastest = 0
	for _, m := range list.Monitors {
		v.fastest = max(v.fastest, m.RefreshRate)
	}
	was := v.s.filling
	v.s.filling = true
	v.offerRates(v.rateNow())
	v.s.filling = was
}

func (v *videoCard) rateNow() int {
	if i := v.rate.SelectedIndex(); i >= 0 {
		return v.rates[i]
	}
	return v.s.loaded.Video.FrameRate
}

// offerRates offers what the screens show, and what is chosen. Where nobody says how many that are, everything.
func (v *videoCard) offerRates(chosen int) {
	v.rates = nil
	var names []string
	for _, r := range capture.FrameRates {
		if r <= 60 || r == chosen || v.fastest == 0 || float64(r) <= v.fastest+1 {
			v.rates, names = append(v.rates, r), append(names, strconv.Itoa(r))
		}
	}
	v.rate.Options = names
	v.rate.SetSelectedIndex(slices.Index(v.rates, chosen))
	v.rate.Refresh()
	text := lang.L("Up to 240 frames a second, where the screen shows as many.")
	if v.fastest > 0 {
		text = lang.L("The screen shows {{.Rate}} frames a second.", map[string]any{"Rate": fmt.Sprintf("%.0f", v.fastest)})
	}
	setText(v.rateNote, text)
}

// offerEncoders names the encoders with what their trials found.
func (v *videoCard) offerEncoders(chosen string) {
	if !slices.Contains(v.encoders, chosen) {
		v.encoders = append(v.encoders, chosen)
	}
	var names []string
	for _, e := range v.encoders {
		switch t, tried := v.trials[e]; {
		case e == "":
			names = append(names, lang.L("Automatic (best that works)"))
		case tried:
			names = append(names, e+": "+v.verdict(t))
		default:
			names = append(names, e)
		}
	}
	v.encoder.Options = names
	v.encoder.SetSelectedIndex(slices.Index(v.encoders, chosen))
	v.encoder.Refresh()
}

// verdict is what a trial found, in short.
func (v *videoCard) verdict(t capture.EncoderTrial) string {
	switch {
	case t.Missing:
		return lang.L("not installed")
	case t.Error != "":
		return lang.L("doesn't work here")
	case t.Holds < float64(t.FrameRate):
		return lang.L("holds only {{.Holds}} of {{.Rate}} frames/s at {{.Height}}p", map[string]any{
			"Holds": fmt.Sprintf("%.0f", t.Holds), "Rate": t.FrameRate, "Height": t.Height})
	}
	return lang.L("holds {{.Height}}p{{.Rate}}, about {{.Percent}} % of a core", map[string]any{
		"Height": t.Height, "Rate": t.FrameRate, "Percent": fmt.Sprintf("%.0f", max(t.Cores*100, 1))})
}

// test tries all encoders with the settings as entered.
func (v *videoCard) test() {
	if v.trying {
		return
	}
	v.trying = true
	v.try.Disable()
	c, _ := v.s.entered()
	snap := v.s.u.parts.Feed.Snapshot()
	setText(v.trialNote, lang.L("Testing…"))
	v.s.u.wg.Go(func() {
		width, height := frameSize(c, snap, v.s.source.found.list)
		err := v.s.u.parts.TryEncoders(v.s.u.ctx, c.Capture(true).Video, width, height, func(t capture.EncoderTrial) {
			v.s.u.main(func() { v.add(t) })
		})
		v.s.u.main(func() {
			v.trying = false
			v.try.Enable()
			text := lang.L("Measured with moving content at the size and frame rate chosen here.")
			for _, e := range v.encoders {
				if t, tried := v.trials[e]; tried && !t.Missing {
					text += "\n" + e + ": " + v.verdict(t)
				}
			}
			if err != nil {
				text = wording(err)
			}
			setText(v.trialNote, text)
		})
	})
}

func (v *videoCard) add(t capture.EncoderTrial) {
	v.trials[t.Name] = t
	was := v.s.filling
	v.s.filling = true
	v.offerEncoders(v.encoders[max(v.encoder.SelectedIndex(), 0)])
	v.s.filling = was
}

// frameSize is the size of the video that these settings make, in pixels.
func frameSize(c config.Config, now session.Snapshot, list capture.ScreenList) (width, height int) {
	width, height = cmp.Or(list.Width, 1920), cmp.Or(list.Height, 1080)
	switch c.Video.Source.Kind {
	case config.Rectangle:
		width, height = c.Video.Source.Width, c.Video.Source.Height
	case config.OneMonitor:
		for _, m := range list.Monitors {
			if m.Name == c.Video.Source.Monitor {
				width, height = m.Width, m.Height
			}
		}
	case config.OneWindow:
		width, height = cmp.Or(now.Width, width), cmp.Or(now.Height, height)
	}
	if h := c.Video.Height; h > 0 && height > 0 && h != height {
		width, height = (width*h/height+1)/2*2, h
	}
	return max(width, 16), max(height, 16)
}
