package web

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// A stream goes where the operator allows, and nowhere that only looks like it.
func TestStreamsGoWhereTheyMay(t *testing.T) {
	allowed := []string{"rtmps://live.example.com:443/app", "rtmp://127.0.0.1:1935/live/team/"}
	require.NoError(t, checkStreamPrefixes(allowed))
	for address, ok := range map[string]bool{
		"rtmps://live.example.com:443/app/key":                true,
		"rtmps://live.example.com:443/app/key?auth=a_b-c&x=1": true,
		"rtmp://127.0.0.1:1935/live/team/key":                 true,
		"rtmps://live.example.com:443/app":                    false,
		"rtmps://live.example.com:443/application/key":        false,
		"rtmps://live.example.com:443/app/../other/key":       false,
		"rtmps://live.example.com:443/app/%2e%2e/other/key":   false,
		"rtmps://live.example.com:443/app/key live=1":         false,
		"rtmps://live.example.com:443/app/key\\20live=1":      false,
		"rtmps://live.example.com:443/app/key\n":              false,
		"rtmps://live.example.com:443/app/key#x":              false,
		"rtmps://live.example.com:443@evil.example/app/key":   false,
		"rtmps://user:word@live.example.com:443/app/key":      false,
		"rtmps://live.example.com:4430/app/key":               false,
		"rtmp://live.example.com:443/app/key":                 false,
		"rtmp://127.0.0.1:1935/live/other/key":                false,
		"rtmps://live.example.com.evil.example:443/app/key":   false,
		"mux://key": false,
		"rtmps://live.example.com:443/app/" + strings.Repeat("x", 2000): false,
	} {
		require.Equal(t, ok, checkStreams(allowed, []string{address}) == nil, address)
	}
	twice := "rtmps://live.example.com:443/app/key"
	require.Error(t, checkStreams(allowed, []string{twice, twice}))
	require.Error(t, checkStreams(nil, []string{twice}))
	for _, wrong := range []string{"", "live.example.com", "http://a/b", "rtmp://", "rtmp://u@a/b", "rtmp://a/b?c"} {
		require.Error(t, checkStreamPrefixes([]string{wrong}), wrong)
	}
	require.Equal(t, "rtmps://live.example.com:443/app/…", api.RedactStream(twice))
	require.Equal(t, "rtmp://host/…", api.RedactStream("rtmp://host/key"))
}

// What is not asked for is filled in as the type needs it.
func TestJobsHaveDefaults(t *testing.T) {
	user := state.Token{ID: "1", Identity: "alice", Scopes: []state.Scope{state.Record}}
	for _, c := range []struct {
		req  api.RecordingRequest
		typ  api.RecordingType
		file api.FileKind
	}{
		{req: api.RecordingRequest{VideoTrackID: "TR_v", AudioTrackID: "TR_a"}, typ: api.TypeTrackComposite,
			file: api.FileMP4},
		{req: api.RecordingRequest{AudioTrackID: "TR_a"}, typ: api.TypeTrackComposite, file: api.FileOGG},
		{req: api.RecordingRequest{VideoTrackID: "TR_v", Outputs: api.RecordingOutputs{Segments: true}},
			typ: api.TypeTrackComposite},
		{req: api.RecordingRequest{Type: api.TypeTrack, TrackID: "TR_v"}, typ: api.TypeTrack},
		{req: api.RecordingRequest{Type: api.TypeParticipant}, typ: api.TypeParticipant, file: api.FileMP4},
		{req: api.RecordingRequest{Type: api.TypeRoomComposite}, typ: api.TypeRoomComposite, file: api.FileMP4},
		{req: api.RecordingRequest{Type: api.TypeRoomComposite, AudioOnly: true}, typ: api.TypeRoomComposite,
			file: api.FileOGG},
	} {
		require.NoError(t, checkJob(&c.req, user, nil))
		require.Equal(t, c.typ, c.req.Type)
		require.Equal(t, c.file, c.req.Outputs.File, c.typ)
	}
}
