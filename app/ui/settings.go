package ui

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
)

// settings is the page where things are changed. It follows the session's settings, but for the controls that the
// user has edited, and Apply hands over what was edited and nothing else.
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
	all           []binding
	// places are where errors of settings stand, by the settings' keys.
	places map[string]*widget.Label
	// refusals are errors that nobody saw before the settings were applied. They stand until something is changed.
	refusals map[*widget.Label]string
	// loaded are the session's settings; shown are those as the controls show them where nothing is edited, which
	// differs where a control cannot show a value exactly.
	loaded, shown config.Config
	filling       bool

	watching, looking, lookAgain, applying bool
}

// messageHeight is the height of two lines.
const messageHeight = 56

// settleWait is how long the page waits for the recorder, which may have to try encoders or ask for a screen.
const settleWait = 30 * time.Second

// group is one card of the page.
type group interface {
	content() fyne.CanvasObject
	// bindings connect its controls to settings, each to as few as belong together.
	bindings() []binding
}

func newSettings(u *UI) *settings {
	s := &settings{u: u, message: widget.NewLabel(""), places: map[string]*widget.Label{}}
	s.message.Wrapping = fyne.TextWrapWord
	s.source, s.sound, s.video, s.replay = newSourceCard(s), newSoundCard(s), newVideoCard(s), newReplayCard(s)
	s.clips = newClipsCard(s)
	s.sharing, s.keys, s.general = newSharingCard(s), newHotkeyCard(s), newAppCard(s)
	s.apply = widget.NewButtonWithIcon("Apply", theme.ConfirmIcon(), s.submit)
	s.apply.Importance = widget.HighImportance
	s.revert = widget.NewButtonWithIcon("Revert", theme.ContentUndoIcon(),
		func() { s.fill(u.parts.Feed.Snapshot().Settings) })
	var cards []fyne.CanvasObject
	for _, g := range s.groups() {
		cards = append(cards, g.content())
		s.all = append(s.all, g.bindings()...)
	}
	buttons := container.NewHBox(s.revert, s.apply)
	// However long a message is, the page keeps its size.
	said := container.NewVScroll(container.NewVBox(layout.NewSpacer(), s.message, layout.NewSpacer()))
	said.SetMinSize(fyne.NewSize(0, messageHeight))
	bottom := container.NewBorder(nil, nil, nil, container.NewCenter(buttons), said)
	scroll := container.NewVScroll(nil)
	cardsAndWheel := container.NewStack(column(cards...), newWheel(scroll))
	scroll.Content = beside(cardsAndWheel)
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

// enter shows the newest settings, but for what is being edited, and looks for devices; again whenever some come or go,
// as long as the page is shown.
func (s *settings) enter() {
	s.follower.begin()
	s.follow(s.u.parts.Feed.Snapshot().Settings)
	if !s.dirty() {
		s.say("", widget.MediumImportance) // "Saved" was for then
	}
	s.lookAround()
	s.keys.enter()
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

// lookAround lists what can be captured. While it does, it is not begun again but repeated afterwards.
func (s *settings) lookAround() {
	if s.looking {
		s.lookAgain = true
		return
	}
	s.looking = true
	backend := s.source.chosenBackend()
	s.u.wg.Go(func() {
		ctx, cancel := context.WithTimeout(s.u.ctx, 5*time.Second)
		defer cancel()
		list, err := s.u.parts.Devices(ctx)
		if err != nil {
			s.u.parts.Log.Warn("sound devices could not be listed", "error", err)
			list = capture.DeviceList{}
		}
		seen := takeIn(s.u.parts, backend)
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

func (s *settings) update(snap session.Snapshot) {
	s.follow(snap.Settings)
	s.keys.update(snap.Hotkeys)
}

// fill shows settings and forgets what was entered.
func (s *settings) fill(c config.Config) {
	s.filling = true
	s.loaded, s.shown = c.Clone(), c.Clone()
	for _, b := range s.all {
		b.load(c)
		_ = b.store(&s.shown) // what was just loaded
	}
	s.sharing.token.SetText("")
	s.filling = false
	s.refusals = nil
	s.sharing.warn()
	s.say("", widget.MediumImportance)
	_, _ = s.check()
}

// follow shows settings that others changed, or that were just applied; what else is entered stays.
func (s *settings) follow(c config.Config) {
	if reflect.DeepEqual(c.Clone(), s.loaded) {
		return
	}
	s.filling = true
	shown := c.Clone()
	s.loaded = c.Clone()
	for _, b := range s.all {
		if b.edited(s.shown) && b.edited(c) {
			continue
		}
		b.load(c)
		_ = b.store(&shown)
	}
	s.shown = shown
	s.filling = false
	s.sharing.warn()
	_, _ = s.check()
}

// dirty is whether something is entered that is not applied.
func (s *settings) dirty() bool {
	_, token := s.sharing.newToken()
	return token || slices.ContainsFunc(s.all, func(b binding) bool { return b.edited(s.shown) })
}

// changed is called by every control; it checks what is entered so far.
func (s *settings) changed() {
	if s.filling {
		return
	}
	s.refusals = nil
	s.sharing.warn()
	s.sayWrong(s.check())
}

// sayWrong says what is wrong with what is entered, where that is not said beside a field.
func (s *settings) sayWrong(err error, shown bool) {
	switch {
	case err == nil:
		s.say("", widget.MediumImportance)
	case shown:
		s.say("Correct the marked settings to apply.", widget.DangerImportance)
	default:
		s.say(wording(err), widget.DangerImportance)
	}
}

// check enables what can be done with what is entered and shows beside each field what is wrong with it. It returns the
// first error, and whether that one is shown beside its field.
func (s *settings) check() (first error, shown bool) {
	_, wrong := s.entered()
	at := map[*widget.Label]string{}
	for label, text := range s.refusals {
		at[label] = text
	}
	for i, w := range wrong {
		if i == 0 {
			first, shown = w.error, w.at != nil
		}
		if _, taken := at[w.at]; w.at != nil && !taken {
			at[w.at] = wording(w.error)
		}
	}
	for _, label := range s.allPlaces() {
		setText(label, at[label])
		setShown(label, at[label] != "")
	}
	dirty := s.dirty()
	setEnabled(s.revert, dirty)
	setEnabled(s.apply, dirty && len(wrong) == 0 && !s.applying)
	return first, shown
}

// entered is the settings as the controls show them, and everything that is wrong with them.
func (s *settings) entered() (config.Config, []misplaced) {
	c := s.shown.Clone()
	var wrong []misplaced
	for _, b := range s.all {
		err := b.store(&c)
		var elsewhere misplaced
		switch {
		case errors.As(err, &elsewhere):
			wrong = append(wrong, elsewhere)
		case err != nil:
			wrong = append(wrong, misplaced{err, b.at})
		}
	}
	for _, p := range c.Validate() {
		wrong = append(wrong, misplaced{p, s.placeOf(p.Key)})
	}
	return c, wrong
}

// place makes a place for the errors of settings.
func (s *settings) place(keys ...string) *widget.Label {
	at := newPlace()
	for _, key := range keys {
		s.places[key] = at
	}
	return at
}

// newPlace is a place for an error beside its field.
func newPlace() *widget.Label {
	at := muted("")
	at.Importance = widget.DangerImportance
	at.Wrapping = fyne.TextWrapWord
	at.Hide()
	return at
}

// placeOf is where an error of a setting stands, nil where the page has no such field.
func (s *settings) placeOf(key string) *widget.Label {
	if part := inList.FindStringSubmatch(key); part != nil {
		if i, err := strconv.Atoi(part[1]); err == nil && i < len(s.keys.saves) {
			return s.keys.saves[i].wrong
		}
	}
	return s.places[key]
}

func (s *settings) allPlaces() []*widget.Label {
	var all []*widget.Label
	for _, at := range s.places {
		all = append(all, at)
	}
	for _, r := range s.keys.saves {
		all = append(all, r.wrong)
	}
	return all
}

func (s *settings) say(text string, how widget.Importance) {
	if s.message.Text != text || s.message.Importance != how {
		s.message.Importance = how
		s.message.SetText(text)
	}
	setShown(s.message, text != "")
}

// submit hands the settings to the session.
func (s *settings) submit() {
	c, wrong := s.entered()
	if len(wrong) > 0 {
		s.sayWrong(s.check())
		return
	}
	token, newToken := s.sharing.newToken()
	s.applying = true
	setEnabled(s.apply, false)
	s.say("Applying…", widget.MediumImportance)
	patch := config.Diff(s.shown, c)
	if newToken {
		patch = patch.WithToken(token)
	}
	s.u.wg.Go(func() {
		ctx, cancel := context.WithTimeout(s.u.ctx, settleWait)
		defer cancel()
		result := s.u.parts.Editor.Apply(ctx, patch)
		s.u.main(func() { s.applied(result, token) })
	})
}

// applied says what came of the fields, beside those that were refused.
func (s *settings) applied(result config.Result, token string) {
	s.applying = false
	refused := result.Refused()
	_, tokenRefused := find(refused, tokenKey)
	s.filling = true
	if trimmed(s.sharing.token) == token && !tokenRefused && !result.Invalid {
		s.sharing.token.SetText("")
	}
	s.filling = false
	s.follow(s.u.parts.Feed.Snapshot().Settings)
	s.refusals = map[*widget.Label]string{}
	var elsewhere []string
	for _, f := range refused {
		if at := s.placeOf(f.Key); at != nil {
			s.refusals[at] = refusal(f)
		} else {
			elsewhere = append(elsewhere, settingName(f.Key)+": "+refusal(f))
		}
	}
	_, _ = s.check()
	waits, waiting := waitsFor(result)
	switch {
	case len(elsewhere) > 0:
		s.say(strings.Join(elsewhere, "\n"), widget.DangerImportance)
	case result.Invalid:
		s.say(lang.L("Nothing was applied. Correct the marked setting."), widget.DangerImportance)
	case len(refused) > 0:
		s.say(lang.L("Saved, except for the marked settings."), widget.DangerImportance)
	case result.Unsaved != "":
		s.say(lang.L("In use until Hindsight ends: {{.Reason}}",
			map[string]any{"Reason": result.Unsaved}), widget.DangerImportance)
	case waiting && waits != "":
		s.say(lang.L("Saved. {{.Reason}}", map[string]any{"Reason": waits}), widget.WarningImportance)
	case waiting:
		s.say(lang.L("Saved. It applies when capture starts."), widget.SuccessImportance)
	default:
		s.say(lang.L("Saved. The new settings are in use."), widget.SuccessImportance)
	}
	for _, f := range refused {
		if at := s.placeOf(f.Key); at != nil {
			s.follower.reveal(at)
			return
		}
	}
}

// waitsFor is whether something is not in use yet, and the first reason for it.
func waitsFor(r config.Result) (reason string, waiting bool) {
	for _, f := range r.Fields {
		if f.State == config.AfterRestart || f.State == config.NextStart && f.Reason != "" {
			waiting = true
			if reason == "" {
				reason = session.Sentence(f.Reason)
			}
		}
	}
	return reason, waiting
}

// find is the result of a field among some.
func find(fields []config.FieldResult, key string) (config.FieldResult, bool) {
	return config.Result{Fields: fields}.Of(key)
}
