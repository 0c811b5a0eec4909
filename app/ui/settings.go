package ui

import (
	"context"
	"errors"
	"maps"
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
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
)

// settings is where things are changed, on several pages. It follows the session's settings, but for the controls that
// the user has edited. What can be undone at once is applied at once; the rest waits for Apply, which says what it
// does. Only what was edited is handed over.
type settings struct {
	u *UI
	settingsPages
	settingsFrame
	settingsEdits
	settingsWatch
}

// settingsPages are the parts, each with its own controls.
type settingsPages struct {
	sound   *audioPage
	source  *sourceCard
	video   *videoCard
	replay  *replayCard
	clips   *clipsCard
	keys    *hotkeyCard
	store   *storagePage
	sharing *sharingPage
	general *generalPage
}

// settingsFrame is what is around the pages, and where they stand in it.
type settingsFrame struct {
	root fyne.CanvasObject
	body *fyne.Container // all pages

	sections []*section
	current  int
	tabs     *tabs
	find     *finder
	scroll   *container.Scroll
	follower *follower
	// rowWidth is the width of a page's rows, 0 while it is not known.
	rowWidth float32

	message       *widget.Label
	apply, revert *pushButton
	bottom        fyne.CanvasObject
}

// settingsEdits is what the user has edited, and what came of it.
type settingsEdits struct {
	all []binding
	// places are where errors of settings stand, by the settings' keys.
	places map[string]*widget.Label
	// refusals are errors that nobody saw before the settings were applied. They stand until something is changed.
	refusals map[*widget.Label]string
	// declined are values that were refused; they are not tried again by themselves.
	declined map[string]string
	held     []string // hotkeys that the user wants although another program holds them
	// loaded are the session's settings; shown are those as the controls show them where nothing is edited, which
	// differs where a control cannot show a value exactly.
	loaded, shown config.Config
	filling       bool
	// applying says that a patch is on its way. What is ready then follows it, or with applyAll everything.
	applying, applyMore, applyAll bool
}

// settingsWatch is what runs while the page is shown: previews, and the levels of the sound.
type settingsWatch struct {
	watching, looking, lookAgain bool
	// looksHidden says that it is being found out whether the window is minimized, hiddenAt when it last was.
	looksHidden bool
	hiddenAt    time.Time
	// stopLevels closes the sound that is open for the levels alone, nil while there is none. It is called after
	// levelsFor at the latest.
	stopLevels func()
	levelsFor  time.Duration
}

// settleWait is how long the page waits for the recorder, which may have to try encoders or ask for a screen.
const settleWait = 30 * time.Second

// levelsWait is how long the levels may keep the microphone open while nothing is captured.
const levelsWait = time.Minute

// group is one card of a page.
type group interface {
	content() fyne.CanvasObject
	// bindings connect its controls to settings, each to as few as belong together.
	bindings() []binding
	// search shows what all words, in small letters, are in, and returns whether there is anything.
	search(words []string) bool
}

func newSettings(u *UI) *settings {
	s := &settings{u: u}
	s.message, s.levelsFor = widget.NewLabel(""), levelsWait
	s.places, s.declined, s.filling = map[string]*widget.Label{}, map[string]string{}, true
	s.message.Wrapping = fyne.TextWrapWord
	s.sound, s.source, s.video, s.replay = newAudioPage(s), newSourceCard(s), newVideoCard(s), newReplayCard(s)
	s.clips, s.keys, s.store = newClipsCard(s), newHotkeyCard(s), newStoragePage(s)
	s.sharing, s.general = newSharingPage(s), newGeneralPage(s)
	s.sections = []*section{
		newSection(s, lang.L("Audio"), theme.VolumeUpIcon(), s.sound),
		newSection(s, lang.L("Video"), theme.ComputerIcon(), s.source, s.video),
		newSection(s, lang.L("Replay and clips"), theme.MediaReplayIcon(), s.replay, s.clips),
		newSection(s, lang.L("Hotkeys"), keyboardIcon, s.keys),
		newSection(s, lang.L("Storage"), theme.StorageIcon(), s.store.groups()...),
		newSection(s, lang.L("Sharing"), theme.UploadIcon(), s.sharing),
		newSection(s, lang.L("General"), theme.SettingsIcon(), s.general),
	}
	s.body = container.NewVBox()
	for _, p := range s.sections {
		s.body.Add(p.root)
		s.all = append(s.all, p.bindings()...)
	}
	s.apply = newPushButton(lang.L("Apply"), theme.ConfirmIcon(), s.submit)
	s.apply.Importance = widget.HighImportance
	s.revert = newPushButton(lang.L("Revert"), theme.ContentUndoIcon(),
		func() { s.fill(u.parts.Feed.Snapshot().Settings) })
	s.bottom = container.NewBorder(nil, nil, nil, container.NewCenter(container.NewHBox(s.revert, s.apply)),
		container.NewVBox(layout.NewSpacer(), s.message, layout.NewSpacer()))
	s.scroll = container.NewVScroll(nil)
	s.scroll.Content = beside(container.NewStack(s.body, newWheel(s.scroll)))
	s.find = newFinder(s, s.body)
	tabs := newTabs(s)
	s.tabs = tabs
	s.root = container.NewBorder(s.find.root, nil, nil, nil,
		container.New(tabs, tabs.list, tabs.choice, container.NewBorder(nil, s.bottom, nil, nil, s.scroll)))
	s.follower = newFollower(u.window.Canvas(), s.scroll, s.visible, func(f fyne.Focusable) bool {
		if b, _ := f.(*tipButton); b != nil && slices.Contains(u.nav.buttons, b) {
			return true
		}
		b, _ := f.(*pushButton)
		return b != nil && (b == s.apply || b == s.revert) || tabs.has(f) || f == fyne.Focusable(s.find.entry)
	})
	s.open(0)
	s.fill(u.parts.Feed.Snapshot().Settings)
	return s
}

func (s *settings) content() fyne.CanvasObject { return s.root }

// open turns to a page.
func (s *settings) open(i int) {
	s.current = i
	if s.find.entry.Text != "" {
		s.find.entry.SetText("") // shows the page
	} else {
		s.showSections(nil)
	}
	s.scroll.ScrollToTop()
	s.tabs.follow()
	s.u.meters()
	if s.visible() {
		s.tick(s.u.parts.Feed.Snapshot())
	}
}

// showSections shows the current page or, of all pages, what these words are in. It returns whether there is anything.
func (s *settings) showSections(words []string) bool {
	any := false
	for i, p := range s.sections {
		there := p.search(words) && (len(words) > 0 || i == s.current)
		setShown(p.root, there)
		setShown(p.reset, len(words) == 0)
		setShown(p.head, len(words) > 0 || !s.narrow()) // its tab is right above it
		any = any || there
		p.tab.mark(i == s.current && len(words) == 0)
	}
	if setShown(s.find.reset, len(words) == 0 && s.narrow()) {
		s.find.root.Refresh()
	}
	s.body.Refresh() // a page that was hidden has not been laid out
	return any
}

// narrow is whether the list of pages is above the page.
func (s *settings) narrow() bool { return s.tabs != nil && s.tabs.narrow }

// shows is whether the page of a group is visible.
func (s *settings) shows(g group) bool {
	return s.visible() && slices.ContainsFunc(s.sections, func(p *section) bool {
		return p.root.Visible() && slices.Contains(p.groups, g)
	})
}

// wantsMeters is whether sound levels are visible.
func (s *settings) wantsMeters() bool { return s.shows(s.sound) }

// showLevels opens the sound for the levels, as the user asks for it: not longer than the page is visible.
func (s *settings) showLevels() {
	if s.stopLevels != nil || !s.wantsMeters() {
		return
	}
	end := time.AfterFunc(s.levelsFor, func() { s.u.main(s.endLevels) })
	stop := s.u.parts.Feed.Levels()
	s.stopLevels = func() { end.Stop(); stop() }
	s.tick(s.u.parts.Feed.Snapshot())
}

// endUnseen closes it once the window is minimized.
func (s *settings) endUnseen() {
	if s.stopLevels == nil || s.looksHidden || time.Since(s.hiddenAt) < time.Second {
		return
	}
	window := s.u.handle()
	if window == 0 {
		return
	}
	s.looksHidden, s.hiddenAt = true, time.Now()
	s.u.wg.Go(func() {
		hidden := s.u.parts.Minimized(window)
		s.u.main(func() {
			s.looksHidden = false
			if hidden {
				s.endLevels()
			}
		})
	})
}

// endLevels closes what is open for the levels alone.
func (s *settings) endLevels() {
	if s.stopLevels == nil {
		return
	}
	s.stopLevels()
	s.stopLevels = nil
	s.sound.levels(s.u.parts.Feed.Snapshot())
}

// enter shows the newest settings, but for what is being edited, and looks for devices; again whenever some come or go,
// as long as the page is shown.
func (s *settings) enter() {
	s.follower.begin()
	s.follow(s.u.parts.Feed.Snapshot().Settings)
	if !s.dirty() {
		s.say("", widget.MediumImportance) // "Applied" was for then
	}
	s.lookAround()
	s.sharing.look()
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

func (s *settings) visible() bool {
	return s.u.shown.Load() && s.u.nav != nil && s.u.pages[s.u.nav.current] == page(s)
}

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
			s.video.offer(seen.list)
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
	s.tick(snap)
}

// tick shows what changes by itself.
func (s *settings) tick(snap session.Snapshot) {
	if s.shows(s.sound) {
		s.sound.levels(snap)
	}
	s.endUnseen()
	if s.shows(s.source) {
		s.source.look(snap)
	}
	if s.shows(s.store.used) {
		s.store.follow(snap)
	}
	s.estimate(snap)
}

// estimate says what the settings as entered take.
func (s *settings) estimate(snap session.Snapshot) {
	c, _ := s.entered()
	s.replay.estimate(c, snap)
	s.store.preview(c)
}

// fill shows settings and forgets what was entered.
func (s *settings) fill(c config.Config) {
	s.filling = true
	s.loaded, s.shown = c.Clone(), c.Clone()
	for _, b := range s.all {
		b.load(c)
		b.settle()
		_ = b.store(&s.shown) // what was just loaded
	}
	s.sharing.token.SetText("")
	s.sharing.passphrase.SetText("")
	s.filling = false
	s.refusals = nil
	s.sharing.warn()
	s.say("", widget.MediumImportance)
	_, _ = s.check()
	s.store.preview(s.shown)
}

// settle is that nothing is being typed.
func (b binding) settle() {
	for _, e := range b.typing {
		e.typed = false
	}
}

// takeBack shows again what counts, in the place of what was typed.
func (s *settings) takeBack(e *input) {
	s.filling = true
	for _, b := range s.all {
		if slices.Contains(b.typing, e) {
			b.load(s.loaded)
			b.settle()
		}
	}
	if e == s.sharing.token || e == s.sharing.passphrase {
		e.SetText("")
		e.typed = false
	}
	s.filling = false
	s.changed()
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
	_, passphrase := s.sharing.newPassphrase()
	return token || passphrase || slices.ContainsFunc(s.all, func(b binding) bool { return b.edited(s.shown) })
}

// changed is called by every control; it checks what is entered so far and applies what can be.
func (s *settings) changed() {
	if s.filling {
		return
	}
	s.refusals = nil
	s.sharing.warn()
	s.estimate(s.u.parts.Feed.Snapshot())
	s.sayWrong(s.check())
	s.auto()
}

// sayWrong says what is wrong with what is entered, where that is not said beside a field, or what waits for Apply.
func (s *settings) sayWrong(err error, shown bool) {
	switch {
	case err != nil && shown:
		s.say(lang.L("Correct the marked settings to apply."), widget.DangerImportance)
	case err != nil:
		s.say(wording(err), widget.DangerImportance)
	default:
		s.say(s.waiting(), widget.MediumImportance)
	}
}

// waiting says what Apply would do that cannot be undone at once, empty where nothing waits for it.
func (s *settings) waiting() string {
	c, _ := s.entered()
	for _, key := range config.Diff(s.shown, c).Keys() {
		if why := s.cost(key, c); why != "" {
			return why
		}
	}
	if _, token := s.sharing.newToken(); token {
		return lang.L("Press Apply to store the access token.")
	}
	if _, passphrase := s.sharing.newPassphrase(); passphrase {
		return lang.L("Press Apply to store the passphrase.")
	}
	return ""
}

// cost is why a setting waits for Apply, empty for those that can be undone at once.
func (s *settings) cost(key string, to config.Config) string {
	now := s.u.parts.Feed.Snapshot()
	switch key {
	case config.EncryptKey:
		return lang.L("Press Apply to change the encryption. A running share starts again. " +
			"Its watch links show only what was before.")
	case "replay.seconds":
		if now.ReplayOn && to.Replay.Seconds < s.shown.Replay.Seconds {
			return lang.L("A shorter replay buffer drops what is older at once.")
		}
	case "clips.quota_gb":
		if to.Clips.QuotaGB > 0 && (s.shown.Clips.QuotaGB == 0 || to.Clips.QuotaGB < s.shown.Clips.QuotaGB) {
			return lang.L("A lower storage limit deletes old clips at once.")
		}
	case "video.capture_method":
		return lang.L("Another capture method restarts capture, and your desktop may ask for the screen.")
	case "video.frame_rate", "video.height", "video.quality", "video.constant_quality", "video.encoder",
		"video.bitrate_kbps", "video.follow_size":
		if now.RecordOn || now.ShareOn {
			return lang.L("This restarts the encoder, which others in the room and the recording see as a short break.")
		}
	case "sharing.backend_url", "sharing.room":
		if now.ShareOn {
			return lang.L("Sharing starts again. Its watch links show only what was before.")
		}
	case "sharing.allow_http", "sharing.stream_quality":
		if now.ShareOn {
			return lang.L("This interrupts sharing for a moment.")
		}
	}
	if key == "sharing.backend_url" || key == config.AllowHTTPKey {
		return lang.L("Press Apply to use this server.")
	}
	return ""
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
	for _, p := range s.sections {
		p.tab.warn(slices.ContainsFunc(p.places(s), func(l *widget.Label) bool { return at[l] != "" }))
	}
	dirty := s.dirty()
	setEnabled(s.revert, dirty)
	setEnabled(s.apply, dirty && len(wrong) == 0)
	s.drawBottom()
	return first, shown
}

// drawBottom shows what is to be said and what can be done with what is entered, while there is any.
func (s *settings) drawBottom() {
	setShown(s.revert, !s.revert.Disabled())
	setShown(s.apply, !s.revert.Disabled())
	setShown(s.bottom, !s.revert.Disabled() || s.message.Text != "")
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

// ready is what is entered as a whole, is right and needs no Apply.
func (s *settings) ready() config.Patch {
	c := s.shown.Clone()
	for _, b := range s.all {
		next := c.Clone()
		if !b.unfinished() && b.store(&next) == nil {
			c = next
		}
	}
	wrong := map[string]bool{}
	for _, p := range c.Validate() {
		key, _, _ := strings.Cut(p.Key, "[")
		wrong[key] = true
	}
	patch := config.Diff(s.shown, c)
	asked := patch.Result(config.Skipped, "")
	return patch.Only(func(key string) bool {
		f, _ := asked.Of(key)
		no, declined := s.declined[key]
		return !wrong[key] && s.cost(key, c) == "" && !(declined && no == f.Asked)
	})
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
	s.drawBottom()
}

// auto applies what is ready.
func (s *settings) auto() {
	if s.applying {
		s.applyMore = true
		return
	}
	if patch := s.ready(); !patch.Empty() {
		s.send(patch, "")
	}
}

// wantHeld takes a hotkey although another program holds it; keys that were refused are tried again with it.
func (s *settings) wantHeld(keys string) {
	s.held = append(s.held, keys)
	maps.DeleteFunc(s.declined, func(key, _ string) bool { return strings.HasPrefix(key, "hotkeys.") })
}

// submit applies everything that is entered.
func (s *settings) submit() {
	if s.applying {
		s.applyAll = true
		return
	}
	c, wrong := s.entered()
	if len(wrong) > 0 {
		s.sayWrong(s.check())
		return
	}
	for _, b := range s.all {
		b.settle()
	}
	s.declined = map[string]string{}
	patch := config.Diff(s.shown, c)
	token, newToken := s.sharing.newToken()
	if newToken {
		patch = patch.WithToken(token)
	}
	if passphrase, is := s.sharing.newPassphrase(); is {
		patch = patch.WithPassphrase(passphrase)
	}
	s.say(lang.L("Applying…"), widget.MediumImportance)
	s.send(patch, token)
}

// send hands a patch to the session.
func (s *settings) send(patch config.Patch, token string) {
	s.applying = true
	patch = patch.EvenIfHeld(s.held...)
	s.u.wg.Go(func() {
		ctx, cancel := context.WithTimeout(s.u.ctx, settleWait)
		defer cancel()
		result := s.u.parts.Editor.Apply(ctx, patch)
		s.u.main(func() {
			s.stored(result, patch)
			s.applied(result, token)
		})
	})
}

// stored empties the field of a passphrase that was taken.
func (s *settings) stored(result config.Result, patch config.Patch) {
	passphrase, is := patch.Passphrase()
	_, refused := find(result.Refused(), config.PassphraseKey)
	if is && !refused && !result.Invalid && s.sharing.passphrase.trimmed() == passphrase {
		s.filling = true
		s.sharing.passphrase.SetText("")
		s.sharing.passphrase.typed = false
		s.filling = false
	}
}

// applied says what came of the fields, beside those that were refused.
func (s *settings) applied(result config.Result, token string) {
	s.applying = false
	refused := result.Refused()
	_, tokenRefused := find(refused, tokenKey)
	s.filling = true
	if token != "" && s.sharing.token.trimmed() == token && !tokenRefused && !result.Invalid {
		s.sharing.token.SetText("")
		s.sharing.token.typed = false
	}
	s.filling = false
	s.follow(s.u.parts.Feed.Snapshot().Settings)
	s.sharing.look()
	s.refusals = map[*widget.Label]string{}
	var elsewhere []string
	for _, f := range refused {
		s.declined[f.Key] = f.Asked
		if at := s.placeOf(f.Key); at != nil {
			s.refusals[at] = refusal(f)
		} else {
			elsewhere = append(elsewhere, settingName(f.Key)+": "+refusal(f))
		}
	}
	err, beside := s.check()
	s.sayResult(result, elsewhere)
	if result.InUse() && (err != nil || s.waiting() != "") {
		s.sayWrong(err, beside) // about what is still entered
	}
	for _, f := range refused {
		if at := s.placeOf(f.Key); at != nil {
			s.follower.reveal(at)
			break
		}
	}
	switch more, all := s.applyMore, s.applyAll; {
	case all:
		s.applyMore, s.applyAll = false, false
		s.submit()
	case more:
		s.applyMore = false
		s.auto()
	}
}

// sayResult says what came of a patch. Only what is in use is called applied.
func (s *settings) sayResult(result config.Result, elsewhere []string) {
	waits, waiting := waitsFor(result)
	refused := result.Refused()
	switch {
	case len(elsewhere) > 0:
		s.say(strings.Join(elsewhere, "\n"), widget.DangerImportance)
	case result.Invalid:
		s.say(lang.L("Nothing was applied. Correct the marked setting."), widget.DangerImportance)
	case len(refused) == len(result.Fields) && len(refused) > 0:
		s.say(lang.L("The marked setting was not applied."), widget.DangerImportance)
	case len(refused) > 0:
		s.say(lang.L("Saved, except for the marked settings."), widget.DangerImportance)
	case result.Unsaved != "":
		s.say(lang.L("In use until Hindsight ends: {{.Reason}}",
			map[string]any{"Reason": locale.Message(result.Unsaved)}), widget.DangerImportance)
	case waiting && waits != "":
		s.say(lang.L("Saved. {{.Reason}}", map[string]any{"Reason": waits}), widget.WarningImportance)
	case waiting:
		s.say(lang.L("Saved. It applies when capture starts."), widget.SuccessImportance)
	case slices.ContainsFunc(result.Fields, func(f config.FieldResult) bool { return f.State == config.NextStart }):
		s.say(lang.L("Saved. It applies when Hindsight starts the next time."), widget.SuccessImportance)
	default:
		s.say(lang.L("Applied."), widget.SuccessImportance)
	}
}

// waitsFor is whether something is not in use yet, and the first reason for it.
func waitsFor(r config.Result) (reason string, waiting bool) {
	for _, f := range r.Fields {
		if f.State == config.AfterRestart || f.State == config.NextStart && f.Reason != "" {
			waiting = true
			if reason == "" {
				reason = locale.Message(session.Sentence(f.Reason))
			}
		}
	}
	return reason, waiting
}

// find is the result of a field among some.
func find(fields []config.FieldResult, key string) (config.FieldResult, bool) {
	return config.Result{Fields: fields}.Of(key)
}

// reset brings a page to the defaults, after a question.
func (s *settings) reset(p *section) {
	s.u.confirm(lang.L("Reset “{{.Page}}”?", map[string]any{"Page": p.title}),
		lang.L("All settings of this page get their default values."), lang.L("Reset"), false, func() { s.resetNow(p) })
}

func (s *settings) resetNow(p *section) {
	s.filling = true
	for _, b := range p.bindings() {
		b.load(config.Defaults())
		b.settle()
	}
	s.filling = false
	s.changed()
	if _, wrong := s.entered(); len(wrong) == 0 {
		s.submit()
	}
}
