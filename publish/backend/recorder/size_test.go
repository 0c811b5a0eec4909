package recorder

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/stretchr/testify/require"
)

func TestFit(t *testing.T) {
	for _, c := range [][4]int{
		{0, 0, 1920, 1080}, {1920, 1080, 1920, 1080}, {1280, 720, 1280, 720}, {3840, 2160, 1920, 1080},
		{2560, 1600, 1728, 1080}, {1366, 768, 1366, 768}, {1365, 767, 1364, 766}, {1080, 1920, 1080, 1920},
		{2160, 3840, 1080, 1920}, {5120, 1440, 1920, 540},
	} {
		w, h := fit(c[0], c[1], 1920, 1080)
		require.Equal(t, [2]int{c[2], c[3]}, [2]int{w, h}, "%dx%d", c[0], c[1])
	}
	require.Equal(t, 4354, videoKbps(1920, 1080, 30), "kb/s, not bit/s")
}

// The token lets its holder publish screen and sound in one room, and nothing else.
func TestJoinGrantsNoMoreThanNeeded(t *testing.T) {
	const secret = "a secret of more than thirty-two characters"
	token, err := New(Options{APIKey: "key", APISecret: secret}).Join("den", "alice+hindsight-1", "alice", time.Minute)
	require.NoError(t, err)
	verifier, err := auth.ParseAPIToken(token)
	require.NoError(t, err)
	_, grants, err := verifier.Verify(secret)
	require.NoError(t, err)
	require.Equal(t, "alice+hindsight-1", grants.Identity)
	v := grants.Video
	require.True(t, v.RoomJoin)
	require.Equal(t, "den", v.Room)
	require.Equal(t, []string{"screen_share", "screen_share_audio"}, v.CanPublishSources)
	require.False(t, *v.CanSubscribe)
	require.False(t, v.RoomAdmin || v.RoomCreate || v.RoomList || v.RoomRecord || v.IngressAdmin || v.Hidden)
	require.Less(t, time.Until(expiry(t, token)), 2*time.Minute)
}

// expiry reads the claim exp (RFC 7519, 4.1.4).
func expiry(t *testing.T, token string) time.Time {
	t.Helper()
	part := strings.Split(token, ".")[1]
	b, err := base64.RawURLEncoding.DecodeString(part)
	require.NoError(t, err)
	var claims struct{ Exp int64 }
	require.NoError(t, json.Unmarshal(b, &claims))
	require.NotZero(t, claims.Exp)
	return time.Unix(claims.Exp, 0)
}
