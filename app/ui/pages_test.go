package ui

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Each page has a name that leads to it, and the name of no other page.
func TestPagesHaveNames(t *testing.T) {
	b := start(t)
	require.Len(t, pageNames, len(b.ui.pages))
	require.Len(t, sectionNames, len(b.ui.settings.sections))
	for _, name := range Pages() {
		b.ui.turn(name)
		want := name
		if name == "settings" {
			want = "settings/audio"
		}
		require.Equal(t, want, b.ui.where())
	}
	b.ui.turn("settings/hotkeys")
	require.Nil(t, b.ui.firstRun, "the card is left")
	require.True(t, b.ui.settings.sections[3].root.Visible())
	b.ui.turn("home")
	b.ui.turn("settings")
	require.Equal(t, "settings/hotkeys", b.ui.where(), "the settings stay where they were")
	b.ui.turn("")
	require.Equal(t, "settings/hotkeys", b.ui.where())
}
