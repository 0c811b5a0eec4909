package ui

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
)

// homeStates are what Home has to have room for where there is a server.
func homeStates(s session.Snapshot) map[string]session.Snapshot {
	s.State, s.ReplayOn, s.ReplaySeconds = session.Live, true, 1200
	s.BufferedSeconds, s.BufferedBytes = 1199, 2_345_678_901
	s.ShareOn, s.Settings.Sharing.BackendURL = true, "https://replay.example.com"
	s.Settings.App.FirstRunDone = true
	s.Share = session.ShareStatus{State: "live", Room: "standup", Recording: session.ServerActive, ReplayID: "r1",
		ServerSeconds: 1199}
	with := func(change func(*session.Snapshot)) session.Snapshot { other := s; change(&other); return other }
	return map[string]session.Snapshot{
		"live": s,
		"paused": with(func(s *session.Snapshot) {
			s.Paused, s.PausedBy, s.Held = true, session.PausedByUser, true
		}),
		"locked":       with(func(s *session.Snapshot) { s.Paused, s.PausedBy = true, session.PausedLocked }),
		"recording":    with(func(s *session.Snapshot) { s.RecordOn = true }),
		"starting":     with(func(s *session.Snapshot) { s.Share.Recording = session.ServerStarting }),
		"broken":       with(func(s *session.Snapshot) { s.Share.Recording = session.ServerBroken }),
		"encrypted":    with(func(s *session.Snapshot) { s.Share.Recording = session.ServerEncrypted }),
		"reconnecting": with(func(s *session.Snapshot) { s.Share.State = "reconnecting" }),
		"connecting":   with(func(s *session.Snapshot) { s.Share.State, s.State = "connecting", session.Buffering }),
		"failed":       with(func(s *session.Snapshot) { s.Share.State, s.State = "failed", session.Buffering }),
		"off": with(func(s *session.Snapshot) {
			s.Share, s.ShareOn, s.ReplayOn, s.State = session.ShareStatus{}, false, false, session.Idle
		}),
	}
}

// proveHome fails where something of Home's tiles or buttons is cut off, in the usual and in the smallest window.
func proveHome(t *testing.T, b *bench) {
	t.Helper()
	h := b.ui.home
	for what, s := range homeStates(b.session.Snapshot()) {
		for _, size := range []fyne.Size{{Width: 940, Height: 680}, {Width: 640, Height: 360}} {
			b.ui.window.Resize(size)
			h.show(s)
			b.ui.window.Resize(size.AddWidthHeight(1, 0)) // texts that have changed get their space
			b.ui.window.Resize(size)
			require.LessOrEqual(t, b.ui.nav.content().MinSize().Width, size.Width, "%s at %v", what, size)
			for _, l := range []*widget.Label{h.replay.value, h.share.value, h.server.value} {
				need := fyne.MeasureText(l.Text, theme.Size(l.SizeName), l.TextStyle).Width + 2*theme.InnerPadding()
				require.LessOrEqual(t, need, l.Size().Width+0.5, "%s at %v: %q", what, size, l.Text)
			}
			for _, tile := range []*tile{h.replay, h.share, h.server} {
				least := tile.root.MinSize()
				require.LessOrEqual(t, least.Width, tile.root.Size().Width+0.5, "%s at %v: %q", what, size, tile.value.Text)
				require.LessOrEqual(t, least.Height, tile.root.Size().Height+0.5, "%s at %v: %q", what, size,
					tile.detail.Text)
			}
			for _, button := range []fyne.CanvasObject{h.pause, h.record, h.save} {
				require.LessOrEqual(t, button.MinSize().Width, button.Size().Width+0.5, "%s at %v", what, size)
			}
		}
	}
}

func TestNothingOfHomeIsCutOff(t *testing.T) {
	b := start(t)
	b.ui.show(pageHome)
	proveHome(t, b)
}

// Home pauses and goes on, and does not call live what nobody sees moving.
func TestHomePauses(t *testing.T) {
	b := start(t)
	b.ui.show(pageHome)
	h := b.ui.home
	require.Equal(t, "Pause", h.pause.Text)
	test.Tap(h.pause)
	eventually(t, "it is paused", func() bool {
		b.refresh()
		return b.session.Snapshot().PausedBy == session.PausedByUser && h.pause.Text == "Resume"
	})
	require.Equal(t, "Paused", h.title.Text)
	require.Contains(t, h.line.Text, "Nothing is captured.")
	require.NotEmpty(t, h.pause.tip)
	test.Tap(h.pause)
	eventually(t, "it goes on", func() bool {
		b.refresh()
		return !b.session.Snapshot().Paused && h.pause.Text == "Pause"
	})
	require.NoError(t, b.session.SetReplay(false))
	eventually(t, "there is nothing to pause", func() bool { b.refresh(); return h.pause.Disabled() })

	states := homeStates(b.session.Snapshot())
	h.show(states["paused"])
	require.Equal(t, "Paused", h.share.value.Text)
	require.Contains(t, h.share.detail.Text, "last frame")
	require.Contains(t, h.server.detail.Text, "paused")
	h.show(states["live"])
	require.Equal(t, "Live", h.share.value.Text)
}

// The fields of secrets that show nothing say whether one is set, and where it is.
func TestSettingsSayWhereSecretsAre(t *testing.T) {
	t.Setenv("HINDSIGHT_TOKEN", "")
	b := start(t)
	s := b.ui.settings
	b.ui.show(pageSettings)
	eventually(t, "nothing is set", func() bool {
		b.settle()
		return s.sharing.token.PlaceHolder == "Not set" && s.sharing.passphrase.PlaceHolder == "Not set"
	})
	s.sharing.token.SetText("secret")
	s.submit()
	eventually(t, "it is in the file", func() bool {
		b.settle()
		return s.sharing.token.PlaceHolder == "Kept in the file below"
	})
	said := false
	walk(s.sharing.content(), func(o fyne.CanvasObject) {
		l, is := o.(*widget.Label)
		said = said || is && l.Text == b.tokens.File
	})
	require.True(t, said, "the file is named")
	require.Equal(t, "Not set", s.sharing.passphrase.PlaceHolder)
	require.Equal(t, "Kept in the system's keyring", keptText(config.Kept{Place: config.InKeyring}))
}
