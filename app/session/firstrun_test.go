package session_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/media"
)

// Nothing is captured before the user has chosen to, whatever the settings and the front ends ask for, but for a
// preview, of which nothing is kept.
func TestNothingIsCapturedBeforeTheFirstChoice(t *testing.T) {
	b := start(t, func(c *config.Config) { share(c); c.App.FirstRunDone = false })
	const says = "isn't set up yet"
	require.ErrorContains(t, b.SetReplay(true), says)
	require.ErrorContains(t, b.ToggleReplay(), says)
	require.ErrorContains(t, b.SetShare(true), says)
	require.ErrorContains(t, b.SetRecord(true), says)
	require.ErrorContains(t, b.ToggleRecord(), says)
	_, err := b.Save(t.Context(), 5)
	require.ErrorContains(t, err, says)
	_, err = b.Screenshot(t.Context())
	require.ErrorContains(t, err, says)
	require.NoError(t, b.SetRecord(false))
	require.NoError(t, b.Mute(session.Microphone, true), "settings can be changed")
	s := b.Snapshot()
	require.Equal(t, session.Idle, s.State)
	require.False(t, s.ReplayOn || s.ShareOn || s.RecordOn)
	require.Zero(t, b.engine.Opened())

	stop := b.Preview()
	b.until(t, "levels are shown", func(s session.Snapshot) bool { return s.Mic.State == media.Running })
	s = b.Snapshot()
	require.Equal(t, session.Idle, s.State)
	require.Zero(t, s.BufferedSeconds)
	c := b.engine.Recorder().Config()
	require.Zero(t, c.Replay)
	require.Empty(t, c.JournalFolder)
	require.ErrorContains(t, b.SetReplay(true), says, "a preview is no consent")
	stop()
	stop()
	require.Eventually(t, func() bool { return b.engine.Recorder() == nil }, 20*time.Second, 5*time.Millisecond)

	stop = b.Preview()
	defer stop()
	result := b.Apply(t.Context(), config.Edit(b.Snapshot().Settings, func(c *config.Config) {
		c.App.FirstRunDone = true
	}))
	require.True(t, result.OK())
	require.False(t, b.Snapshot().ReplayOn, "the choice itself starts nothing")
	require.NoError(t, b.SetReplay(true))
	b.until(t, "the buffer fills", func(s session.Snapshot) bool { return s.BufferedSeconds > 0 })
}
