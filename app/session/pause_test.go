package session_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/session"
)

// Whoever looks learns why nothing is captured, and nobody believes to have paused what was not there.
func TestAPauseHasItsReason(t *testing.T) {
	b := start(t, nil)
	b.until(t, "the replay runs", in(session.Buffering))
	by := func(what string, want session.Pauser) {
		t.Helper()
		b.until(t, what, func(s session.Snapshot) bool {
			return s.PausedBy == want && s.Paused == (want != "")
		})
	}
	by("capture goes on", "")
	b.SetAway(true, false)
	by("the screen is locked", session.PausedLocked)
	b.SetAway(true, true)
	by("the computer sleeps", session.PausedAsleep)
	require.NoError(t, b.SetPaused(true))
	by("the user has paused", session.PausedByUser)
	b.SetAway(false, false)
	by("the user has paused, whoever is back", session.PausedByUser)
	require.NoError(t, b.SetPaused(false))
	by("capture goes on", "")
	for i := range 5000 { // an answer is made of the snapshot that is there when the call returns
		require.NoError(t, b.SetPaused(i%2 == 0))
		require.Equal(t, i%2 == 0, b.Snapshot().Paused)
	}

	require.NoError(t, b.SetReplay(false))
	require.ErrorContains(t, b.SetPaused(true), "nothing to pause")
	require.NoError(t, b.SetPaused(false))
	require.NoError(t, b.SetReplay(true))
	by("turned on, it captures", "")
}

// A pause of the user's does not end because something is turned on that is on: whoever only makes sure of it has not
// seen the pause.
func TestTurningOnWhatIsOnEndsNoPause(t *testing.T) {
	b := start(t, share)
	b.until(t, "live", in(session.Live))
	require.NoError(t, b.SetRecord(true))
	require.NoError(t, b.SetPaused(true))
	for _, set := range []func(bool) error{b.SetReplay, b.SetShare, b.SetRecord} {
		require.NoError(t, set(true))
		require.Equal(t, session.PausedByUser, b.Snapshot().PausedBy)
		require.NoError(t, set(false))
		require.Equal(t, session.PausedByUser, b.Snapshot().PausedBy)
		require.NoError(t, set(true))
		require.Empty(t, b.Snapshot().PausedBy, "it was off")
		require.NoError(t, b.SetPaused(true))
	}
}

// A screenshot is of this moment: while nothing is captured there is none.
func TestNoScreenshotOfWhatIsNotCaptured(t *testing.T) {
	b := start(t, nil)
	b.until(t, "the replay runs", in(session.Buffering))
	require.NoError(t, b.SetPaused(true))
	_, err := b.Screenshot(t.Context())
	require.ErrorContains(t, err, "capture is paused; resume it first")
	require.NoError(t, b.SetPaused(false))
	b.SetAway(true, false)
	b.until(t, "the screen is locked", func(s session.Snapshot) bool { return s.Paused })
	_, err = b.Screenshot(t.Context())
	require.ErrorContains(t, err, "locked")
	b.SetAway(false, false)
	_, err = b.Screenshot(t.Context())
	require.NoError(t, err)
	b.engine.Recorder().CloseWindow()
	_, err = b.Screenshot(t.Context())
	require.ErrorContains(t, err, "no screenshot could be taken: The window is closed")
}
