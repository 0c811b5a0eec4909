package ui

import (
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/assets"
	"github.com/hindsight-app/hindsight/capture/media"
)

// newUser starts the window as somebody has it who has never chosen what to capture.
func newUser(t *testing.T) *bench {
	t.Setenv("XDG_SESSION_TYPE", "x11")
	b := startWith(t, func(c *config.Config) { c.App.FirstRunDone = false })
	b.ui.show(pageHome)
	require.NotNil(t, b.ui.firstRun)
	require.Zero(t, b.engine.Opened(), "something is captured before the card is answered")
	return b
}

func (b *bench) refresh() session.Snapshot {
	b.settle()
	s := b.session.Snapshot()
	b.ui.presenter.apply(s)
	return s
}

func TestTheFirstRunStartsWithWhatWasChosen(t *testing.T) {
	b := newUser(t)
	f := b.ui.firstRun
	text := test.RenderObjectToMarkup(f.root)
	for _, says := range []string{"Nothing is captured yet", "60 s", "stays on this computer", "Alt+F10",
		filepath.Base(b.session.Snapshot().Folder), "microphone", "login", "Not now"} {
		require.Contains(t, text, says)
	}
	test.Tap(f.show)
	eventually(t, "the preview runs", func() bool {
		b.refresh()
		return b.session.Snapshot().Mic.State == media.Running && f.mic.value > 0 && f.image.Image != nil
	})
	require.Zero(t, b.engine.Recorder().Config().Replay, "the preview keeps something")
	test.Tap(f.micOn)
	eventually(t, "the meter follows the choice", func() bool { return b.refresh().Mic.State == media.Off })
	require.False(t, b.session.Snapshot().Settings.App.FirstRunDone, "a choice on the card is no answer")
	b.ui.closed()
	eventually(t, "the preview ends with the window", func() bool { return b.engine.Recorder() == nil })
	b.ui.show(-1)
	require.Same(t, f, b.ui.firstRun)

	test.Tap(f.login)
	test.Tap(f.start)
	eventually(t, "the buffer runs and the key is asked for", func() bool {
		s := b.refresh()
		return s.ReplayOn && s.BufferedSeconds > 0 && f.try != nil
	})
	c := b.session.Snapshot().Settings
	require.True(t, c.App.FirstRunDone && c.Replay.AtLaunch && c.App.StartAtLogin)
	require.False(t, c.Sound.Microphone.Enabled)
	require.Contains(t, f.try.line.Text, "Alt+F10")
	b.session.Press(0)
	eventually(t, "the clip is shown", func() bool {
		b.refresh()
		return strings.HasPrefix(f.try.line.Text, "Saved: clip 1.mp4")
	})
	require.True(t, f.try.play.Visible())
	test.Tap(f.try.done)
	require.Nil(t, b.ui.firstRun)
	require.Equal(t, pageHome, b.ui.nav.current)
	_, again, _ := config.Open(b.dir)
	require.True(t, again.App.FirstRunDone)
}

func TestNotNowLeavesEverythingOff(t *testing.T) {
	b := newUser(t)
	test.Tap(b.ui.firstRun.later)
	eventually(t, "Home is there", func() bool { b.refresh(); return b.ui.firstRun == nil })
	require.Zero(t, b.engine.Opened())
	store, again, _ := config.Open(b.dir)
	require.False(t, store.FirstRun(), "it asks once")
	require.False(t, again.Replay.AtLaunch, "the next start captures")
	require.True(t, b.ui.home.setUp.Visible(), "nothing leads to the card again")
	b.ui.openFirstRun()
	test.Tap(b.ui.firstRun.start)
	eventually(t, "it starts after all", func() bool { return b.refresh().BufferedSeconds > 0 })
	require.True(t, b.session.Snapshot().Settings.Replay.AtLaunch)
}

// The card fits into the window of a small screen with large text: 1280×800 at 200 %.
func TestTheFirstRunFitsASmallWindow(t *testing.T) {
	b := newUser(t)
	least := b.ui.firstRun.root.MinSize()
	require.LessOrEqual(t, least.Width, float32(600))
	require.LessOrEqual(t, least.Height, float32(340))
	b.ui.window.Resize(fyne.NewSize(620, 360))
	require.LessOrEqual(t, b.ui.firstRun.root.MinSize().Height, float32(360))
	b.ui.firstRun.decline()
	eventually(t, "Home is there", func() bool { b.refresh(); return b.ui.firstRun == nil })
	for _, url := range []string{"", "https://replay.example.com"} {
		s := b.session.Snapshot()
		s.Settings.Sharing.BackendURL = url
		b.ui.home.show(s)
		require.LessOrEqual(t, b.ui.nav.content().MinSize().Width, float32(640), "Home with %q", url)
	}
	b.ui.show(pageLog)
	require.LessOrEqual(t, b.ui.nav.content().MinSize().Width, float32(640), "the log")
}

func TestTheTraySaysWhatIsGoingOn(t *testing.T) {
	b := start(t)
	on := b.session.Snapshot()
	on.State, on.ReplayOn, on.ReplaySeconds, on.BufferedSeconds = session.Buffering, true, 60, 60
	live := on
	live.State, live.ShareOn = session.Live, true
	live.Share = session.ShareStatus{State: "live", Room: "standup", Recording: "active", ServerSeconds: 58.3}
	with := func(s session.Snapshot, change func(*session.Snapshot)) session.Snapshot { change(&s); return s }
	muted := func(s *session.Snapshot) { s.Settings.Sound.Microphone.Muted = true }
	records := func(s *session.Snapshot) { s.Recording = &session.RecordingStatus{Path: "/clips/a.mp4"} }
	for icon, c := range map[string]struct {
		s    session.Snapshot
		says string
	}{
		"off":             {with(on, func(s *session.Snapshot) { s.State = session.Idle }), "Off"},
		"buffering":       {on, "Replay buffer: 60 s"},
		"buffering-muted": {with(on, muted), "Replay buffer: 60 s\nMicrophone muted"},
		"recording":       {with(on, records), "Recording: a.mp4\nReplay buffer: 60 s"},
		"recording-muted": {with(with(on, records), muted), "Recording: a.mp4\nReplay buffer: 60 s\nMicrophone muted"},
		"live":            {live, "Live in standup · server 55 s\nReplay buffer: 60 s"},
		"live-muted":      {with(live, muted), "Live in standup · server 55 s\nReplay buffer: 60 s\nMicrophone muted"},
		"paused":          {with(live, func(s *session.Snapshot) { s.Paused = true }), "Paused (screen locked)\nLive in"},
		"error":           {with(on, func(s *session.Snapshot) { s.State = session.Failed }), "Attention needed"},
	} {
		require.Equal(t, icon, trayIcon(c.s))
		require.Contains(t, assets.TrayStates, icon)
		require.True(t, strings.HasPrefix(tooltip(c.s), "Hindsight\n"+c.says), "%s: %q", icon, tooltip(c.s))
	}
	var labels []string
	for _, item := range b.ui.tray.menu(live).Items {
		labels = append(labels, item.Label)
		if item.ChildMenu != nil {
			for _, child := range item.ChildMenu.Items {
				labels = append(labels, item.Label+" > "+child.Label)
			}
		}
	}
	for _, want := range []string{"Live in standup · server 55 s", "Replay buffer: 60 s", "Save replay",
		"Save last > 15 s", "Save last > 30 s", "Save last > Whole buffer (60 s)", "Pause", "Mute microphone",
		"Stop sharing", "Quit"} {
		require.Contains(t, labels, want)
	}
	require.NotContains(t, labels, "Save last > 2 min")
}

// What is unticked is not opened for the preview either, and nothing behind the card looks at the screen.
func TestTheFirstRunOpensOnlyWhatIsTicked(t *testing.T) {
	b := newUser(t)
	f := b.ui.firstRun
	f.micOn.Checked = false
	test.Tap(f.show)
	eventually(t, "the preview runs", func() bool {
		b.refresh()
		return b.session.Snapshot().Desktop.State == "running"
	})
	require.False(t, b.engine.Recorder().Config().Mic.Enabled, "the microphone is open")
	test.Tap(f.hide)
	b.ui.settings.find.begin()
	b.ui.nav.choose(pageSettings)
	require.Equal(t, pageHome, b.ui.nav.current)
}

// A preview that is still to be opened when the window goes, or the choice is another one, opens nothing unasked.
func TestAPreviewThatIsNotWantedAnymore(t *testing.T) {
	b := newUser(t)
	f := b.ui.firstRun
	f.micOn.Checked = false
	test.Tap(f.show)
	b.ui.closed()
	b.settle()
	require.Nil(t, f.previewing, "a preview in a window that is not there")
	require.Zero(t, b.engine.Opened())

	b.ui.show(-1)
	f.micOn.Checked = true
	test.Tap(f.show)
	test.Tap(f.micOn) // before the session has said yes
	eventually(t, "the preview runs", func() bool {
		b.refresh()
		return b.session.Snapshot().Desktop.State == media.Running
	})
	require.False(t, b.engine.Recorder().Config().Mic.Enabled, "the microphone is open")
}
