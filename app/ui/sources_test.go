package ui

import (
	"image"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"
	"github.com/adrg/xdg"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
)

// What is captured is chosen by its preview; what is plugged in shows up by itself.
func TestSourcesAreChosenAndKeptUpToDate(t *testing.T) {
	b := start(t)
	b.ui.show(pageSettings)
	b.settle()
	s := b.ui.settings
	s.source.kind.SetSelected("Monitor")
	if !strings.Contains(s.source.wrong.Text, "hoose a monitor") || !s.apply.Disabled() {
		t.Errorf("no monitor is chosen, and the page says %q", s.saying())
	}
	require.Contains(t, s.source.tiles.Objects[1].(*choice).name, "144 Hz")
	tap := func(i int) { s.source.tiles.Objects[i].(*choice).Tapped(nil) }
	tap(1)
	b.settle()
	eventually(t, "the second monitor is captured",
		func() bool { return b.engine.Recorder().Config().Video.Target == capture.Target{Monitor: "HDMI-1"} })
	s.source.kind.SetSelected("Window")
	tap(0)
	b.settle()
	eventually(t, "the game is captured", func() bool {
		return b.engine.Recorder().Config().Video.Target == capture.Target{Class: "Game", Title: "A game"}
	})
	s.source.kind.SetSelected("Region")
	s.source.width.SetText("8")
	if !strings.Contains(s.source.wrong.Text, "16 pixels") {
		t.Errorf("a region without size: %q", s.saying())
	}
	s.source.width.SetText("640")
	s.source.height.SetText("480")
	test.Tap(s.apply)
	b.settle()
	eventually(t, "the region is captured", func() bool {
		return b.engine.Recorder().Config().Video.Target == capture.Target{Area: image.Rect(0, 0, 640, 480)}
	})
	if b.engine.Opened() != 1 {
		t.Error("the buffer was thrown away")
	}
	b.webcam.Store(true)
	b.plugged <- struct{}{}
	eventually(t, "the new microphone is offered", func() bool {
		b.settle()
		return slices.Contains(s.sound.mic.device.Options, "New webcam")
	})
	b.ui.nav.choose(pageHome)
	b.plugged <- struct{}{}
	eventually(t, "nothing is watched that nobody sees", func() bool { b.settle(); return !s.watching })
}

// Where the desktop's dialog chooses the screen, the page offers to ask again, once that way is in use.
func TestTheDesktopIsAskedForTheScreen(t *testing.T) {
	t.Setenv("XDG_SESSION_TYPE", "x11")
	t.Setenv("XDG_STATE_HOME", t.TempDir()) // the permission of whoever runs this stays
	xdg.Reload()
	b := start(t)
	b.ui.show(pageSettings)
	b.settle()
	c, apply := b.ui.settings.source, b.ui.settings.apply
	require.False(t, c.askLine.root.Visible())
	c.kind.SetSelected("Monitor")
	require.True(t, apply.Disabled(), "no monitor is chosen")
	c.backend.SetSelected("Desktop portal (PipeWire)")
	require.False(t, apply.Disabled(), "and none is needed")
	require.False(t, c.kindLine.root.Visible())
	require.True(t, c.askLine.root.Visible() && c.ask.Disabled())
	test.Tap(apply)
	b.settle()
	require.False(t, c.ask.Disabled())
	test.Tap(c.ask)
	b.settle()
	eventually(t, "the desktop is asked", func() bool {
		v := b.engine.Recorder().Config().Video
		return v.Backend == "portal" && v.Asked == 1 && v.Target == capture.Target{}
	})

	// What it chose is visible while it is captured anyway.
	b.ui.settings.open(1)
	draw := func() {
		b.settle()
		b.ui.presenter.apply(b.session.Snapshot())
	}
	eventually(t, "the preview", func() bool { draw(); return c.seen && c.live.Image.Bounds().Dx() == liveWidth })
	require.False(t, c.liveNote.Visible())
	require.NoError(t, b.session.SetReplay(false))
	eventually(t, "its end", func() bool { draw(); return c.liveNote.Visible() && !c.seen })
	c.backend.SetSelected("X11")
	require.True(t, c.kindLine.root.Visible() && !c.askLine.root.Visible())
}
