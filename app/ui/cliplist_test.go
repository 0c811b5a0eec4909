package ui

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// saveClips puts clips of a moving pattern into the bench's folder: the first is the newest.
func (b *bench) saveClips(t *testing.T, names ...string) {
	t.Helper()
	video, err := capturetest.Packets(t.Context(), 2*time.Second)
	require.NoError(t, err)
	folder := b.session.Snapshot().Folder
	for i, name := range names {
		_, err := clip.Save(context.Background(), clip.Request{Folder: folder, Video: video, End: 2 * time.Second, Name: name,
			App: "Pong", Width: 320, Height: 180, Created: time.Now().Add(-time.Duration(i) * time.Hour)})
		require.NoError(t, err)
	}
	b.ui.show(pageClips)
	b.shows(t, len(names))
}

// shows waits until the page shows so many clips.
func (b *bench) shows(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d clips are shown", n), func() bool {
		b.settle()
		return b.ui.clips.all.Read && len(b.ui.clips.grid.items) == n
	})
}

func (b *bench) picked() (names []string) {
	for _, i := range b.ui.clips.grid.picked() {
		names = append(names, i.Name)
	}
	return names
}

func typed(g *clipGrid, keys ...fyne.KeyName) {
	for _, k := range keys {
		g.TypedKey(&fyne.KeyEvent{Name: k})
	}
}

// Any number of clips is chosen by the mouse and the keyboard, as in a file manager.
func TestClipsAreChosen(t *testing.T) {
	b := start(t)
	b.saveClips(t, "a", "b", "c", "d", "e")
	g := b.ui.clips.grid
	click := func(i int, mod fyne.KeyModifier) { g.pressed(i, desktop.MouseButtonPrimary, mod) }
	for _, c := range []struct {
		do   func()
		want []string
	}{
		{func() { click(1, 0) }, []string{"b"}},
		{func() { click(3, fyne.KeyModifierShortcutDefault) }, []string{"b", "d"}},
		{func() { click(1, fyne.KeyModifierShortcutDefault) }, []string{"d"}},
		{func() { click(2, 0); click(4, fyne.KeyModifierShift) }, []string{"c", "d", "e"}},
		{func() { click(0, fyne.KeyModifierShift) }, []string{"a", "b", "c"}},
		{func() { g.pressed(1, desktop.MouseButtonSecondary, 0) }, []string{"a", "b", "c"}},
		{func() { g.pressed(4, desktop.MouseButtonSecondary, 0) }, []string{"e"}},
		{func() { g.TypedShortcut(&fyne.ShortcutSelectAll{}) }, []string{"a", "b", "c", "d", "e"}},
		{func() { typed(g, fyne.KeyEscape) }, nil},
		{func() { typed(g, fyne.KeyHome, fyne.KeyRight) }, []string{"b"}},
		{func() { g.move(3, fyne.KeyModifierShift) }, []string{"b", "c", "d"}},
		{func() { g.move(4, fyne.KeyModifierShortcutDefault); typed(g, fyne.KeySpace) }, []string{"b", "c", "d", "e"}},
		{func() { typed(g, fyne.KeyEnd, fyne.KeyRight, fyne.KeyRight) }, []string{"e"}},
	} {
		c.do()
		require.Equal(t, c.want, b.picked())
		require.Equal(t, len(c.want) > 0, b.ui.clips.none.Visible())
	}
	test.Tap(b.ui.clips.none)
	require.Empty(t, b.picked())
}

// What can be done is done by key, menu and toolbar, and only with clips it can be done with.
func TestActionsOnClips(t *testing.T) {
	b := start(t)
	t.Setenv("XDG_DATA_HOME", filepath.Join(b.dir, "data"))
	b.linked = "b.mp4"
	b.saveClips(t, "a", "b")
	g, folder := b.ui.clips.grid, b.session.Snapshot().Folder
	usable := func() (ids []string) {
		for _, a := range b.ui.clips.actions {
			if a.usable(g.picked()) {
				ids = append(ids, a.id)
			}
		}
		return ids
	}
	g.chooseAll()
	require.Subset(t, usable(), []string{"copy", "star", "trash"})
	require.NotContains(t, usable(), "rename")
	g.TypedShortcut(&fyne.ShortcutCopy{})
	b.settle()
	require.Equal(t, []string{filepath.Join(folder, "a.mp4"), filepath.Join(folder, "b.mp4")}, b.copied)
	g.pressed(0, desktop.MouseButtonPrimary, 0)
	require.Contains(t, usable(), "link", "a is uploaded for it")
	require.NotContains(t, usable(), "links")
	g.pressed(1, desktop.MouseButtonPrimary, 0)
	g.TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyL, Modifier: fyne.KeyModifierShortcutDefault})
	b.settle()
	require.Equal(t, "https://x/watch/b.mp4", b.ui.app.Clipboard().Content())

	g.TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyD, Modifier: fyne.KeyModifierShortcutDefault})
	eventually(t, "the star is shown", func() bool { b.settle(); return g.items[1].Starred })
	b.ui.clips.act("rename")
	name, ok := b.ui.window.Canvas().Focused().(interface{ SetText(string) })
	require.True(t, ok, "a name is asked for")
	name.SetText("final")
	b.ui.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	eventually(t, "the new name is shown, and still chosen", func() bool {
		b.settle()
		return slices.Equal(b.picked(), []string{"final"})
	})
	require.True(t, g.items[1].Starred)

	g.chooseAll()
	typed(g, fyne.KeyDelete)
	b.shows(t, 0)
	require.True(t, b.ui.clips.empty.root.Visible())
	require.FileExists(t, filepath.Join(b.dir, "data", "Trash", "files", "final.mp4"))
	require.True(t, b.ui.clips.undoBar.root.Visible())
	g.TypedShortcut(&fyne.ShortcutUndo{})
	b.shows(t, 2)
	require.False(t, b.ui.clips.undoBar.root.Visible())
	g.pressed(0, desktop.MouseButtonPrimary, 0)
	b.ui.clips.act("details")
	require.Len(t, b.ui.dialogs, 1)
	b.ui.dialogs[0].Dismiss()
	b.ui.clips.menu(fyne.NewPos(300, 200))
	require.NotNil(t, b.ui.window.Canvas().Overlays().Top())
}

// The search and the filters say which clips are shown; where none is, the page says why.
func TestClipsAreFound(t *testing.T) {
	b := start(t)
	b.ui.show(pageClips)
	c := b.ui.clips
	b.shows(t, 0)
	require.Equal(t, "No clips yet", c.empty.title.Text)
	b.saveClips(t, "ace", "bunt")
	shown := func() (names []string) {
		for _, i := range c.grid.items {
			names = append(names, i.Name)
		}
		return names
	}
	require.Equal(t, []string{"ace", "bunt"}, shown())
	c.order.SetSelectedIndex(1)
	require.Equal(t, []string{"bunt", "ace"}, shown())
	c.search.SetText("PONG un")
	require.Equal(t, []string{"bunt"}, shown())
	require.Contains(t, c.count.Text, "1 of 2")
	c.kind.SetSelectedIndex(2)
	require.Empty(t, shown())
	require.Equal(t, "No clips match", c.empty.title.Text)
	test.Tap(c.empty.clear)
	require.Equal(t, []string{"bunt", "ace"}, shown(), "the order stays")
	require.Empty(t, c.search.Text)
	c.programs.SetSelected("Pong")
	require.Len(t, shown(), 2)
	test.Tap(c.starred)
	require.Empty(t, shown())
	test.Tap(c.starred)
	require.NoError(t, os.Remove(filepath.Join(b.session.Snapshot().Folder, "ace.mp4")))
	b.shows(t, 1)
	findings := b.ui.settings.find
	findings.begin()
	require.Equal(t, c.search, b.ui.window.Canvas().Focused(), "Ctrl+F searches what is shown")
}

// What the library knew before the window was there is shown as well, without another change.
func TestClipsFromBeforeAreShown(t *testing.T) {
	b := start(t)
	b.saveClips(t, "a", "b")
	b.ui.recent.items = nil
	b.ui.watches.Go(b.ui.followLibrary)
	eventually(t, "the newest are in the tray's menu", func() bool { b.settle(); return len(b.ui.recent.items) == 2 })
}

// Under the pointer a clip shows its frames, by where the pointer is.
func TestAClipIsLookedThrough(t *testing.T) {
	b := start(t)
	b.saveClips(t, "a")
	c := b.ui.clips
	tile := c.grid.tiles[0]
	require.NotNil(t, tile)
	eventually(t, "its image is there", func() bool { b.settle(); return tile.image.Image != nil })
	still := tile.image.Image
	at := func(x float32) *desktop.MouseEvent {
		return &desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(x, 30)}}
	}
	tile.MouseIn(at(tileMargin + 1))
	eventually(t, "its frames are there", func() bool {
		b.settle()
		return len(c.scrub.frames[tile.item.Path]) == 2 && tile.image.Image != still
	})
	first := tile.image.Image
	tile.MouseMoved(at(tile.Size().Width - tileMargin - 1))
	require.NotEqual(t, first, tile.image.Image)
	tile.MouseOut()
	require.Equal(t, still, tile.image.Image)
}

// Five thousand clips cost what is visible: as many tiles as fifty, and a step of scrolling no more.
func TestManyClipsCostWhatIsVisible(t *testing.T) {
	b := start(t)
	b.saveClips(t, "0000")
	folder := b.session.Snapshot().Folder
	c := b.ui.clips
	fills := 0
	update := c.grid.UpdateItem
	c.grid.UpdateItem = func(i int, o fyne.CanvasObject) { fills++; update(i, o) }
	type cost struct {
		open, scroll  time.Duration
		tiles, perRow int
	}
	costs := map[int]cost{}
	for _, n := range []int{50, 5000} {
		for i := len(c.all.Items); i < n; i++ {
			require.NoError(t, os.Link(filepath.Join(folder, "0000.mp4"), filepath.Join(folder, fmt.Sprintf("%04d.mp4", i))))
		}
		b.ui.parts.Library.Refresh()
		b.shows(t, n)
		b.ui.nav.choose(pageHome)
		var x cost
		fills = 0
		x.open = measure(func() { b.ui.nav.choose(pageClips) })
		x.tiles = fills
		fills = 0
		const steps = 16
		x.scroll = measure(func() {
			for i := range steps {
				c.grid.ScrollToOffset(float32(i) * c.cell.Height / 10)
				b.ui.window.Canvas().Capture()
			}
		}) / steps
		x.perRow = fills
		costs[n] = x
		t.Logf("%d clips: opening takes %v and fills %d tiles; a step of scrolling takes %v, and %d fill %d tiles", n,
			x.open.Round(time.Microsecond*100), x.tiles, x.scroll.Round(time.Microsecond*100), steps, x.perRow)
	}
	few, many := costs[50], costs[5000]
	t.Logf("5,000 clips to 50: opening %.1f, scrolling %.2f", float64(many.open)/float64(few.open),
		float64(many.scroll)/float64(few.scroll))
	require.Positive(t, few.tiles)
	require.LessOrEqual(t, many.tiles, few.tiles)
	require.LessOrEqual(t, many.perRow, few.perRow+20)
}

func measure(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

var _ library.Copies = (*bench)(nil)

// A clip that only the server has is one to play, though its size is not known.
func TestAClipOfTheServerIsAVideo(t *testing.T) {
	b := start(t)
	tile := newClipTile(b.ui.clips)
	tile.Resize(tile.MinSize())
	item := library.Item{Name: "cut", Copy: links.Copy{Backend: "https://a", ClipID: "1"}}
	item.Seconds, item.Bytes = 8, 2e6
	tile.show(0, item)
	require.Equal(t, "8 s", tile.length.Text)
	require.Contains(t, tile.fullDetail, "2.0 MB")
	require.NotContains(t, tile.fullDetail, "readable")
	require.True(t, tile.blank.Visible())
	b.ui.clips.undoBar.offer("1 clip moved to the trash", nil)
	require.False(t, b.ui.clips.undoBar.undo.Visible(), "nothing can bring it back")
}

// Sizes that nobody knows are not taken for none.
func TestSizesOfClipsThatOnlyTheServerHas(t *testing.T) {
	b := start(t)
	c := b.ui.clips
	here := func(bytes int64) library.Item { return library.Item{Clip: clip.Clip{Path: "/a.mp4", Bytes: bytes}} }
	there := func(bytes int64) library.Item {
		return library.Item{Clip: clip.Clip{Bytes: bytes}, Copy: links.Copy{Backend: "https://x", ClipID: "1"}}
	}
	for says, items := range map[string][]library.Item{
		"2 clips · 5.0 MB":        {here(2e6), here(3e6)},
		"2 clips · 2.0 MB here":   {here(2e6), there(3e6)},
		"2 clips · on the server": {there(0), there(3e6)},
		"0 clips · 0 kB":          {},
	} {
		c.quota, c.all.Items = 0, items
		require.Equal(t, says, c.counted(nil))
	}
	require.Equal(t, "2 selected · 5.0 MB", c.counted([]library.Item{here(2e6), there(3e6)}))
	require.Equal(t, "2 selected · 2.0 MB or more", c.counted([]library.Item{here(2e6), there(0)}))
	require.Equal(t, "1 selected", c.counted([]library.Item{there(0)}))
}
