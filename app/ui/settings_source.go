package ui

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/capture"
)

// kinds are the kinds of sources, as the settings file and as the page name them.
var kinds, kindNames = config.SourceKinds,
	[]string{"Entire desktop", "Monitor", "Window", "Region"}

const (
	previewWidth, previewHeight = 192, 108 // pixels
	// mostWindows is how many windows are offered.
	mostWindows = 12
)

// backends are the capture methods, in the order of the choices.
var backends = []string{"auto", "x11", "portal"}

// sourceCard chooses what is captured, with a small preview of each. Where the desktop's own dialog does that, it is
// asked for.
type sourceCard struct {
	fields
	backend *widget.Select
	kind    *widget.Select
	kindRow fyne.CanvasObject
	tiles   *fyne.Container
	hint    *widget.Label
	wrong   *widget.Label // what is wrong with the choice
	ask     *widget.Button
	askRow  fyne.CanvasObject
	numbers
	rectangle fyne.CanvasObject

	found  found
	chosen config.VideoSource
}

// numbers are the rectangle's.
type numbers struct{ x, y, width, height *widget.Entry }

// found is what there is to capture.
type found struct {
	list   capture.ScreenList
	err    error
	images map[capture.Target]image.Image // what cannot be seen now has none
}

func newSourceCard(s *settings) *sourceCard {
	c := &sourceCard{fields: fields{s: s}, tiles: newTiles(), hint: muted("")}
	c.hint.Wrapping = fyne.TextWrapWord
	c.kind = widget.NewSelect(kindNames, func(string) {
		c.chosen.Kind = kinds[max(c.kind.SelectedIndex(), 0)]
		c.show()
		s.changed()
	})
	c.numbers = numbers{s.newEntry("0"), s.newEntry("0"), s.newEntry("1280"), s.newEntry("720")}
	c.kindRow = form(label(settingName("video.source.kind")), c.kind)
	c.backend = pick(&c.fields, "video.capture_method", backends,
		[]string{"Automatic", "X11", "Desktop portal (PipeWire)"},
		func(c *config.Config) *string { return &c.Video.Backend })
	c.backend.OnChanged = func(string) {
		c.show()
		if !s.filling {
			s.lookAround()
			s.changed()
		}
	}
	c.wrong = s.place("video.source.kind", "video.source.monitor", "video.source.window_class",
		"video.source.window_title",
		"video.source.x", "video.source.y", "video.source.width", "video.source.height")
	c.bind(c.wrong, c.loadImage, c.storeImage)
	c.ask = widget.NewButtonWithIcon("Choose screen…", theme.ComputerIcon(), c.chooseScreen)
	c.rectangle = container.NewGridWithColumns(8, label("Left"), c.x, label("Top"), c.y,
		label("Width"), c.width, label("Height"), c.height)
	c.askRow = form(label("Screen"), container.NewHBox(c.ask))
	c.card("Capture source", c.kindRow, c.askRow, c.rectangle, c.tiles, c.hint, c.wrong)
	return c
}

// newTiles is a place for choices.
func newTiles() *fyne.Container {
	return container.NewGridWrap(fyne.NewSize(previewWidth+12, previewHeight+44))
}

// chosenBackend is the method that the page shows, applied or not.
func (c *sourceCard) chosenBackend() string { return backends[max(c.backend.SelectedIndex(), 0)] }

// chooseScreen lets the desktop ask again; it does so as soon as the screen is captured.
func (c *sourceCard) chooseScreen() {
	s := c.s
	if now := s.u.parts.Feed.Snapshot(); !now.ReplayOn && !now.ShareOn && !now.RecordOn {
		s.say("Your desktop asks when the replay buffer, a recording or sharing starts.", widget.MediumImportance)
	}
	s.u.do("Couldn't choose screen", s.u.parts.Commands.ChooseScreen)
}

func (c *sourceCard) loadImage(cfg config.Config) {
	c.chosen = cfg.Video.Source
	for e, n := range map[*widget.Entry]int{c.x: c.chosen.X, c.y: c.chosen.Y, c.width: c.chosen.Width,
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
	for e, to := range map[*widget.Entry]*int{c.x: &p.X, c.y: &p.Y, c.width: &p.Width, c.height: &p.Height} {
		*to = 0
		if text := trimmed(e); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				return fmt.Errorf("“%s” is not a number of pixels", text)
			}
			*to = n
		}
	}
	switch {
	case p.Kind == config.OneMonitor && p.Monitor == "":
		return errors.New("choose a monitor")
	case p.Kind == config.OneWindow && p.WindowClass == "" && p.WindowTitle == "":
		return errors.New("choose a window")
	case p.Kind == config.Rectangle && (p.Width < 16 || p.Height < 16):
		return errors.New("the region must be at least 16 pixels wide and high")
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
func takeIn(p Parts, backend string) found {
	f := found{images: map[capture.Target]image.Image{}}
	if f.list, f.err = p.Screens(backend); f.err != nil {
		return f
	}
	if len(f.list.Windows) > mostWindows {
		f.list.Windows = f.list.Windows[:mostWindows]
	}
	targets := []capture.Target{{}}
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
	setShown(c.rectangle, c.chosen.Kind == config.Rectangle && !portal)
	setShown(c.kindRow, !portal)
	setShown(c.askRow, portal)
	setEnabled(c.ask, c.chosenBackend() == c.s.loaded.Video.Backend)
	hint := ""
	if portal {
		hint = "Your desktop's own dialog chooses what is captured, because " + why +
			". It asks once and remembers the choice."
	} else {
		hint = c.showKind()
	}
	setText(c.hint, hint)
	setShown(c.hint, hint != "")
	setShown(c.tiles, len(c.tiles.Objects) > 0)
	c.tiles.Refresh()
}

// showKind builds the tiles of the chosen kind and returns what there is to say about it.
func (c *sourceCard) showKind() (hint string) {
	switch c.chosen.Kind {
	case config.OneMonitor:
		there := false
		for _, m := range c.found.list.Monitors {
			there = there || m.Name == c.chosen.Monitor
			c.add(capture.Target{Monitor: m.Name}, fmt.Sprintf("%s · %d × %d", m.Name, m.Width, m.Height),
				m.Name == c.chosen.Monitor,
				func() { c.chosen.Monitor = m.Name })
		}
		if !there && c.chosen.Monitor != "" {
			hint = c.chosen.Monitor + " is not connected. Its last frame stays until it is back."
		}
	case config.OneWindow:
		there := false
		for _, w := range c.found.list.Windows {
			on := w.Class == c.chosen.WindowClass && (w.Title == c.chosen.WindowTitle || c.chosen.WindowTitle == "")
			there = there || on
			c.add(capture.Target{Class: w.Class, Title: w.Title}, cmp.Or(w.Title, w.Class), on, func() {
				c.chosen.WindowClass, c.chosen.WindowTitle = w.Class, w.Title
			})
		}
		hint = "Windows in front of it are not captured. If it closes, the next window of the same app is captured; " +
			"while sharing, Home asks first."
		if !there && c.chosen.WindowClass+c.chosen.WindowTitle != "" {
			hint = fmt.Sprintf("“%s” (%s) is not open. The next window of the same app is captured.",
				cmp.Or(c.chosen.WindowTitle, "Any window"), c.chosen.WindowClass)
		}
	case config.Rectangle:
		hint = fmt.Sprintf("In pixels. The desktop is %d × %d.", c.found.list.Width, c.found.list.Height)
	default:
		c.add(capture.Target{}, fmt.Sprintf("%d × %d", c.found.list.Width, c.found.list.Height), true, func() {})
	}
	if c.found.err != nil {
		hint = wording(c.found.err)
	}
	return hint
}

// add adds a tile; choose runs when it is tapped.
func (c *sourceCard) add(t capture.Target, name string, on bool, choose func()) {
	c.tiles.Add(newChoice(c.found.images[t], name, on, func() {
		choose()
		c.show()
		c.s.changed()
	}))
}
