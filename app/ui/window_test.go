package ui

import (
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/media"
)

// A surface is drawn anew when the theme changes: what Fyne refreshes is what it drew at first.
func TestSurfacesFollowTheTheme(t *testing.T) {
	b := start(t)
	r := card("", gap(1))
	drawn := test.WidgetRenderer(r).Objects()[0].(*canvas.Rectangle)
	for _, c := range []struct {
		mode string
		want color.Color
	}{{"light", palette[colorCard].light}, {"dark", palette[colorCard].dark}} {
		b.ui.look.choose(c.mode)
		r.Refresh()
		require.Equal(t, c.want, drawn.FillColor, c.mode)
	}
}

// The wheel scrolls the page wherever the mouse is, over a text field as well.
func TestTheWheelScrollsThePage(t *testing.T) {
	b := start(t)
	b.ui.window.Resize(fyne.NewSize(940, 420))
	b.ui.show(pageSettings)
	b.settle()
	s := b.ui.settings
	s.open(1)
	field := s.video.bitrate
	s.follower.reveal(field)
	for _, size := range []float32{-100, 100} {
		before := s.follower.scroll.Offset.Y
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(field).AddXY(20, field.Size().Height/2)
		test.Scroll(b.ui.window.Canvas(), at, 0, size)
		require.InDelta(t, before-size, s.follower.scroll.Offset.Y, 0.5)
	}
	// What lies below gets everything else.
	s.follower.reveal(s.source.cursor)
	on := s.source.cursor.Checked
	test.TapCanvas(b.ui.window.Canvas(), fyne.CurrentApp().Driver().AbsolutePositionForObject(s.source.cursor).AddXY(
		20, 15))
	require.NotEqual(t, on, s.source.cursor.Checked)
}

// The folder dialog opens where the clips are, and Escape closes it.
func TestTheFolderDialog(t *testing.T) {
	b := start(t)
	b.ui.show(pageSettings)
	b.settle()
	require.NoError(t, os.MkdirAll(filepath.Join(b.session.Snapshot().Folder, "inside-it"), 0o755))
	s, c := b.ui.settings, b.ui.window.Canvas()
	for _, entered := range []string{"", b.session.Snapshot().Folder + "/not/yet/there"} {
		s.store.folder.SetText(entered)
		s.store.browse()
		require.NotNil(t, c.Overlays().Top())
		require.Contains(t, test.RenderToMarkup(c), "inside-it")
		c.OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
		require.Nil(t, c.Overlays().Top())
		require.Equal(t, entered, s.store.folder.Text)
	}
}

// After the shared window was closed, Home asks what to share: another window, or nothing more.
func TestAClosedSharedWindowIsAskedAbout(t *testing.T) {
	t.Setenv("XDG_SESSION_TYPE", "x11")
	b := start(t)
	require.NoError(t, b.tokens.Set("secret", "https://replay.example.com"))
	b.change(t, func(c *config.Config) {
		c.Sharing.BackendURL, c.Sharing.Room = "https://replay.example.com", "studio"
		c.Video.Source.Kind, c.Video.Source.WindowClass = config.OneWindow, "Browser"
	})
	b.ui.show(pageHome)
	h := b.ui.home
	update := func() session.Snapshot {
		b.settle()
		s := b.session.Snapshot()
		h.update(s)
		return s
	}
	b.engine.Recorder().CloseWindow()
	eventually(t, "the window is gone", func() bool { return update().Screen.Reason == media.Closed })
	require.False(t, h.closed.Visible(), "nobody sees it")
	require.NoError(t, b.session.SetShare(true))
	eventually(t, "it asks", func() bool { return update().Share.State == "live" && h.closed.Visible() })
	require.NotContains(t, h.problems.Text, "closed", "said twice")

	b.ui.chooseWindow()
	b.settle()
	overlay := b.ui.window.Canvas().Overlays().Top()
	require.NotNil(t, overlay)
	var game *choice
	for _, o := range test.LaidOutObjects(overlay) {
		if c, ok := o.(*choice); ok && game == nil {
			game = c
		}
	}
	require.NotNil(t, game)
	game.Tapped(nil)
	b.settle()
	require.Nil(t, b.ui.window.Canvas().Overlays().Top())
	eventually(t, "the other window is captured", func() bool {
		v := b.engine.Recorder().Config().Video
		return v.Target == capture.Target{Class: "Game", Title: "A game"} && v.Asked == 1
	})
	for _, o := range test.LaidOutObjects(h.closed) {
		if stop, ok := o.(fyne.Tappable); ok && strings.Contains(test.RenderObjectToMarkup(o), "Stop sharing") {
			if _, card := o.(*surface); !card {
				test.Tap(stop)
			}
		}
	}
	eventually(t, "sharing has ended", func() bool { s := update(); return !s.ShareOn && !h.closed.Visible() })
}

// What keeps the desktop's sound from being heard is said beside its meter, once.
func TestAMutedSpeakerIsSaidBesideTheMeter(t *testing.T) {
	b := start(t)
	b.ui.show(pageHome)
	h, snap := b.ui.home, b.session.Snapshot()
	snap.Desktop.State, snap.Desktop.Error = media.Running, "the speaker is muted; unmute it"
	snap.Problems = []string{"The speaker is muted; unmute it.", "The disk is full."}
	h.update(snap)
	require.True(t, h.desktop.note.Visible())
	require.Equal(t, "The speaker is muted; unmute it.", h.desktop.note.Text)
	require.Equal(t, "The disk is full.", h.problems.Text)
	snap.Desktop.Error = ""
	h.update(snap)
	require.False(t, h.desktop.note.Visible())
}

// What a button without a text does is said when the mouse or the keyboard rests on it.
func TestButtonsWithoutATextHaveTips(t *testing.T) {
	b := start(t)
	b.ui.show(pageSettings)
	b.settle()
	c, clips := b.ui.window.Canvas(), b.ui.nav.buttons[pageClips]
	tip := func() string {
		b.settle()
		if len(b.ui.tips.layer.Objects) == 0 {
			return ""
		}
		text, _ := b.ui.tips.on.hint()
		return text
	}
	clips.MouseIn(nil)
	require.Nil(t, b.ui.tips.on, "it has a text")
	b.ui.window.Resize(fyne.NewSize(640, 400))
	clips.MouseIn(nil)
	eventually(t, "the tip is there", func() bool { return tip() == "Clips" })
	shown := b.ui.tips.layer.Objects[0]
	require.Greater(t, shown.Position().X, clips.Position().X+clips.Size().Width)
	require.Contains(t, test.RenderObjectToMarkup(shown), "Clips")
	clips.MouseOut()
	require.Empty(t, tip())
	c.Focus(clips)
	eventually(t, "the keyboard has tips as well", func() bool { return tip() == "Clips" })
	test.Tap(clips)
	require.Empty(t, tip(), "it has done what it says")

	for i := range b.ui.settings.sections {
		b.ui.show(pageSettings)
		b.ui.settings.open(i)
		walk(b.ui.settings.root, func(o fyne.CanvasObject) {
			if p, ok := o.(*pushButton); ok {
				require.NotEmpty(t, p.Text, "a button of page %d says nothing", i)
			}
		})
	}
}

// A tip stays inside the window.
func TestWhereTipsAre(t *testing.T) {
	button, tip, window := fyne.NewSize(36, 36), fyne.NewSize(100, 24), fyne.NewSize(640, 400)
	for at, want := range map[fyne.Position]fyne.Position{
		{X: 300, Y: 100}: {X: 268, Y: 138}, {X: 0, Y: 100}: {X: 2, Y: 138}, {X: 600, Y: 370}: {X: 538, Y: 344},
	} {
		require.Equal(t, want, tipPlace(at, button, tip, window, false))
	}
	require.Equal(t, fyne.Position{X: 48, Y: 106}, tipPlace(fyne.NewPos(10, 100), button, tip, window, true))
}
