package ui

import (
	"errors"
	"image"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/capture"
)

// entries change each setting in the window, by its key: to something else than the default.
var entries = map[string]struct {
	enter func(*testing.T, *settings)
	want  any
	// recorder is what the recorder then has, nil where it is not told.
	recorder func(capture.Config) any
}{
	"sound.desktop.enabled": {func(_ *testing.T, s *settings) { s.sound.desktop.on.SetChecked(false) }, false,
		func(c capture.Config) any { return c.Desktop.Enabled }},
	"sound.desktop.device": {func(_ *testing.T, s *settings) {
		s.sound.desktop.what.SetSelectedIndex(allButApps)
		tick(s.sound.desktop.appList, "Music")
	}, "not:Music", func(c capture.Config) any { return c.Desktop.Device }},
	"sound.desktop.gain_db": {func(_ *testing.T, s *settings) { s.sound.desktop.gain.SetValue(-7) }, -7.0,
		func(c capture.Config) any { return c.Desktop.GainDB }},
	"sound.desktop.muted": {func(_ *testing.T, s *settings) { s.sound.desktop.mute.SetChecked(true) }, true,
		func(c capture.Config) any { return c.Desktop.Muted }},
	"sound.microphone.enabled": {func(_ *testing.T, s *settings) { s.sound.mic.on.SetChecked(false) }, false,
		func(c capture.Config) any { return c.Mic.Enabled }},
	"sound.microphone.device": {func(_ *testing.T, s *settings) { s.sound.mic.device.SetSelected("Webcam") }, "mic-2",
		func(c capture.Config) any { return c.Mic.Device }},
	"sound.microphone.gain_db": {func(_ *testing.T, s *settings) { s.sound.mic.gain.SetValue(6) }, 6.0,
		func(c capture.Config) any { return c.Mic.GainDB }},
	"sound.microphone.muted": {func(_ *testing.T, s *settings) { s.sound.mic.mute.SetChecked(true) }, true,
		func(c capture.Config) any { return c.Mic.Muted }},
	"sound.separate_tracks": {func(_ *testing.T, s *settings) { s.sound.separate.SetChecked(true) }, true,
		func(c capture.Config) any { return c.SeparateSound }},
	"sound.suppress_noise": {func(_ *testing.T, s *settings) { s.sound.suppress.SetChecked(true) }, true,
		func(c capture.Config) any { return c.Mic.Suppress }},
	"sound.mono_microphone": {func(_ *testing.T, s *settings) { s.sound.mono.SetChecked(true) }, true,
		func(c capture.Config) any { return c.Mic.Mono }},
	"sound.echo_cancellation": {func(_ *testing.T, s *settings) { s.sound.echo.SetChecked(true) }, true,
		func(c capture.Config) any { return c.Mic.CancelEcho }},
	"video.capture_method": {func(_ *testing.T, s *settings) { s.source.backend.SetSelected("X11") }, "x11",
		func(c capture.Config) any { return c.Video.Backend }},
	"video.source.kind":    {region, config.Rectangle, nil},
	"video.source.monitor": {func(_ *testing.T, s *settings) { chooseTile(s, config.OneMonitor, 1) }, "HDMI-1", nil},
	"video.source.window_class": {func(_ *testing.T, s *settings) { chooseTile(s, config.OneWindow, 0) }, "Game",
		func(c capture.Config) any { return c.Video.Target.Class }},
	"video.source.window_title": {func(_ *testing.T, s *settings) { chooseTile(s, config.OneWindow, 0) }, "A game",
		func(c capture.Config) any { return c.Video.Target.Title }},
	"video.source.x":      {region, 20, nil},
	"video.source.y":      {region, 40, nil},
	"video.source.width":  {region, 320, func(c capture.Config) any { return c.Video.Target.Area.Dx() }},
	"video.source.height": {region, 240, func(c capture.Config) any { return c.Video.Target.Area.Dy() }},
	"video.frame_rate": {func(_ *testing.T, s *settings) { s.video.rate.SetSelected("144") }, 144,
		func(c capture.Config) any { return c.Video.FrameRate }},
	"video.quality": {func(_ *testing.T, s *settings) { s.video.quality.SetSelected("Quality") }, "quality",
		func(c capture.Config) any { return c.Video.Preset }},
	"video.height": {func(_ *testing.T, s *settings) { s.video.height.SetSelected("720p") }, 720,
		func(c capture.Config) any { return c.Video.Height }},
	"video.follow_size": {func(_ *testing.T, s *settings) { s.video.follow.SetChecked(true) }, true,
		func(c capture.Config) any { return c.Video.FollowSize }},
	"video.bitrate_kbps": {func(_ *testing.T, s *settings) { s.video.bitrate.SetText("9000") }, 9000,
		func(c capture.Config) any { return c.Video.BitrateKbps }},
	"video.constant_quality": {func(_ *testing.T, s *settings) { s.video.spend.SetSelected("CQ 23") }, 23,
		func(c capture.Config) any { return c.Video.ConstantQuality }},
	"video.cursor": {func(_ *testing.T, s *settings) { s.source.cursor.SetChecked(false) }, false,
		func(c capture.Config) any { return !c.Video.HideCursor }},
	"video.encoder": {func(_ *testing.T, s *settings) { s.video.encoder.SetSelected("openh264enc") }, "openh264enc",
		func(c capture.Config) any { return c.Video.Encoder }},
	"replay.at_launch": {check("Start replay buffer on launch", false), false, nil},
	"replay.seconds": {func(_ *testing.T, s *settings) { s.replay.seconds.SetText("90") }, 90,
		func(c capture.Config) any { return int(c.Replay.Seconds()) }},
	"replay.folder":      {func(t *testing.T, s *settings) { s.store.folder.SetText(t.TempDir()) }, nil, nil},
	"replay.when_locked": {choose("Keep recording"), config.RecordLocked, nil},
	"replay.keep_after_crash": {check("Back up buffer to disk", false), false,
		func(c capture.Config) any { return c.JournalFolder != "" }},
	"clips.name": {func(_ *testing.T, s *settings) { s.clips.name.SetText("{app} {date}") }, "{app} {date}",
		func(c capture.Config) any { return c.ClipName }},
	"clips.poster": {func(_ *testing.T, s *settings) { s.clips.poster.SetChecked(true) }, true,
		func(c capture.Config) any { return c.Poster }},
	"clips.no_overlap": {func(_ *testing.T, s *settings) { s.clips.overlap.SetChecked(true) }, true,
		func(c capture.Config) any { return c.Continue }},
	"clips.quota_gb":     {func(_ *testing.T, s *settings) { s.store.quota.SetText("12") }, 12, nil},
	"clips.screenshot":   {func(_ *testing.T, s *settings) { s.clips.format.SetSelectedIndex(1) }, "jpeg", nil},
	"clips.upload_kbps":  {func(_ *testing.T, s *settings) { s.sharing.limit.SetText("3000") }, 3000, nil},
	"sharing.link_saved": {check("Upload each saved clip and copy its link", true), true, nil},
	"sharing.at_launch":  {check("Start sharing on launch", true), true, nil},
	"sharing.backend_url": {func(_ *testing.T, s *settings) { s.sharing.url.SetText("https://replay.example.com") },
		"https://replay.example.com", nil},
	"sharing.encrypt": {func(_ *testing.T, s *settings) {
		s.sharing.passphrase.SetText("correct horse") // without one it is refused
		s.sharing.encrypt.SetChecked(true)
	}, true, nil},
	"sharing.allow_http":       {func(_ *testing.T, s *settings) { s.sharing.plain.SetChecked(true) }, true, nil},
	"sharing.room":             {func(_ *testing.T, s *settings) { s.sharing.room.SetText("studio") }, "studio", nil},
	"sharing.stream_quality":   {choose("Lower (slow upload)"), config.LowerQuality, nil},
	"sharing.viewer_clips":     {choose("Ask me each time"), config.AskFirst, nil},
	"sharing.viewer_clip_from": {choose("Made here and uploaded"), config.FromHere, nil},
	"sharing.tell_room":        {choose("A link, in the chat too"), config.TellChat, nil},
	"hotkeys.save":             {key(hotkey.SaveName, "Ctrl+Alt+S"), "Ctrl+Alt+S", nil},
	"hotkeys.share":            {key(hotkey.ShareName, "Ctrl+Alt+H"), "Ctrl+Alt+H", nil},
	"hotkeys.mute":             {key(hotkey.MuteName, "Ctrl+Alt+M"), "Ctrl+Alt+M", nil},
	"hotkeys.talk":             {key(hotkey.TalkName, "Ctrl+Alt+T"), "Ctrl+Alt+T", nil},
	"hotkeys.record":           {key(hotkey.RecordName, "Ctrl+Alt+R"), "Ctrl+Alt+R", nil},
	"hotkeys.mark":             {key(hotkey.MarkName, "Ctrl+Alt+K"), "Ctrl+Alt+K", nil},
	"hotkeys.screenshot":       {key(hotkey.ScreenshotName, "Ctrl+Alt+P"), "Ctrl+Alt+P", nil},
	"hotkeys.saves": {func(_ *testing.T, s *settings) {
		s.keys.add(config.SaveKey{Keys: "Ctrl+Alt+1", Seconds: 30})
		s.changed()
	}, []config.SaveKey{{Keys: "Ctrl+Alt+1", Seconds: 30}}, nil},
	"app.notifications":  {check("Show notifications (errors are always shown)", false), false, nil},
	"app.state_sounds":   {check("Play a sound when capture starts or stops", true), true, nil},
	"app.save_sound":     {check("Play a sound when a clip is saved", true), true, nil},
	"app.start_at_login": {func(_ *testing.T, s *settings) { s.general.login.SetChecked(true) }, true, nil},
	"app.theme":          {func(_ *testing.T, s *settings) { s.general.look.SetSelected("Dark") }, config.DarkTheme, nil},
	"app.language":       {choose("Deutsch"), "de", nil},
}

var errNoEncoder = errors.New("there is no such encoder")

// shown are the rows that are visible.
func (f *fields) shown() (rows []string) {
	for _, l := range f.lines {
		if l.root.Visible() && f.root.Visible() {
			rows = append(rows, f.title+" "+l.text)
		}
	}
	return rows
}

// elsewhere are settings that other places of the window keep.
var elsewhere = []string{"app.first_run_done"}

func region(_ *testing.T, s *settings) {
	s.source.kind.SetSelected("Region")
	s.source.picked(image.Rect(20, 40, 340, 280))
}

func chooseTile(s *settings, kind config.SourceKind, tile int) {
	s.source.kind.SetSelectedIndex(slices.Index(kinds, kind))
	s.source.tiles.Objects[tile].(*choice).Tapped(nil)
}

func tick(in fyne.CanvasObject, text string) {
	for _, o := range test.LaidOutObjects(in) {
		if k, ok := o.(*widget.Check); ok && strings.HasPrefix(k.Text, text) {
			k.SetChecked(!k.Checked)
			return
		}
	}
}

// check finds a box on any page.
func check(text string, on bool) func(*testing.T, *settings) {
	return func(t *testing.T, s *settings) {
		for _, o := range everything(s) {
			if k, ok := o.(*widget.Check); ok && k.Text == text {
				k.SetChecked(on)
				return
			}
		}
		t.Errorf("there is no box %q", text)
	}
}

// choose finds a list on any page by one of its names.
func choose(text string) func(*testing.T, *settings) {
	return func(t *testing.T, s *settings) {
		for _, o := range everything(s) {
			if k, ok := o.(*widget.Select); ok && slices.Contains(k.Options, text) {
				k.SetSelected(text)
				return
			}
		}
		t.Errorf("there is no list with %q", text)
	}
}

// everything is what is on all pages.
func everything(s *settings) (all []fyne.CanvasObject) {
	for _, p := range s.sections {
		all = append(all, inside(p.root)...)
	}
	return all
}

func inside(o fyne.CanvasObject) []fyne.CanvasObject {
	all := []fyne.CanvasObject{o}
	switch o := o.(type) {
	case *fyne.Container:
		for _, x := range o.Objects {
			all = append(all, inside(x)...)
		}
	case *surface:
		all = append(all, inside(o.inside)...)
	}
	return all
}

func key(name, keys string) func(*testing.T, *settings) {
	return func(t *testing.T, s *settings) { s.keys.take(t, name, keys) }
}

// Every setting has a place in the window: changed there it is in the file, in the running session, in the recorder,
// and in the window after a restart.
func TestEverySettingHasAPlaceInTheWindow(t *testing.T) {
	t.Setenv("XDG_SESSION_TYPE", "x11")
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	b.settle()
	for _, d := range config.Defaults().Settings() {
		if slices.Contains(elsewhere, d.Key) {
			continue
		}
		e, there := entries[d.Key]
		if !there {
			t.Errorf("%s has no place in the window: give it one, and an entry here", d.Key)
			continue
		}
		e.enter(t, s)
		b.settle()
		if s.apply.Visible() {
			test.Tap(s.apply)
			b.settle()
		}
		want := e.want
		if d.Key == "replay.folder" {
			want = s.store.folder.Text
		}
		now, err := b.session.Snapshot().Settings.Setting(d.Key)
		require.NoError(t, err)
		require.EqualValues(t, text(want), text(now.Value), "%s in the session; the window says %s", d.Key, s.saying())
		require.NotEqual(t, text(d.Default), text(now.Value), d.Key)
		_, file, problems := config.Open(b.dir)
		require.Empty(t, problems)
		saved, err := file.Setting(d.Key)
		require.NoError(t, err)
		require.Equal(t, text(want), text(saved.Value), "%s in the file", d.Key)
		if e.recorder != nil {
			require.Equal(t, text(want), text(e.recorder(b.engine.Recorder().Config())), "%s in the recorder", d.Key)
		}
		require.True(t, s.placeOf(d.Key) != nil || strings.HasPrefix(d.Key, "hotkeys."), "no place for errors: %s", d.Key)
		// A window that is opened later shows it.
		again := newSettings(b.ui)
		again.fill(file)
		shown, wrong := again.entered()
		require.Empty(t, wrong)
		seen, err := shown.Setting(d.Key)
		require.NoError(t, err)
		require.Equal(t, text(want), text(seen.Value), "%s in a new window", d.Key)
		// Reset brings it back.
		b.change(t, func(c *config.Config) {
			folder := c.Replay.Folder
			*c = config.Defaults()
			c.Replay.Folder = folder
		})
		b.ui.presenter.apply(b.session.Snapshot())
		b.settle()
	}
	require.Len(t, entries, len(config.Defaults().Settings())-len(elsewhere), "an entry is of no setting")
}

// text is a value as the command line has it.
func text(x any) string { return config.Setting{Value: reflect.ValueOf(x).Interface()}.Text() }

func TestResetIsOfOnePage(t *testing.T) {
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	b.settle()
	b.change(t, func(c *config.Config) {
		c.Sound.SuppressNoise, c.Sound.Microphone.GainDB, c.Video.Cursor = true, 9, false
		c.Hotkeys.Save = "Ctrl+F7"
	})
	b.ui.presenter.apply(b.session.Snapshot())
	s.sections[0].reset.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	require.NotNil(t, b.ui.window.Canvas().Overlays().Top(), "nothing is asked")
	b.ui.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	require.True(t, s.sound.suppress.Checked)
	s.resetNow(s.sections[0])
	b.settle()
	now := b.session.Snapshot().Settings
	require.Equal(t, config.Defaults().Sound, now.Sound)
	require.False(t, now.Video.Cursor)
	s.resetNow(s.sections[3])
	b.settle()
	require.Equal(t, config.Defaults().Hotkeys.Save, b.session.Snapshot().Settings.Hotkeys.Save)
	require.False(t, b.session.Snapshot().Settings.Video.Cursor)
}

func TestSettingsAreFoundByWords(t *testing.T) {
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageHome)
	b.settle()
	s.find.begin() // Ctrl+F
	require.Equal(t, pageSettings, b.ui.nav.current)
	require.Equal(t, fyne.Focusable(s.find.entry), b.ui.window.Canvas().Focused())
	visible := func() (pages, rows []string) {
		for _, p := range s.sections {
			if p.root.Visible() {
				pages = append(pages, p.title)
			}
			for _, g := range p.groups {
				if f, ok := g.(interface{ shown() []string }); ok && p.root.Visible() {
					rows = append(rows, f.shown()...)
				}
			}
		}
		return pages, rows
	}
	for words, want := range map[string][]string{
		"noise": {"Audio"}, "PUSH talk": {"Hotkeys"}, "token": {"Sharing"}, "disk": {"Replay and clips"},
		"volume": {"Audio"}, "launch": {"Replay and clips", "Sharing"}, "hotkeys": {"Hotkeys"}, "dark": {"General"},
		"audio tracks": {"Audio"}, "zzz": nil,
	} {
		s.find.entry.SetText(words)
		pages, rows := visible()
		require.Equal(t, want, pages, words)
		require.Equal(t, want == nil, s.find.none.Visible())
		for _, r := range rows {
			require.True(t, contains(r, strings.Fields(strings.ToLower(words))), "%q is shown for %q", r, words)
		}
	}
	s.find.entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	pages, _ := visible()
	require.Equal(t, []string{"Audio"}, pages)
	// Arrows go from page to page.
	for _, want := range []string{"Video", "Replay and clips"} {
		b.ui.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
		pages, _ = visible()
		require.Equal(t, []string{want}, pages)
	}
}

// A text counts when it is complete; Escape takes it back. What cannot be undone waits for Apply and says why.
func TestWhatWaitsForApply(t *testing.T) {
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	b.settle()
	seconds := func() int { return b.session.Snapshot().Settings.Replay.Seconds }
	was := seconds()
	s.open(2)
	e := s.replay.seconds
	b.ui.window.Canvas().Focus(e)
	e.SetText("900")
	b.settle()
	require.Equal(t, was, seconds(), "it is still being typed")
	e.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	require.Equal(t, "60", e.Text)
	e.SetText("900")
	e.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	b.settle()
	require.Equal(t, 900, seconds())
	require.Equal(t, "Applied.", s.message.Text)
	e.SetText("30")
	b.ui.window.Canvas().Unfocus()
	b.settle()
	require.Equal(t, 900, seconds(), "what is buffered is gone")
	require.Contains(t, s.message.Text, "drops what is older")
	require.True(t, s.apply.Visible())
	s.apply.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEnter})
	b.settle()
	require.Equal(t, 30, seconds())

	// While capture is off, nothing is called applied that is not in use.
	require.NoError(t, b.session.SetReplay(false))
	eventually(t, "the replay is off", func() bool { return !b.session.Snapshot().ReplayOn })
	b.ui.presenter.apply(b.session.Snapshot())
	s.video.height.SetSelected("720p")
	b.settle()
	require.Equal(t, 720, b.session.Snapshot().Settings.Video.Height)
	require.Equal(t, "Saved. It applies when capture starts.", s.message.Text)
}

func TestWhatIsRefusedIsSaidBesideItsFieldAndNotTriedAgain(t *testing.T) {
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	b.settle()
	b.engine.Refuse(func(c capture.Config) error {
		if c.Video.Encoder != "" {
			return errNoEncoder
		}
		return nil
	})
	s.video.encoder.SetSelected("openh264enc")
	b.settle()
	require.Contains(t, s.places["video.encoder"].Text, "no such encoder")
	applied := b.engine.Recorder().Applied()
	s.source.cursor.SetChecked(false)
	b.settle()
	require.Equal(t, applied+1, b.engine.Recorder().Applied())
	require.False(t, b.session.Snapshot().Settings.Video.Cursor)
	require.Empty(t, b.session.Snapshot().Settings.Video.Encoder)
}

func TestWhatTheTestsFoundIsShown(t *testing.T) {
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	b.settle()
	s.video.rate.SetSelected("60")
	b.settle()
	test.Tap(s.video.try)
	b.settle()
	all := strings.Join(s.video.encoder.Options, "\n")
	require.Contains(t, all, "x264enc: holds 1080p60, about 40 % of a core")
	require.Contains(t, all, "vah264enc: not installed")
	require.Contains(t, s.video.trialNote.Text, "x264enc: holds 1080p60, about 40 % of a core")
	require.Contains(t, all, "openh264enc: holds only 20 of 60 frames/s at 1080p")

	s.sharing.url.SetText("https://replay.example.com")
	s.sharing.token.SetText("secret")
	test.Tap(s.sharing.test)
	b.settle()
	require.Equal(t, ServerTest{URL: "https://replay.example.com", Token: "secret"}, b.asked)
	said := test.RenderObjectToMarkup(s.sharing.steps)
	require.Contains(t, said, "Reach the server")
	require.Contains(t, said, "Check the access token – The access token has expired.")
}

func TestWhatTheBufferNeedsIsSaid(t *testing.T) {
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	b.settle()
	s.open(2)
	s.video.bitrate.SetText("8000")
	s.replay.seconds.SetText("100")
	require.Contains(t, s.replay.need.Text, "104 MB of memory and 104 MB of disk space")
	s.replay.seconds.SetText("200")
	require.Contains(t, s.replay.need.Text, "208 MB of memory")
}

func TestARegionIsDragged(t *testing.T) {
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	b.settle()
	s.open(1)
	s.source.kind.SetSelected("Region")
	test.Tap(s.source.drag) // and Escape
	b.settle()
	require.Empty(t, s.source.width.Text)
	b.region = image.Rect(100, 50, 740, 410)
	test.Tap(s.source.drag)
	b.settle()
	require.Equal(t, "640", s.source.width.Text)
	require.Equal(t, capture.Target{Area: b.region}, b.engine.Recorder().Config().Video.Target)
}

// On 1280 × 800 at 200 % the window has 640 × 400: every page fits in its width, and all of it can be scrolled to.
func TestPagesFitASmallWindow(t *testing.T) {
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	b.settle()
	b.ui.window.Resize(fyne.NewSize(640, 400))
	list := capture.ScreenList{Width: 1280, Height: 800}
	require.Equal(t, fyne.NewSize(640, 380), smaller(fyne.NewSize(940, 680), list, 2))
	require.Equal(t, fyne.NewSize(940, 680), smaller(fyne.NewSize(940, 680), list, 1))
	for i, p := range s.sections {
		s.open(i)
		least := b.ui.nav.content().MinSize()
		require.LessOrEqual(t, least.Width, float32(640), p.title)
		require.LessOrEqual(t, least.Height, float32(400), p.title)
		require.LessOrEqual(t, s.scroll.Content.MinSize().Width, s.scroll.Size().Width, p.title)
		require.Greater(t, s.scroll.Size().Height, float32(150), p.title)
	}
}
