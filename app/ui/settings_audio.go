package ui

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/media"
)

// audioPage chooses what is heard, from which device or apps, how loud, and shows it live.
type audioPage struct {
	desktop, mic                   *soundSource
	suppress, echo, mono, separate *widget.Check
	clips                          *fields
	root                           fyne.CanvasObject

	// live opens the sound for the levels while nothing is captured, and says so.
	live       *fields
	liveLine   *line
	show, hide *pushButton
	hint       *widget.Label
}

func newAudioPage(s *settings) *audioPage {
	p := &audioPage{clips: &fields{s: s}, live: &fields{s: s}}
	p.offerLevels()
	p.desktop = newSoundSource(s, "sound.desktop", lang.L("Record desktop audio"),
		func(c *config.Config) *config.Source { return &c.Sound.Desktop })
	p.desktop.chooseApps()
	p.desktop.volume()
	p.desktop.card(lang.L("Desktop audio"))

	p.mic = newSoundSource(s, "sound.microphone", lang.L("Record microphone"),
		func(c *config.Config) *config.Source { return &c.Sound.Microphone })
	p.mic.volume()
	f := &p.mic.fields
	p.mono = f.check("sound.mono_microphone", lang.L("Channels"), lang.L("Mono (plays on both ears)"),
		func(c *config.Config) *bool { return &c.Sound.MonoMicrophone })
	p.suppress = f.check("sound.suppress_noise", lang.L("Noise"), lang.L("Noise suppression"),
		func(c *config.Config) *bool { return &c.Sound.SuppressNoise })
	p.echo = f.check("sound.echo_cancellation", lang.L("Echo"), lang.L("Echo cancellation"),
		func(c *config.Config) *bool { return &c.Sound.EchoCancellation })
	p.mic.card(lang.L("Microphone"))

	p.separate = p.clips.check("sound.separate_tracks", lang.L("Audio tracks"), lang.L("Separate audio tracks"),
		func(c *config.Config) *bool { return &c.Sound.Separate })
	p.clips.note(lang.L("Clips then also contain desktop audio and microphone as separate tracks, for editing."))
	p.clips.card(lang.L("Clips"))
	p.desktop.switched, p.mic.switched = p.enable, p.enable
	p.root = column(p.live.root, p.desktop.root, p.mic.root, p.clips.root)
	return p
}

// offerLevels builds the card that opens the sound for the levels.
func (p *audioPage) offerLevels() {
	s := p.live.s
	p.show = newPushButton(lang.L("Show levels"), theme.VisibilityIcon(), s.showLevels)
	p.hide = newPushButton(lang.L("Hide levels"), theme.VisibilityOffIcon(), s.endLevels)
	p.hide.Hide()
	p.hint = widget.NewLabel("")
	p.hint.Wrapping = fyne.TextWrapWord
	buttons := container.NewCenter(container.NewHBox(p.show, p.hide))
	p.liveLine = p.live.add(p.show.Text, container.NewBorder(nil, nil, nil, buttons, p.hint))
	p.live.card("")
}

func (p *audioPage) content() fyne.CanvasObject { return p.root }

func (p *audioPage) bindings() []binding {
	return slices.Concat(p.desktop.bound, p.mic.bound, p.clips.bound)
}

func (p *audioPage) search(words []string) bool {
	a, b, c, d := p.desktop.search(words), p.mic.search(words), p.clips.search(words), p.live.search(words)
	return a || b || c || d
}

// enable turns off what has no effect.
func (p *audioPage) enable() {
	p.desktop.enable(p.desktop.on.Checked)
	p.mic.enable(p.mic.on.Checked)
	for _, k := range []*widget.Check{p.mono, p.suppress} {
		setEnabled(k, p.mic.on.Checked)
	}
	setEnabled(p.echo, p.mic.on.Checked && p.desktop.on.Checked)
	text := lang.L("Echo cancellation")
	if p.mic.on.Checked && !p.desktop.on.Checked {
		text = lang.L("Echo cancellation (needs desktop audio)")
	}
	if p.echo.Text != text {
		p.echo.SetText(text)
	}
}

// devices offers what was found.
func (p *audioPage) devices(list capture.DeviceList) {
	p.desktop.apps = list.Applications
	p.desktop.offer(list.Desktop)
	p.mic.offer(list.Microphones)
}

// levels shows what is heard just now, where anything is open.
func (p *audioPage) levels(snap session.Snapshot) {
	s := p.live.s
	captures := snap.ReplayOn || snap.ShareOn || snap.RecordOn
	if captures && s.stopLevels != nil {
		s.endLevels() // which comes back here
		return
	}
	open := s.stopLevels != nil
	hint := lang.L("Capture is off, so there are no levels yet. Showing them opens the audio sources and keeps nothing.")
	switch {
	case open && p.mic.on.Checked:
		hint = lang.L("The microphone is open for the levels. Nothing is kept.")
	case open:
		hint = lang.L("Desktop audio is open for the levels. Nothing is kept.")
	}
	setText(p.hint, hint)
	setShown(p.show, !open)
	setShown(p.hide, open)
	p.liveLine.show(!captures)
	setShown(p.live.root, p.liveLine.wanted && p.liveLine.found)
	p.desktop.level(snap.Desktop, captures || open)
	p.mic.level(snap.Mic, captures || open)
}

// What of the desktop is captured, in the order of the choices.
const (
	allSound = iota
	someApps
	allButApps
)

// soundSource is the card of one source of sound.
type soundSource struct {
	fields
	of func(*config.Config) *config.Source

	on     *widget.Check
	what   *widget.Select // nil for a microphone
	device *widget.Select
	gain   *widget.Slider
	db     *widget.Label
	mute   *widget.Check
	meter  *bar
	state  *widget.Label

	deviceLine, appLine *line
	appList             *fyne.Container
	apps                []capture.Device
	programs            []string // the chosen apps

	ids    []string // beside device.Options
	chosen string   // the device
	// switched is called when the source is turned on or off.
	switched func()
}

func newSoundSource(s *settings, key, on string, of func(*config.Config) *config.Source) *soundSource {
	c := &soundSource{fields: fields{s: s}, of: of, switched: func() {}}
	c.meter, c.state = newBar("success", 8), muted("")
	c.state.Wrapping = fyne.TextWrapWord
	c.on = c.check(key+".enabled", lang.L("Source"), on, func(cfg *config.Config) *bool { return &of(cfg).Enabled })
	changed := c.on.OnChanged
	c.on.OnChanged = func(b bool) {
		c.switched()
		changed(b)
	}
	c.row(lang.L("Level"), container.New(layout.NewCustomPaddedVBoxLayout(-4),
		container.New(layout.NewCustomPaddedLayout(14, 0, 4, 4), c.meter), c.state), lang.L("Meter"))
	c.device = widget.NewSelect(nil, func(string) {
		if i := c.device.SelectedIndex(); i >= 0 && i < len(c.ids) {
			c.chosen = c.ids[i]
		}
		s.changed()
	})
	c.ids = []string{""}
	at := s.place(key + ".device")
	c.deviceLine = c.row(settingName(key+".device"), container.NewVBox(c.device, at))
	c.bind(at, func(cfg config.Config) { c.load(of(&cfg).Device) }, func(cfg *config.Config) error {
		return c.store(&of(cfg).Device)
	})
	return c
}

// chooseApps offers to capture apps in place of a device.
func (c *soundSource) chooseApps() {
	c.appList = container.NewVBox()
	c.what = c.s.newSelect(lang.L("All audio of an output device"), lang.L("Only the apps chosen below"),
		lang.L("All apps but those chosen below"))
	c.what.SetSelectedIndex(allSound)
	c.what.OnChanged = func(string) {
		c.show()
		c.s.changed()
	}
	what := c.row(lang.L("Capture"), c.what, c.what.Options...)
	c.appLine = c.row(lang.L("Apps"), c.appList, lang.L("Programs"))
	c.lines = []*line{c.lines[0], c.lines[1], what, c.deviceLine, c.appLine}
	c.appLine.show(false)
}

// volume adds volume and mute.
func (c *soundSource) volume() {
	key := "sound.microphone"
	if c.what != nil {
		key = "sound.desktop"
	}
	c.gain, c.db, c.mute = widget.NewSlider(-30, 20), widget.NewLabel("0 dB"), c.s.newCheck(lang.L("Mute"))
	c.gain.Step = 1
	c.gain.OnChanged = func(v float64) {
		setText(c.db, fmt.Sprintf("%+.0f dB", v))
		c.s.changed()
	}
	c.db.Alignment = fyne.TextAlignTrailing
	value := container.New(layout.NewGridWrapLayout(fyne.NewSize(70, 36)), c.db)
	at := c.s.place(key+".gain_db", key+".muted")
	c.row(settingName(key+".gain_db"), container.NewVBox(container.NewBorder(nil, nil, nil,
		container.NewHBox(value, c.mute), c.gain), at), lang.L("Volume"), lang.L("Mute"))
	of := c.of
	c.bind(at, func(cfg config.Config) { c.gain.SetValue(min(max(of(&cfg).GainDB, c.gain.Min), c.gain.Max)) },
		func(cfg *config.Config) error {
			if src := of(cfg); c.gain.Value != min(max(src.GainDB, c.gain.Min), c.gain.Max) {
				src.GainDB = c.gain.Value // a finer value from the file stays until the slider is moved
			}
			return nil
		})
	c.bind(at, func(cfg config.Config) { c.mute.SetChecked(of(&cfg).Muted) }, func(cfg *config.Config) error {
		of(cfg).Muted = c.mute.Checked
		return nil
	})
}

func (c *soundSource) load(device string) {
	apps, is := capture.ParseApps(device)
	switch {
	case c.what == nil || !is:
		c.chosen, c.programs = device, nil
		if c.what != nil {
			c.what.SetSelectedIndex(allSound)
		}
	case apps.Except:
		c.programs = apps.Names
		c.what.SetSelectedIndex(allButApps)
	default:
		c.programs = apps.Names
		c.what.SetSelectedIndex(someApps)
	}
	c.show()
	c.switched()
}

func (c *soundSource) store(device *string) error {
	if c.what == nil || c.what.SelectedIndex() <= allSound {
		*device = c.chosen
		return nil
	}
	if len(c.programs) == 0 {
		return errors.New(lang.L("Choose at least one app"))
	}
	*device = capture.Apps{Names: c.programs, Except: c.what.SelectedIndex() == allButApps}.Device()
	return nil
}

// offer lists devices; the chosen one stays even while it is unplugged.
func (c *soundSource) offer(devices []capture.Device) {
	names, ids := []string{lang.L("System default")}, []string{""}
	for _, d := range devices {
		name := d.Name
		if d.Default {
			names[0] = lang.L("System default ({{.Device}})", map[string]any{"Device": d.Name})
		}
		if slices.Contains(names, name) {
			name += " – " + d.ID
		}
		names, ids = append(names, name), append(ids, d.ID)
	}
	c.device.Options, c.ids = names, ids
	c.show()
}

// show shows what is chosen among what there is.
func (c *soundSource) show() {
	if len(c.device.Options) == 0 {
		c.device.Options = []string{lang.L("System default")}
	}
	at := slices.Index(c.ids, c.chosen)
	if at < 0 {
		c.device.Options = append(slices.Clone(c.device.Options),
			lang.L("{{.Device}} (not connected)", map[string]any{"Device": c.chosen}))
		c.ids = append(slices.Clone(c.ids), c.chosen)
		at = len(c.ids) - 1
	}
	was := c.s.filling
	c.s.filling = true
	c.device.SetSelectedIndex(at)
	c.device.Refresh()
	if c.what != nil {
		byApp := c.what.SelectedIndex() > allSound
		c.deviceLine.show(!byApp)
		c.appLine.show(byApp)
		c.showApps()
	}
	c.s.filling = was
}

// showApps lists the apps that play, and those that are chosen.
func (c *soundSource) showApps() {
	names := slices.Clone(c.programs)
	for _, a := range c.apps {
		if !slices.Contains(names, a.Name) {
			names = append(names, a.Name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	c.appList.RemoveAll()
	for _, name := range names {
		text := name
		if !slices.ContainsFunc(c.apps, func(a capture.Device) bool { return a.Name == name }) {
			text = lang.L("{{.App}} (not playing)", map[string]any{"App": name})
		}
		k := widget.NewCheck(text, nil)
		k.Checked = slices.Contains(c.programs, name)
		k.OnChanged = func(on bool) {
			c.programs = slices.DeleteFunc(slices.Clone(c.programs), func(p string) bool { return p == name })
			if on {
				c.programs = append(c.programs, name)
			}
			c.s.changed()
		}
		c.appList.Add(k)
	}
	if len(names) == 0 {
		c.appList.Add(muted(lang.L("No app plays audio right now. Start one, and it appears here.")))
	}
}

func (c *soundSource) enable(on bool) {
	for _, w := range []fyne.Disableable{c.device, c.gain, c.mute} {
		setEnabled(w, on)
	}
	if c.what != nil {
		setEnabled(c.what, on)
	}
}

// level shows how loud it is and what is open, or why nothing is; wanted is whether anything is to be open.
func (c *soundSource) level(now session.SourceStatus, wanted bool) {
	db, text := now.PeakDB, ""
	if !wanted || now.Muted || now.Closed || now.State != media.Running {
		db = meterFloor
	}
	c.meter.level(db)
	switch {
	case !c.on.Checked:
		text = lang.L("Off")
	case !wanted:
		text = lang.L("Capture is off")
	case now.Error != "":
		text = locale.Message(session.Sentence(now.Error))
	case now.Muted:
		text = lang.L("Muted")
	case now.Closed:
		text = lang.L("Waits for the push-to-talk key")
	case now.State == media.Running:
		text = c.openName(now.Device)
	case now.State == media.Paused:
		text = lang.L("Paused")
	default:
		text = lang.L("Starting…")
	}
	setText(c.state, text)
}

// openName is the name of the device that is open.
func (c *soundSource) openName(id string) string {
	if apps, is := capture.ParseApps(id); is {
		names := strings.Join(apps.Names, ", ")
		if apps.Except {
			return lang.L("Listening to all apps but {{.Apps}}", map[string]any{"Apps": names})
		}
		return lang.L("Listening to {{.Apps}}", map[string]any{"Apps": names})
	}
	for i, known := range c.ids {
		if known == id && i < len(c.device.Options) && id != "" {
			return lang.L("Listening to {{.Apps}}", map[string]any{"Apps": c.device.Options[i]})
		}
	}
	return lang.L("Listening to {{.Apps}}", map[string]any{"Apps": c.device.Options[0]})
}
