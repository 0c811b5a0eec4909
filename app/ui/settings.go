package ui

import (
	"context"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
)

// settings is the page where things are changed. It edits a copy; Apply hands it to the session.
type settings struct {
	u    *UI
	root fyne.CanvasObject

	source  *sourceCard
	sound   *soundCard
	video   *videoCard
	replay  *replayCard
	clips   *clipsCard
	sharing *sharingCard
	keys    *hotkeyCard
	general *appCard

	message       *widget.Label
	apply, revert *widget.Button
	follower      *follower
	loaded        config.Config
	filling       bool

	watching, looking, lookAgain bool
}

// group is one card of the page.
type group interface {
	content() fyne.CanvasObject
	// load shows settings, store writes what is entered into them.
	load(config.Config)
	store(*config.Config) error
}

func newSettings(u *UI) *settings {
	s := &settings{u: u, message: widget.NewLabel("")}
	s.message.Wrapping = fyne.TextWrapWord
	s.source, s.sound, s.video, s.replay = newSourceCard(s), newSoundCard(s), newVideoCard(s), newReplayCard(s)
	s.clips = newClipsCard(s)
	s.sharing, s.keys, s.general = newSharingCard(s), newHotkeyCard(s), newAppCard(s)
	s.apply = widget.NewButtonWithIcon("Apply", theme.ConfirmIcon(), s.submit)
	s.apply.Importance = widget.HighImportance
	s.revert = widget.NewButtonWithIcon("Revert", theme.ContentUndoIcon(), func() { s.fill(u.parts.Feed.Snapshot().Settings) })
	var cards []fyne.CanvasObject
	for _, g := range s.groups() {
		cards = append(cards, g.content())
	}
	bottom := container.NewBorder(nil, nil, nil, container.NewHBox(s.revert, s.apply), s.message)
	scroll := container.NewVScroll(container.New(layout.NewCustomPaddedLayout(0, 0, 0, 12), column(cards...)))
	s.root = container.NewBorder(heading("Settings"), bottom, nil, nil, scroll)
	s.follower = newFollower(u.window.Canvas(), scroll, s.visible, func(f fyne.Focusable) bool {
		b, _ := f.(*widget.Button)
		return b != nil && (b == s.apply || b == s.revert || slices.Contains(u.nav.buttons, b))
	})
	s.fill(u.parts.Feed.Snapshot().Settings)
	return s
}

func (s *settings) groups() []group {
	return []group{s.source, s.sound, s.video, s.replay, s.clips, s.sharing, s.keys, s.general}
}

func (s *settings) content() fyne.CanvasObject { return s.root }

// enter shows the newest settings, unless something is being edited, and looks for devices; again whenever some come or
// go, as long as the page is to be seen.
func (s *settings) enter() {
	s.follower.begin()
	if s.apply.Disabled() {
		s.fill(s.u.parts.Feed.Snapshot().Settings)
	}
	s.lookAround()
	if s.watching {
		return
	}
	s.watching = true
	ctx, stop := context.WithCancel(s.u.ctx)
	s.u.watches.Go(func() {
		s.u.parts.Watch(ctx, func() {
			s.u.main(func() {
				if !s.visible() {
					stop()
					s.watching = false
					return
				}
				s.lookAround()
			})
		})
		stop()
	})
}

func (s *settings) visible() bool { return s.u.shown.Load() && s.u.pages[s.u.nav.current] == page(s) }

// lookAround lists what can be filmed and heard. While it does, it is not begun again but repeated afterwards.
func (s *settings) lookAround() {
	if s.looking {
		s.lookAgain = true
		return
	}
	s.looking = true
	way := s.source.chosenWay()
	s.u.wg.Go(func() {
		ctx, cancel := context.WithTimeout(s.u.ctx, 5*time.Second)
		defer cancel()
		list, err := s.u.parts.Devices(ctx)
		if err != nil {
			s.u.parts.Log.Warn("sound devices could not be listed", "error", err)
			list = capture.DeviceList{}
		}
		seen := takeIn(s.u.parts, way)
		s.u.main(func() {
			s.looking = false
			s.sound.devices(list)
			s.source.offer(seen)
			if s.lookAgain {
				s.lookAgain = false
				s.lookAround()
			}
		})
	})
}

func (s *settings) update(snap session.Snapshot) { s.keys.states(snap.Hotkeys) }

// fill shows settings and forgets what was entered.
func (s *settings) fill(c config.Config) {
	s.filling = true
	s.loaded = c.Clone()
	for _, g := range s.groups() {
		g.load(c)
	}
	s.filling = false
	s.say("", widget.MediumImportance)
	setEnabled(s.apply, false)
	setEnabled(s.revert, false)
}

// changed is called by every control; it checks what is entered so far.
func (s *settings) changed() {
	if s.filling {
		return
	}
	setEnabled(s.revert, true)
	_, err := s.entered()
	if err != nil {
		s.say(session.Sentence(err.Error()), widget.DangerImportance)
	} else {
		s.say("", widget.MediumImportance)
	}
	setEnabled(s.apply, err == nil)
}

// entered is the settings as the controls show them.
func (s *settings) entered() (config.Config, error) {
	c := s.loaded.Clone()
	for _, g := range s.groups() {
		if err := g.store(&c); err != nil {
			return c, err
		}
	}
	if problems := c.Validate(); len(problems) > 0 {
		return c, problems[0]
	}
	return c, nil
}

func (s *settings) say(text string, how widget.Importance) {
	if s.message.Text != text || s.message.Importance != how {
		s.message.Importance = how
		s.message.SetText(text)
	}
}

// submit hands the settings to the session.
func (s *settings) submit() {
	c, err := s.entered()
	if err != nil {
		s.say(session.Sentence(err.Error()), widget.DangerImportance)
		return
	}
	token, newToken := s.sharing.newToken()
	setEnabled(s.apply, false)
	s.say("Applying…", widget.MediumImportance)
	editor := s.u.parts.Editor
	s.u.wg.Add(1)
	go func() {
		defer s.u.wg.Done()
		var err error
		if newToken {
			err = editor.SetToken(token)
		}
		if err == nil {
			err = editor.Apply(c)
		}
		s.u.main(func() { s.applied(c, err) })
	}()
}

func (s *settings) applied(c config.Config, err error) {
	if err != nil {
		setEnabled(s.apply, true)
		s.say(session.Sentence(err.Error()), widget.DangerImportance)
		return
	}
	s.fill(c)
	s.say("Saved. The new settings are in use.", widget.SuccessImportance)
}
