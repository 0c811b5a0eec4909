package ui

import (
	"testing"

	"fyne.io/fyne/v2"
	"github.com/stretchr/testify/require"
)

func TestThePageFollowsTheKeyboard(t *testing.T) {
	b := start(t)
	b.ui.window.Resize(fyne.NewSize(940, 680))
	b.ui.show(pageSettings)
	b.settle()
	b.ui.settings.open(1)
	c, f := b.ui.window.Canvas(), b.ui.settings.follower
	inSight := func(o fyne.CanvasObject) bool {
		d := fyne.CurrentApp().Driver()
		middle := d.AbsolutePositionForObject(o).Y - d.AbsolutePositionForObject(f.scroll).Y + o.Size().Height/2
		return middle >= 0 && middle <= f.scroll.Size().Height
	}
	far := 0
	for range 200 {
		c.FocusNext()
		focused := c.Focused()
		f.look()
		require.True(t, inSight(focused.(fyne.CanvasObject)) || f.outside(focused), "%T", focused)
		if f.scroll.Offset.Y > f.scroll.Content.MinSize().Height-f.scroll.Size().Height-100 {
			far++
		}
	}
	require.NotZero(t, far, "it never came to the end of the page")

	before := f.scroll.Offset
	c.Focus(b.ui.settings.apply)
	f.look()
	require.Equal(t, before, f.scroll.Offset, "buttons below are always there")
	c.FocusPrevious()
	f.look()
	require.True(t, inSight(c.Focused().(fyne.CanvasObject)))
	b.ui.nav.choose(pageHome)
	f.look()
	require.False(t, f.looking)
}
