package backend_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/client"
)

// What the server cannot read it does not record, and it says so; what is shared in plain beside it can be recorded.
func TestEncryptedTracksAreRefused(t *testing.T) {
	b := newBench(t, with{alone: true})
	plain := b.publish("den")
	token, err := b.client.Token(b.ctx, api.TokenRequest{RoomName: "secret"})
	require.NoError(t, err)
	pub, err := backendtest.PublishEncrypted(token.ServerURL, token.Token, b.loop)
	require.NoError(t, err)
	t.Cleanup(func() { pub.Close() })
	for _, audio := range []string{"", pub.AudioID} {
		_, err = b.client.Start(b.ctx, api.StartRequest{RoomName: "secret", VideoTrackID: pub.VideoID, AudioTrackID: audio})
		require.ErrorIs(t, err, client.ErrEncrypted)
		require.ErrorContains(t, err, "the track is end-to-end encrypted, so the server cannot record it")
	}
	_, err = b.client.Start(b.ctx, api.StartRequest{RoomName: "den", VideoTrackID: plain.VideoID})
	require.NoError(t, err)
}
