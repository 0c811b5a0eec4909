package session_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
)

// A viewer's clip ends when it was asked for, however long the user thinks about it, and is none of the user's saves.
func TestPinnedForAViewer(t *testing.T) {
	b := start(t, func(c *config.Config) { share(c); c.Clips.NoOverlap, c.Sharing.AtLaunch = true, false })
	b.until(t, "buffering", in(session.Buffering))
	rec := b.engine.Recorder()
	_, err := b.Pin(20, time.Now())
	require.ErrorContains(t, err, "not shared")
	begun := rec.Line()
	require.NoError(t, b.SetShare(true))
	b.until(t, "live", in(session.Live))
	asked := time.Now()
	at := rec.Now()
	p, err := b.Pin(20, asked)
	require.NoError(t, err)
	require.Equal(t, 1, rec.Pins())
	c, err := p.Save(t.Context(), "Goal")
	require.NoError(t, err)
	require.InDelta(t, 20, c.Seconds, 1e-9)
	said, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	var length, until time.Duration
	length, until = parse(t, string(said))
	require.Equal(t, 20*time.Second, length)
	require.InDelta(t, at.Seconds(), until.Seconds(), 0.2)
	require.Equal(t, []string{"Goal"}, rec.Apart(), "its title, apart from the user's own clips")
	require.Greater(t, rec.NotBefore(), begun, "viewers get nothing of before it was shared")
	require.Less(t, rec.NotBefore(), at)
	p.Release()
	p.Release()
	require.Zero(t, rec.Pins())
	require.Nil(t, b.Snapshot().LastSave)

	p, err = b.Pin(5, time.Now())
	require.NoError(t, err)
	require.NoError(t, b.SetReplay(false))
	_, err = p.Save(t.Context(), "")
	require.ErrorContains(t, err, "turned off")
	p.Release()
	_, err = b.Pin(5, time.Now())
	require.ErrorContains(t, err, "nothing is being captured")
}

// Viewers get nothing of what they were not sent: while a moderator has it muted and from before that, nor once sharing
// is off.
func TestNothingIsPinnedThatWasNotShown(t *testing.T) {
	b := start(t, share)
	b.until(t, "live", in(session.Live))
	pub := b.engine.Publisher()
	status := pub.Status()
	pin := func() error {
		p, err := b.Pin(20, time.Now())
		if err == nil {
			_, err = p.Save(t.Context(), "")
			p.Release()
		}
		return err
	}
	require.NoError(t, pin())
	for _, muted := range []session.Muted{{Video: true}, {Sound: true}} {
		status.Muted = muted
		pub.SetStatus(status)
		require.ErrorContains(t, pin(), "not shared")
		since := b.engine.Recorder().Line()
		status.Muted = session.Muted{}
		pub.SetStatus(status)
		require.NoError(t, pin())
		require.Greater(t, b.engine.Recorder().NotBefore(), since, "a clip has what was muted")
	}
	status.SoundTaken = true
	pub.SetStatus(status)
	require.ErrorContains(t, pin(), "not shared")
	status.SoundTaken = false
	pub.SetStatus(status)
	require.NoError(t, pin())
	before := b.engine.Recorder().NotBefore()
	status.State = "reconnecting"
	pub.SetStatus(status)
	require.NoError(t, pin())
	status.State = session.ShareLive
	pub.SetStatus(status)
	require.NoError(t, pin())
	require.Equal(t, before, b.engine.Recorder().NotBefore(), "a lost connection hides nothing")

	status.Muted = session.Muted{Video: true}
	pub.SetStatus(status)
	b.until(t, "it is known", func(s session.Snapshot) bool { return s.Share.Muted.Video })
	require.NoError(t, b.apply(t, func() config.Config {
		c := b.Snapshot().Settings
		c.Sharing.StreamQuality = config.LowerQuality
		return c
	}()).Err())
	b.until(t, "it is shared anew, still muted", func(s session.Snapshot) bool {
		return s.Share.State == session.ShareLive && s.Share.Muted.Video && b.engine.Publisher() != pub
	})
	require.ErrorContains(t, pin(), "not shared")
	// Nor does it end where the server is away in between, but with the switch, also then.
	b.engine.FailShare(errors.New("the server is away"))
	quality := func(q config.StreamQuality) {
		require.NoError(t, b.apply(t, func() config.Config {
			c := b.Snapshot().Settings
			c.Sharing.StreamQuality = q
			return c
		}()).Err())
	}
	quality(config.SameQuality)
	b.until(t, "tried again", func(s session.Snapshot) bool { return s.Share.State == session.ShareFailed })
	require.True(t, last(b.engine.Shares()).Muted.Video)
	quality(config.LowerQuality)
	require.NoError(t, b.SetShare(false))
	b.engine.FailShare(nil)
	require.ErrorContains(t, pin(), "not shared")
	require.NoError(t, b.SetShare(true))
	b.until(t, "the user may share again", func(s session.Snapshot) bool {
		return s.Share.State == session.ShareLive && !s.Share.Muted.Video
	})
	require.NoError(t, pin())
}

func last[T any](list []T) T { return list[len(list)-1] }

// An attempt to share ends where the settings change: it would share in a room that the user has left.
func TestAnAttemptToShareInAnotherRoomEnds(t *testing.T) {
	b := start(t, func(c *config.Config) { share(c); c.Sharing.AtLaunch = false })
	b.engine.HoldShare(true)
	require.NoError(t, b.SetShare(true))
	b.until(t, "it is on its way", func(session.Snapshot) bool { return len(b.engine.Shares()) == 1 })
	b.engine.HoldShare(false)
	require.NoError(t, b.apply(t, func() config.Config {
		c := b.Snapshot().Settings
		c.Sharing.Room = "another"
		return c
	}()).Err())
	b.until(t, "it is shared there", func(s session.Snapshot) bool {
		return s.Share.State == session.ShareLive && s.Share.Room == "another"
	})
	require.Equal(t, "another", b.engine.Shares()[1].Room)
}

// Nothing of an encrypted share is for a server, from its first moment.
func TestNothingIsPinnedOfAnEncryptedShare(t *testing.T) {
	b := start(t, share)
	require.NoError(t, b.Apply(t.Context(), config.Edit(b.Snapshot().Settings, func(c *config.Config) {
		c.Sharing.Encrypt = true
	}).WithPassphrase("correct horse")).Err())
	b.until(t, "live", func(s session.Snapshot) bool {
		return s.Share.State == session.ShareLive && len(b.engine.Shares()) > 0 &&
			b.engine.Shares()[len(b.engine.Shares())-1].Encrypt
	})
	_, err := b.Pin(5, time.Now())
	require.ErrorIs(t, err, session.ErrEncrypted)
}

// Both copies of a clip go by one name.
func TestTheServersCopyHasTheFilesName(t *testing.T) {
	b := start(t, func(c *config.Config) { share(c); c.Clips.Name = "{app} {seconds}" })
	b.until(t, "live", in(session.Live))
	_, err := b.Save(t.Context(), 30)
	require.NoError(t, err)
	b.until(t, "the server has it", func(s session.Snapshot) bool {
		return s.LastSave != nil && s.LastSave.Server == session.CopySaved
	})
	require.Equal(t, []string{"Pong 30"}, b.engine.Publisher().Titles())
}

// parse reads what the recorder in memory wrote.
func parse(t *testing.T, text string) (length, until time.Duration) {
	t.Helper()
	before, after, ok := strings.Cut(text, " until ")
	require.True(t, ok, text)
	length, err := time.ParseDuration(before)
	require.NoError(t, err)
	until, err = time.ParseDuration(after)
	require.NoError(t, err)
	return length, until
}
