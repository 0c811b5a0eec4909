package ui

import (
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
)

// The clips page and the tray lead to the team's page where there is a server, and only there.
func TestTeamPage(t *testing.T) {
	for _, server := range []string{"", "https://replay.example.com"} {
		b := startWith(t, func(c *config.Config) { c.Sharing.BackendURL, c.App.FirstRunDone = server, true })
		b.ui.show(pageClips)
		b.settle()
		require.Equal(t, server != "", b.ui.clips.team.Visible())
		items := b.ui.tray.menu(b.ui.parts.Feed.Snapshot()).Items
		at := slices.IndexFunc(items, func(i *fyne.MenuItem) bool { return i.Label == "Open team page" })
		require.Equal(t, server != "", at >= 0)
		if server == "" {
			continue
		}
		test.Tap(b.ui.clips.team)
		b.ui.wg.Wait()
		items[at].Action()
		b.ui.wg.Wait()
		require.Equal(t, []string{"team page", "team page"}, b.server.called())
	}
}
