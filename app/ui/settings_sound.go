package ui

import (
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/capture"
)

// The choices of what is heard.
const (
	wantBoth    = "Desktop and microphone"
	wantDesktop = "Desktop only"
	wantMic     = "Microphone only"
	wantNone    = "No audio"
)

const (
	defaultDevice = "System default"
	takeOut       = "Echo cancellation"
)

// soundCard chooses what is heard, from which device, how loud.
type soundCard struct {
	mode         *widget.Select
	desktop, mic *sourceControls
	suppress     *widget.Check
	echo         *widget.Check
	mono         *widget.Check
	separate     *widget.Check
	root         fyne.CanvasObject
}

func newSoundCard(s *settings) *soundCard {
	c := &soundCard{
		desktop: newSourceControls(s), mic: newSourceControls(s),
		suppress: s.newCheck("Noise suppression"), echo: s.newCheck(takeOut),
		mono:     s.newCheck("Mono (plays on both ears)"),
		separate: s.newCheck("Separate audio tracks"),
	}
	c.mode = widget.NewSelect([]string{wantBoth, wantDesktop, wantMic, wantNone}, func(string) {
		c.enable()
		s.changed()
	})
	c.root = card("Audio", form(
		label("Audio sources"), c.mode,
		label("Desktop audio device"), c.desktop.device,
		label(settingName("sound.desktop.gain_db")), c.desktop.volume,
		label("Microphone"), c.mic.device,
		label(settingName("sound.microphone.gain_db")), c.mic.volume,
		label("Channels"), c.mono,
		label("Noise"), c.suppress,
		label("Echo"), c.echo,
		label("Clips"), c.separate,
	))
	return c
}

func (c *soundCard) content() fyne.CanvasObject { return c.root }

func (c *soundCard) bindings() []binding {
	check := func(box *widget.Check, of func(*config.Config) *bool) binding {
		return binding{load: func(cfg config.Config) { box.SetChecked(*of(&cfg)) }, store: func(cfg *config.Config) error {
			*of(cfg) = box.Checked
			return nil
		}}
	}
	all := []binding{
		{load: func(cfg config.Config) {
			c.mode.SetSelected(mode(cfg.Sound.Desktop.Enabled, cfg.Sound.Microphone.Enabled))
			c.enable()
		}, store: func(cfg *config.Config) error {
			cfg.Sound.Desktop.Enabled = c.mode.Selected == wantBoth || c.mode.Selected == wantDesktop
			cfg.Sound.Microphone.Enabled = c.mode.Selected == wantBoth || c.mode.Selected == wantMic
			return nil
		}},
		check(c.suppress, func(cfg *config.Config) *bool { return &cfg.Sound.SuppressNoise }),
		check(c.echo, func(cfg *config.Config) *bool { return &cfg.Sound.EchoCancellation }),
		check(c.mono, func(cfg *config.Config) *bool { return &cfg.Sound.MonoMicrophone }),
		check(c.separate, func(cfg *config.Config) *bool { return &cfg.Sound.Separate }),
	}
	all = append(all, c.desktop.bindings(func(cfg *config.Config) *config.Source { return &cfg.Sound.Desktop })...)
	return append(all, c.mic.bindings(func(cfg *config.Config) *config.Source { return &cfg.Sound.Microphone })...)
}

func mode(desktop, mic bool) string {
	switch {
	case desktop && mic:
		return wantBoth
	case desktop:
		return wantDesktop
	case mic:
		return wantMic
	}
	return wantNone
}

func (c *soundCard) enable() {
	c.desktop.enable(c.mode.Selected == wantBoth || c.mode.Selected == wantDesktop)
	c.mic.enable(c.mode.Selected == wantBoth || c.mode.Selected == wantMic)
	setEnabled(c.mono, c.mode.Selected == wantBoth || c.mode.Selected == wantMic)
	setEnabled(c.suppress, c.mode.Selected == wantBoth || c.mode.Selected == wantMic)
	setEnabled(c.echo, c.mode.Selected == wantBoth)
	text := takeOut
	if c.mode.Selected == wantMic {
		text += " (needs desktop audio)"
	}
	if c.echo.Text != text {
		c.echo.Text = text
		c.echo.Refresh()
	}
}

func (c *soundCard) devices(list capture.DeviceList) {
	desktop := slices.Clone(list.Desktop)
	for _, a := range list.Applications {
		desktop = append(desktop, capture.Device{ID: a.ID, Name: "Only " + a.Name})
	}
	c.desktop.offer(desktop)
	c.mic.offer(list.Microphones)
}

// sourceControls are device, volume and mute of one source.
type sourceControls struct {
	s      *settings
	device *widget.Select
	gain   *widget.Slider
	db     *widget.Label
	mute   *widget.Check
	volume fyne.CanvasObject

	ids    []string // beside device.Options
	chosen string
}

func newSourceControls(s *settings) *sourceControls {
	c := &sourceControls{s: s, db: widget.NewLabel("0 dB"), gain: widget.NewSlider(-30, 20), mute: s.newCheck("Muted")}
	c.device = widget.NewSelect([]string{defaultDevice}, func(string) {
		if i := c.device.SelectedIndex(); i >= 0 && i < len(c.ids) {
			c.chosen = c.ids[i]
		}
		s.changed()
	})
	c.ids = []string{""}
	c.gain.Step = 1
	c.gain.OnChanged = func(v float64) {
		setText(c.db, fmt.Sprintf("%+.0f dB", v))
		s.changed()
	}
	c.db.Alignment = fyne.TextAlignTrailing
	value := container.New(layout.NewGridWrapLayout(fyne.NewSize(70, 36)), c.db)
	c.volume = container.NewBorder(nil, nil, nil, container.NewHBox(value, c.mute), c.gain)
	return c
}

func (c *sourceControls) bindings(of func(*config.Config) *config.Source) []binding {
	return []binding{
		{load: func(cfg config.Config) { c.chosen = of(&cfg).Device; c.show() }, store: func(cfg *config.Config) error {
			of(cfg).Device = c.chosen
			return nil
		}},
		{load: func(cfg config.Config) { c.gain.SetValue(min(max(of(&cfg).GainDB, c.gain.Min), c.gain.Max)) },
			store: func(cfg *config.Config) error {
				if src := of(cfg); c.gain.Value != min(max(src.GainDB, c.gain.Min), c.gain.Max) {
					src.GainDB = c.gain.Value // a finer value from the file stays until the slider is moved
				}
				return nil
			}},
		{load: func(cfg config.Config) { c.mute.SetChecked(of(&cfg).Muted) }, store: func(cfg *config.Config) error {
			of(cfg).Muted = c.mute.Checked
			return nil
		}},
	}
}

// offer lists devices; the chosen one stays even while it is unplugged.
func (c *sourceControls) offer(devices []capture.Device) {
	names, ids := []string{defaultDevice}, []string{""}
	for _, d := range devices {
		name := d.Name
		if d.Default {
			names[0] = defaultDevice + " (" + d.Name + ")"
		}
		for _, n := range names {
			if n == name {
				name += " – " + d.ID
			}
		}
		names, ids = append(names, name), append(ids, d.ID)
	}
	c.device.Options, c.ids = names, ids
	c.show()
}

func (c *sourceControls) show() {
	at := -1
	for i, id := range c.ids {
		if id == c.chosen {
			at = i
		}
	}
	if at < 0 {
		c.device.Options = append(append([]string{}, c.device.Options...), c.chosen+" (not connected)")
		c.ids = append(append([]string{}, c.ids...), c.chosen)
		at = len(c.ids) - 1
	}
	was := c.s.filling
	c.s.filling = true
	c.device.SetSelectedIndex(at)
	c.device.Refresh()
	c.s.filling = was
}

func (c *sourceControls) enable(on bool) {
	for _, w := range []fyne.Disableable{c.device, c.gain, c.mute} {
		if on {
			w.Enable()
		} else {
			w.Disable()
		}
	}
}
