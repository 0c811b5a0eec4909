package ui

import (
	"testing"
	"time"

	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/media"
)

// While nothing is captured the settings open nothing, before the user asks for levels: then it is the sound alone, as
// long as the page is there.
func TestTheSettingsOpenNothingUnasked(t *testing.T) {
	b := startWith(t, func(c *config.Config) { c.Replay.AtLaunch = false })
	s := b.ui.settings
	p := s.sound
	draw := func() {
		b.settle()
		b.ui.presenter.apply(b.session.Snapshot())
	}
	closed := func() bool { return b.engine.Recorder() == nil }
	open := func() {
		t.Helper()
		b.ui.show(pageSettings)
		s.open(0)
		draw()
		require.True(t, p.live.root.Visible() && p.show.Visible())
		test.Tap(p.show)
		eventually(t, "levels are there", func() bool { return b.session.Snapshot().Mic.State == media.Running })
		require.True(t, b.engine.Recorder().Config().SoundOnly)
	}

	b.ui.show(pageSettings)
	draw()
	require.Zero(t, b.engine.Opened(), "capture was opened unasked")
	require.Equal(t, "Capture is off", p.mic.state.Text)
	require.Contains(t, p.hint.Text, "Capture is off")
	require.False(t, p.hide.Visible())

	open()
	draw()
	require.Contains(t, p.mic.state.Text, "Listening to")
	require.Contains(t, p.hint.Text, "The microphone is open")
	require.False(t, p.show.Visible())
	require.Equal(t, session.Idle, b.session.Snapshot().State)
	for _, end := range []func(){
		func() { test.Tap(p.hide) },
		func() { s.open(1) },
		func() { b.ui.nav.choose(pageHome) },
		b.ui.closed,
	} {
		if s.stopLevels == nil {
			open()
		}
		end()
		eventually(t, "nothing is open", closed)
	}

	b.ui.handle = func() uint32 { return 1 }
	open()
	draw()
	require.NotNil(t, s.stopLevels, "it can be seen")
	b.minimized.Store(true)
	eventually(t, "a minimized window ends them", func() bool { draw(); return s.stopLevels == nil })
	eventually(t, "nothing is open", closed)
	b.minimized.Store(false)

	s.levelsFor = time.Millisecond
	open()
	eventually(t, "they end by themselves", func() bool { b.settle(); return s.stopLevels == nil })
	eventually(t, "nothing is open", closed)

	s.levelsFor = levelsWait
	open()
	require.NoError(t, b.session.SetReplay(true))
	eventually(t, "the replay runs", func() bool { return b.session.Snapshot().State == session.Buffering })
	draw()
	require.Nil(t, s.stopLevels, "the levels would go on after the replay")
	require.False(t, p.live.root.Visible())
	require.Contains(t, p.mic.state.Text, "Listening to")
}
