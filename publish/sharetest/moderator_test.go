//go:build linux

package sharetest

import (
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// A moderator who takes the right to publish has the last word: the share does not come back with a fresh token.
func TestPublishPermissionRevoked(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2})
	p := b.publish(t)
	st := p.Status()
	permit := func(sources ...livekit.TrackSource) {
		t.Helper()
		require.NoError(t, publishtest.Permit(b.ctx, b.lk.HTTPURL, b.lk.APIKey, b.lk.APISecret, room, st.Identity,
			sources...))
	}
	// Without the right to sound, the screen alone is shared and recorded.
	permit(livekit.TrackSource_SCREEN_SHARE)
	b.eventually(t, func() bool {
		starts := b.backend.Starts()
		last := starts[len(starts)-1]
		return p.Status().AudioSID == "" && last.AudioTrackID == "" && last.VideoTrackID == st.VideoSID
	}, "the loss of sound is not noticed")
	require.Equal(t, publish.StateLive, p.Status().State)

	tokens := b.backend.Tokens()
	permit()
	b.eventually(t, func() bool { return p.Status().State == publish.StateFailed }, "the revocation is not noticed")
	require.Contains(t, p.Status().Error, "A moderator stopped your screen share")
	require.NoError(t, p.Close(b.ctx))
	require.Equal(t, tokens, b.backend.Tokens(), "it came back")
	require.Len(t, b.backend.Stops(), 1)
}

// A track that a moderator mutes sends nothing and says so, also in a later stay; unmuted, it goes on with a keyframe.
func TestMutedByAModerator(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{})
	p := b.publish(t)
	video, _ := b.watch(t)
	mute := func(muted bool) {
		t.Helper()
		st := p.Status()
		require.NoError(t, publishtest.Mute(b.ctx, b.lk.HTTPURL, b.lk.APIKey, b.lk.APISecret, room, st.Identity, st.VideoSID,
			muted))
	}
	b.eventually(t, func() bool { return len(video.Units()) > 30 && p.Status().DeliveredKbps > 500 }, "nothing arrives")
	mute(true)
	b.eventually(t, func() bool { return p.Status().VideoMuted }, "the mute is not shown")
	require.Equal(t, publish.StateLive, p.Status().State)
	require.Contains(t, p.Status().Error, "Muted by a moderator")
	require.False(t, p.Status().SoundMuted)
	b.eventually(t, func() bool { return p.Status().DeliveredKbps == 0 }, "video is still sent")

	mute(false)
	b.eventually(t, func() bool { return !p.Status().VideoMuted && p.Status().Error == "" },
		"the end of the mute is not shown")
	before := len(video.Units())
	b.eventually(t, func() bool { return len(video.Units()) > before+30 }, "video does not go on")
	require.Positive(t, p.Status().DeliveredKbps)

	// Sharing that has to begin again, here because sound is turned off, stays muted.
	mute(true)
	b.eventually(t, func() bool { return p.Status().VideoMuted }, "the mute is not shown")
	first := p.Status().VideoSID
	b.src.SetSound(false)
	b.eventually(t, func() bool { sid := p.Status().VideoSID; return sid != "" && sid != first },
		"it does not begin again")
	require.True(t, p.Status().VideoMuted)
	require.Zero(t, p.Status().DeliveredKbps)
}
