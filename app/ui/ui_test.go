package ui

import (
	"context"
	"errors"
	"image"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/apptest"
	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/diagnostics"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/hotkey/hotkeytest"
	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/app/storage"
	"github.com/hindsight-app/hindsight/app/token"
	"github.com/hindsight-app/hindsight/capture"
)

// bench is the real window without a screen, over a real session and settings file.
type bench struct {
	ui      *UI
	session *session.Session
	engine  *apptest.Engine
	library *library.Library
	storage *storage.Manager
	tokens  *token.Store
	dir     string
	// keyboard is where hotkeys are pressed, and another program holds Alt+F4.
	keyboard *hotkeytest.Fake
	hotkeys  *hotkey.Manager
	server   *team
	linked   string      // the file that the server has a copy of
	webcam   atomic.Bool // there is one more microphone
	// minimized is the window.
	minimized atomic.Bool
	plugged   chan struct{} // a token is a change of devices
	exported  atomic.Int64
	copied    []string // files on the clipboard
	// region is what is dragged on the screen; an empty one is Escape.
	region image.Rectangle
	asked  ServerTest  // of the last test of a connection
	queue  chan func() // what wants to run on the main goroutine, here the test's
}

// Of is library.Copies.
func (b *bench) Of(path string) (links.Copy, bool) {
	if filepath.Base(path) == b.linked {
		return links.Copy{Backend: "https://x", ClipID: "1"}, true
	}
	return links.Copy{}, false
}

func start(t *testing.T) *bench {
	t.Helper()
	b := startWith(t, func(*config.Config) {})
	eventually(t, "the replay runs", func() bool { return b.session.Snapshot().State == session.Buffering })
	return b
}

func startWith(t *testing.T, edit func(*config.Config)) *bench {
	t.Helper()
	b := &bench{engine: &apptest.Engine{}, dir: t.TempDir(), queue: make(chan func(), 1024), plugged: make(chan struct{}),
		server: newTeam()}
	b.tokens = &token.Store{File: filepath.Join(b.dir, "token"), NoKeyring: true}
	store, cfg, _ := config.Open(b.dir)
	cfg.Replay.Folder = filepath.Join(b.dir, "clips")
	edit(&cfg)
	log := slog.New(slog.DiscardHandler)
	b.session = session.New(session.Options{Engine: b.engine, Settings: store, Secrets: b.tokens, Config: cfg, Log: log})
	devices := func(context.Context) (capture.DeviceList, error) {
		list := capture.DeviceList{
			Desktop:     []capture.Device{{ID: "out.monitor", Name: "Speakers", Default: true}},
			Microphones: []capture.Device{{ID: "mic-1", Name: "Headset", Default: true}, {ID: "mic-2", Name: "Webcam"}},
		}
		if b.webcam.Load() {
			list.Microphones = append(list.Microphones, capture.Device{ID: "mic-3", Name: "New webcam"})
		}
		list.Applications = []capture.Device{{ID: "app:Game", Name: "Game"}, {ID: "app:Music", Name: "Music"}}
		return list, nil
	}
	opened := func(string) error { return nil }
	screens := func(capture.Method) (capture.ScreenList, error) {
		return capture.ScreenList{
			Width: 3840, Height: 1080, Monitors: []capture.Monitor{{Name: "DP-1", Width: 1920, Height: 1080, RefreshRate: 60},
				{Name: "HDMI-1", X: 1920, Width: 1920, Height: 1080, RefreshRate: 144}},
			Windows: []capture.Window{{Class: "Game", Title: "A game"}, {Class: "Editor", Title: "main.go"}},
		}, nil
	}
	preview := func(capture.Target, int, int) (image.Image, error) {
		return image.NewRGBA(image.Rect(0, 0, 16, 9)), nil
	}
	watch := func(ctx context.Context, changed func()) {
		for {
			select {
			case <-ctx.Done():
				return
			case <-b.plugged:
				changed()
			}
		}
	}
	b.keyboard = hotkeytest.NewFake(hotkey.Combo{Mods: hotkey.Alt, Key: "F4"})
	b.hotkeys = hotkey.NewManager(b.keyboard, log)
	b.library = library.Open(library.Options{Copies: b, Log: log})
	b.ui = build(test.NewTempApp(t), func(f func()) { b.queue <- f }, Parts{
		Hotkeys: b.hotkeys, Feed: b.session, Commands: b.session, Editor: b.session, Devices: devices,
		Screens: screens, Preview: preview, Watch: watch, PickRegion: b.pickRegion, TryEncoders: b.tryEncoders,
		Minimized:  func(uint32) bool { return b.minimized.Load() },
		TestServer: b.testServer, Kept: b.tokens.Kept, Open: opened, Reveal: opened, Tray: trayHere{}, Log: log,
		Server: b.server, Watching: b.server,
		Journal: diagnostics.New(io.Discard), Report: func() string { return "the report" },
		Library:   b.library,
		Storage:   b.openStorage(),
		CopyFiles: func(paths []string) error { b.copied = paths; return nil },
		Exported:  func(string, error) { b.exported.Add(1) },
	})
	b.storage.Start()
	snapshots, unwatch := b.session.Watch()
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		for s := range snapshots {
			b.library.SetFolder(s.Folder)
		}
	}()
	t.Cleanup(func() {
		unwatch()
		<-followed
		b.storage.Close()
		b.ui.closed()
		b.settle()
		b.ui.Close()
		b.library.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := b.session.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return b
}

// openStorage is the real one, over the session.
func (b *bench) openStorage() Storage {
	b.storage = storage.Open(storage.Options{Dir: b.dir, Recovery: filepath.Join(b.dir, "recovery"),
		Settings: func() storage.Settings {
			c := b.session.Snapshot().Settings
			return storage.Settings{Folder: c.ClipFolder(), Limit: int64(c.Clips.QuotaGB) * 1e9}
		},
		SetFolder: func(ctx context.Context, folder string) error {
			edit := func(c *config.Config) { c.Replay.Folder = folder }
			return b.session.Apply(ctx, config.Edit(b.session.Snapshot().Settings, edit)).Err()
		},
		Moved: b.session.ClipMoved,
	})
	return b.storage
}

func (b *bench) pickRegion(context.Context) (image.Rectangle, error) {
	if b.region.Empty() {
		return b.region, capture.ErrNotPicked
	}
	return b.region, nil
}

func (b *bench) tryEncoders(_ context.Context, c capture.VideoConfig, width, height int,
	report func(capture.EncoderTrial),
) error {
	t := capture.EncoderTrial{Name: "x264enc", Width: width, Height: height, FrameRate: c.FrameRate, Holds: 200,
		Cores: 0.4}
	report(t)
	report(capture.EncoderTrial{Name: "vah264enc", Missing: true})
	t.Name, t.Holds = "openh264enc", 20
	report(t)
	return nil
}

func (b *bench) testServer(_ context.Context, t ServerTest, report func(ServerStep)) {
	b.asked = t
	report(ServerStep{Kind: StepServer})
	report(ServerStep{Kind: StepServer, Done: true})
	report(ServerStep{Kind: StepToken})
	report(ServerStep{Kind: StepToken, Done: true, Err: errors.New("the access token has expired")})
}

// change edits the session's settings, as another front end would.
func (b *bench) change(t *testing.T, edit func(*config.Config)) {
	t.Helper()
	require.NoError(t, b.session.Apply(t.Context(), config.Edit(b.session.Snapshot().Settings, edit)).Err())
}

// trayHere is a desktop with a tray.
type trayHere struct{}

func (trayHere) Here() bool { return true }

func (trayHere) Await(context.Context, time.Duration) bool { return true }

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 20*time.Second, 5*time.Millisecond, "it never came to this: %s", what)
}

// saying is all that the page says about what is entered.
func (s *settings) saying() string {
	said := []string{s.message.Text}
	for _, at := range s.allPlaces() {
		said = append(said, at.Text)
	}
	return strings.TrimSpace(strings.Join(said, "\n"))
}

// settle waits until everything the page started has come back. What comes back may start more.
func (b *bench) settle() {
	for {
		b.ui.wg.Wait()
		select {
		case f := <-b.queue:
			f()
		default:
			return
		}
	}
}

func TestSettingsReachTheSessionAndSurviveARestart(t *testing.T) {
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	b.settle()
	require.False(t, s.apply.Visible(), "there is something to apply before anything was changed")
	s.sound.echo.SetChecked(true)
	s.sound.desktop.on.SetChecked(false)
	if !s.sound.echo.Disabled() || !strings.Contains(s.sound.echo.Text, "needs desktop audio") {
		t.Errorf("no word about the echo that is not canceled: %q", s.sound.echo.Text)
	}
	s.sound.mic.device.SetSelected("Webcam")
	s.sound.mic.gain.SetValue(6)
	s.video.rate.SetSelected("60")
	s.video.height.SetSelected(heightName(720))
	s.video.quality.SetSelected("Quality")
	s.source.cursor.SetChecked(false)
	s.sound.suppress.SetChecked(true)
	s.sound.mono.SetChecked(true)
	s.sound.separate.SetChecked(true)
	s.video.follow.SetChecked(true)
	s.video.spend.SetSelected("CQ 23")
	s.replay.seconds.SetText("120")
	s.sharing.url.SetText("https://replay.example.com")
	s.sharing.room.SetText("studio")
	s.sharing.plain.SetChecked(true)
	require.Equal(t, widget.WarningImportance, s.sharing.warning.Importance)
	s.sharing.token.SetText("secret")
	s.sharing.passphrase.SetText("correct horse")
	s.keys.take(t, hotkey.SaveName, "ctrl+alt+s")
	s.general.look.SetSelected("Dark")
	require.False(t, s.general.login.Checked, "off by default")
	s.general.login.SetChecked(true)
	b.settle()
	require.Equal(t, "dark", b.session.Snapshot().Settings.App.Theme.String(), "what can be undone is applied at once")
	require.Empty(t, b.session.Snapshot().Settings.Sharing.Room, "a text that is being typed is applied")
	require.False(t, s.apply.Disabled(), s.saying())
	test.Tap(s.apply)
	b.settle()
	require.Equal(t, "Applied.", s.message.Text)
	require.False(t, s.apply.Visible())
	eventually(t, "the recorder has them", func() bool {
		c := b.engine.Recorder().Config()
		return !c.Desktop.Enabled && c.Mic.Device == "mic-2" && c.Mic.GainDB == 6 && c.Video.FrameRate == 60 &&
			c.Video.Height == 720 && c.Video.Preset == "quality" && c.Video.HideCursor && c.Video.FollowSize && c.Mic.Suppress &&
			c.Mic.Mono && c.Mic.CancelEcho && c.SeparateSound && c.Video.ConstantQuality == 23 && c.Replay == 2*time.Minute
	})
	if b.engine.Opened() != 1 {
		t.Error("the buffer was thrown away")
	}
	_, again, problems := config.Open(b.dir)
	if len(problems) > 0 || again.Hotkeys.Save != "Ctrl+Alt+S" || again.Sharing.Room != "studio" ||
		again.Replay.Seconds != 120 ||
		again.Sound.Microphone.Device != "mic-2" || again.App.Theme != "dark" || !again.Sharing.AllowHTTP ||
		!again.App.StartAtLogin || !again.Video.FollowSize {
		t.Errorf("after a restart: %+v %v", again, problems)
	}
	if token, err := b.tokens.For("https://replay.example.com/"); token != "secret" || err != nil {
		t.Errorf("the token is %q, %v", token, err)
	}
	if s.sharing.token.Text != "" {
		t.Error("the token is still visible")
	}
	passphrase, err := b.tokens.Passphrase()
	require.NoError(t, err)
	require.Equal(t, "correct horse", passphrase)
	require.Empty(t, s.sharing.passphrase.Text)
}

func TestMistakesAreSaidInThePage(t *testing.T) {
	b := start(t)
	b.ui.show(pageSettings)
	b.settle()
	s := b.ui.settings
	for _, c := range []struct {
		enter func()
		says  string
		at    *widget.Label
	}{
		{func() { s.replay.seconds.SetText("3") }, "5 to 1200", s.places["replay.seconds"]},
		{func() { s.replay.seconds.SetText("long") }, "number of seconds", s.places["replay.seconds"]},
		{func() { s.store.folder.SetText("clips") }, "absolute path", s.places["replay.folder"]},
		{func() { s.video.bitrate.SetText("much") }, "kb/s", s.places["video.bitrate_kbps"]},
		{func() { s.video.bitrate.SetText("7") }, "200 to 200000", s.places["video.bitrate_kbps"]},
		{func() { s.video.bitrate.SetText("-5") }, "Bitrate", s.places["video.bitrate_kbps"]},
		{func() {
			s.keys.add(config.SaveKey{Keys: "Alt+F8", Seconds: 3})
			s.changed()
		}, "another length", nil},
		{func() { s.sharing.url.SetText("example.com") }, "https://", s.places["sharing.backend_url"]},
	} {
		before := b.ui.window.Canvas().Content().MinSize()
		c.enter()
		at := c.at
		if at == nil {
			at = s.keys.saves[0].wrong
		}
		if !s.apply.Disabled() || !at.Visible() || !strings.Contains(at.Text, c.says) {
			t.Errorf("apply is off: %v, and beside the field is %q; want %q", s.apply.Disabled(), at.Text, c.says)
		}
		if c.at != nil { // another row takes its width
			require.Equal(t, before, b.ui.window.Canvas().Content().MinSize(), "the page swells")
		}
		if regexp.MustCompile(`[a-z]+[._][a-z]`).MatchString(
			strings.ReplaceAll(strings.ToLower(s.saying()), "replay.example.com", "")) {
			t.Errorf("a settings key is shown: %q", s.saying())
		}
		test.Tap(s.revert)
		if s.saying() != "" || !s.apply.Disabled() {
			t.Errorf("after Revert the page says %q", s.saying())
		}
	}
}

func TestHomeShowsWhatRuns(t *testing.T) {
	b := start(t)
	b.ui.show(pageHome)
	h := b.ui.home
	snap := b.session.Snapshot()
	snap.State, snap.BufferedSeconds, snap.ReplaySeconds = session.Live, 30, 60
	snap.ShareOn = true
	snap.Share = session.ShareStatus{State: "live", Room: "studio", Recording: "active", ServerSeconds: 42}
	snap.Hotkeys = []hotkey.State{{Name: hotkey.SaveName, Keys: "Alt+F10", Active: true}}
	snap.Problems = []string{"The microphone was unplugged."}
	snap.Mic.Muted = true
	h.update(snap)
	for what, pair := range map[string][2]string{
		"title": {h.title.Text, "Live in studio"}, "line": {h.line.Text, "Alt+F10"}, "local": {h.replay.value.Text, "30 s"},
		"sharing": {h.share.value.Text, "Live"}, "server": {h.server.value.Text, "42 s"},
		"problem": {h.problems.Text, "unplugged"},
		"button":  {h.save.Text, "Save last minute"}, "mute": {h.mic.mute.Text, "Unmute"},
		"share button": {h.share.button.Text, "Stop"},
	} {
		if !strings.Contains(pair[0], pair[1]) {
			t.Errorf("%s says %q; want %q in it", what, pair[0], pair[1])
		}
	}
	if h.fill.value != 0.5 || !h.problemBox.Visible() {
		t.Errorf("the gauge is at %v, the problems are visible: %v", h.fill.value, h.problemBox.Visible())
	}
	test.Tap(h.save)
	eventually(t, "the button saves", func() bool {
		l := b.session.Snapshot().LastSave
		return l != nil && l.Local == "saved"
	})
	test.Tap(h.mic.mute)
	eventually(t, "the row unmutes or mutes", func() bool { return !b.session.Snapshot().Mic.Muted })
	test.Tap(h.replay.button)
	eventually(t, "the replay goes off", func() bool { return !b.session.Snapshot().ReplayOn })
}

func TestMetersRunOnlyWhileVisible(t *testing.T) {
	b := start(t)
	if b.ui.stopMeters != nil {
		t.Error("meters run before the window is there")
	}
	b.ui.show(pageHome)
	if b.ui.stopMeters == nil {
		t.Error("no meters on the first page")
	}
	b.ui.nav.choose(pageSettings)
	require.NotNil(t, b.ui.stopMeters, "no meters on the audio page")
	b.ui.settings.open(1)
	require.Nil(t, b.ui.stopMeters, "meters run behind another page")
	b.ui.settings.find.entry.SetText("noise")
	require.NotNil(t, b.ui.stopMeters, "no meters where the search has found audio")
	b.ui.settings.find.entry.SetText("")
	b.ui.nav.choose(pageClips)
	require.Nil(t, b.ui.stopMeters)
	b.ui.nav.choose(pageHome)
	b.ui.closed()
	if b.ui.stopMeters != nil || b.ui.shown.Load() {
		t.Error("meters run behind a closed window")
	}
}

func TestOnlyWhatWasChangedInTheWindowIsApplied(t *testing.T) {
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	b.settle()
	s.replay.seconds.SetText("90")
	require.NoError(t, b.session.Mute(session.Microphone, true))
	eventually(t, "the mute is known", func() bool { return b.session.Snapshot().Mic.Muted })
	test.Tap(s.apply)
	b.settle()
	now := b.session.Snapshot().Settings
	require.True(t, now.Sound.Microphone.Muted, "the microphone is live again")
	require.Equal(t, 90, now.Replay.Seconds)
	require.True(t, s.sound.mic.mute.Checked, "the box does not show the mute")

	s.replay.seconds.SetText("long")
	require.NoError(t, b.session.Mute(session.Microphone, false))
	eventually(t, "the unmute is known", func() bool { return !b.session.Snapshot().Mic.Muted })
	b.ui.presenter.apply(b.session.Snapshot())
	b.settle()
	require.False(t, s.sound.mic.mute.Checked, "the box does not follow")
	b.ui.nav.choose(pageHome)
	b.ui.nav.choose(pageSettings)
	b.settle()
	require.Equal(t, "long", s.replay.seconds.Text, "what was entered is lost")
	require.True(t, s.apply.Disabled())
}

func TestSavedIsSaidOfWhatWorks(t *testing.T) {
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	b.settle()
	before := b.session.Snapshot().Folder
	file := filepath.Join(b.dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, folder := range []string{file, "/proc/x"} {
		s.store.folder.SetText(folder)
		test.Tap(s.apply)
		b.settle()
		require.NotRegexp(t, "^(Saved|Applied)", s.message.Text)
		at := s.places["replay.folder"]
		require.True(t, at.Visible(), "nothing is said beside the folder")
		require.Contains(t, at.Text, folder)
		require.NotContains(t, at.Text, "mkdir")
		require.Equal(t, before, b.session.Snapshot().Folder)
	}
	test.Tap(s.revert)
	b.engine.Recorder().FailScreen("The desktop portal is not there.")
	s.source.backend.SetSelected("X11")
	test.Tap(s.apply)
	b.settle()
	require.Contains(t, s.message.Text, "The desktop portal is not there.")
	require.NotContains(t, s.message.Text, "Applied")
}

// What is wrong in the settings file is said with the names of the window, and without Go's errors.
func TestWhatIsWrongInTheFileIsSaidInTheWindowsWords(t *testing.T) {
	dir := t.TempDir()
	text := "[video]\nframe_rate = \"fast\"\nfancy = 1\n[video.source]\nkind = \"monitor\"\n[replay]\nseconds = " +
		"3\n[hotkeys]\nsave = \"Alt+F9\"\n[app]\ntheme = 7 7\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600))
	_, _, problems := config.Open(dir)
	var said []string
	for _, p := range problems {
		said = append(said, Explain(p))
	}
	all := strings.Join(said, "\n")
	for _, want := range []string{"Frame rate (FPS)", "165 or 240", "“video.fancy”", "Choose a monitor.",
		"Length (seconds) is 3", "Alt+F9 is already used for Save replay", "line 11"} {
		require.Contains(t, all, want)
	}
	require.NotRegexp(t, `(sound|replay|hotkeys|sharing|app)\.[a-z_]+|video\.[a-eg-z]|frame_rate`, all)

	require.NoError(t, os.Remove(filepath.Join(dir, "config.toml")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "config.toml"), 0o700))
	_, _, problems = config.Open(dir)
	require.Len(t, problems, 1)
	require.Contains(t, Explain(problems[0]), "is a directory")
	require.NotContains(t, Explain(problems[0]), "read /")
}
