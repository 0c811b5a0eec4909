package backend_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/client"
)

// publishCamera joins the room as the user in person.
func (b *bench) publishCamera(room, identity string) *backendtest.Publisher {
	b.Helper()
	token, err := auth.NewAccessToken(b.livekit.APIKey, b.livekit.APISecret).SetIdentity(identity).
		SetValidFor(time.Minute).SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: room}).ToJWT()
	require.NoError(b, err)
	pub, err := backendtest.PublishCamera(b.livekit.URL, token, b.loop)
	require.NoError(b, err)
	b.Cleanup(func() { pub.Close() })
	return pub
}

func (b *bench) record(req api.RecordingRequest) *api.Recording {
	b.Helper()
	rec, err := b.client.Record(b.ctx, req)
	require.NoError(b, err)
	require.Equal(b, api.StateStarting, rec.State)
	return rec
}

func (b *bench) waitRecording(id string, state api.State) *api.Recording {
	b.Helper()
	var rec *api.Recording
	b.eventually(90*time.Second, "recording "+state.String(), func() (ok bool) {
		var err error
		rec, err = b.client.Recording(b.ctx, id)
		require.NoError(b, err)
		if state != api.StateFailed {
			require.NotEqual(b, api.StateFailed, rec.State, rec.LastError)
		}
		return rec.State == state
	})
	return rec
}

// waitSegments waits until a recording's playlist, as a player would load it, names count segments.
func (b *bench) waitSegments(id string, count int) {
	b.Helper()
	b.eventually(90*time.Second, "segments of the recording", func() bool {
		var list strings.Builder
		rec, err := b.client.Recording(b.ctx, id)
		require.NoError(b, err)
		require.NotEqual(b, api.StateFailed, rec.State, rec.LastError)
		_, err = b.calls().RecordingFile(b.ctx, id, "full.m3u8", &list)
		return err == nil && strings.Count(list.String(), "#EXTINF") >= count
	})
}

// finish stops a recording and returns its files, downloaded into a folder.
func (b *bench) finish(id string) (*api.Recording, string) {
	b.Helper()
	rec, err := b.client.StopRecording(b.ctx, id)
	require.NoError(b, err)
	require.Contains(b, []api.State{api.StateStopping, api.StateEnded}, rec.State)
	rec = b.waitRecording(id, api.StateEnded)
	require.NotNil(b, rec.StartedAt)
	require.NotNil(b, rec.EndedAt)
	dir := b.TempDir()
	for _, f := range rec.Files {
		out, err := os.Create(filepath.Join(dir, f.Name))
		require.NoError(b, err)
		n, err := b.calls().RecordingFile(b.ctx, id, f.Name, out)
		require.NoError(b, errors.Join(err, out.Close()))
		require.Equal(b, f.Bytes, n)
	}
	return rec, dir
}

// holds wants a file with these codecs, longer than least.
func (b *bench) holds(file string, least time.Duration, codecs ...string) {
	b.Helper()
	found, length, err := backendtest.Probe(b.ctx, file)
	require.NoError(b, err)
	var got []string
	for _, s := range found {
		got = append(got, s.Codec)
	}
	require.ElementsMatch(b, codecs, got, file)
	require.Greater(b, length, least, file)
	b.Logf("%s: %v, %v", filepath.Base(file), got, length)
}

// The types that need no browser, on the real recorder, to files, segments and a real RTMP server.
func TestRecordingsOnRealStack(t *testing.T) {
	rtmp, err := stack.StartRTMP(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { rtmp.Close() })
	b := newBench(t, with{egress: true, backend: stack.BackendOptions{Scopes: "publish,record",
		Args: []string{"--stream-to", rtmp.URL + ",rtmp://127.0.0.1:1/live"}}})

	screen := b.publish("composite")
	composite := api.RecordingRequest{RoomName: "composite", VideoTrackID: screen.VideoID, AudioTrackID: screen.AudioID,
		Outputs: api.RecordingOutputs{File: api.FileMP4, Segments: true, Streams: []string{rtmp.URL + "/verysecretkey"}}}
	rec := b.record(composite)
	require.Equal(t, api.TypeTrackComposite, rec.Type)
	b.refusals(composite, rec, screen)

	b.waitSegments(rec.RecordingID, 2)
	_, err = b.calls().RecordingFile(b.ctx, rec.RecordingID, "recording.mp4", io.Discard)
	require.ErrorContains(t, err, api.ProblemConflict, "a file that is not finished")
	done, dir := b.finish(rec.RecordingID)
	b.holds(filepath.Join(dir, "recording.mp4"), 6*time.Second, "h264", "aac")
	b.checkSegments(done, dir, 6*time.Second)
	b.holds(filepath.Join(rtmp.Folder, "verysecretkey.flv"), 5*time.Second, "h264", "aac")
	require.Equal(t, []api.RecordingStream{{URL: rtmp.URL + "/…", State: api.StateEnded}}, done.Streams)
	marks, err := backendtest.FindMarks(b.ctx, filepath.Join(dir, "recording.mp4"))
	require.NoError(t, err)
	offset, pairs := marks.Offset()
	require.GreaterOrEqual(t, pairs, 2)
	t.Logf("sound against video %v", offset)
	require.LessOrEqual(t, offset.Abs(), 150*time.Millisecond, "LiveKit's own tests allow 300 ms")
	b.deleted(rec.RecordingID)

	b.tracksAlone(screen)
	b.participant()
}

// tracksAlone records each of two tracks as it is, without encoding, and beside them a stream that nobody takes.
func (b *bench) tracksAlone(pub *backendtest.Publisher) {
	b.Helper()
	video := b.record(api.RecordingRequest{RoomName: "composite", Type: api.TypeTrack, TrackID: pub.VideoID})
	sound := b.record(api.RecordingRequest{RoomName: "composite", Type: api.TypeTrack, TrackID: pub.AudioID})
	b.waitRecording(video.RecordingID, api.StateActive)
	b.waitRecording(sound.RecordingID, api.StateActive)
	both := time.Now()
	deaf := b.publish("deaf")
	lost := b.record(api.RecordingRequest{RoomName: "deaf", VideoTrackID: deaf.VideoID,
		Outputs: api.RecordingOutputs{Streams: []string{"rtmp://127.0.0.1:1/live/nobody"}}})
	failed := b.waitRecording(lost.RecordingID, api.StateFailed)
	require.NotEmpty(b, failed.LastError)
	require.NoError(b, deaf.Close())
	b.eventually(time.Minute, "something to record", func() bool { return time.Since(both) > 5*time.Second })
	_, err := b.client.StopRecording(b.ctx, sound.RecordingID) // while the other is finished
	require.NoError(b, err)
	_, dir := b.finish(video.RecordingID)
	b.holds(filepath.Join(dir, "recording.mp4"), 4*time.Second, "h264")
	_, dir = b.finish(sound.RecordingID)
	b.holds(filepath.Join(dir, "recording.ogg"), 4*time.Second, "opus")
}

// participant records somebody's camera and microphone.
func (b *bench) participant() {
	b.Helper()
	b.publishCamera("people", "alice")
	rec := b.record(api.RecordingRequest{RoomName: "people", Type: api.TypeParticipant,
		Outputs: api.RecordingOutputs{File: api.FileMP4, Segments: true}})
	require.Equal(b, "alice", rec.Identity)
	b.waitSegments(rec.RecordingID, 1)
	done, dir := b.finish(rec.RecordingID)
	b.holds(filepath.Join(dir, "recording.mp4"), 3*time.Second, "h264", "aac")
	b.checkSegments(done, dir, 3*time.Second)
}

// checkSegments joins the segments that the playlist names.
func (b *bench) checkSegments(rec *api.Recording, dir string, least time.Duration) {
	b.Helper()
	list, err := os.ReadFile(filepath.Join(dir, "full.m3u8"))
	require.NoError(b, err)
	require.Contains(b, string(list), "#EXT-X-ENDLIST")
	for _, line := range strings.Fields(string(list)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f, err := os.Create(filepath.Join(dir, line))
		require.NoError(b, err)
		_, err = b.calls().RecordingFile(b.ctx, rec.RecordingID, line, f)
		require.NoError(b, errors.Join(err, f.Close()))
	}
	b.holds(filepath.Join(dir, "full.m3u8"), least, "h264", "aac")
}

// refusals are of what cannot be done while a recording runs, or not by this user.
func (b *bench) refusals(req api.RecordingRequest, rec *api.Recording, pub *backendtest.Publisher) {
	b.Helper()
	again, err := b.client.Record(b.ctx, req)
	require.NoError(b, err)
	require.Equal(b, rec.RecordingID, again.RecordingID)
	_, err = b.client.Record(b.ctx, api.RecordingRequest{RoomName: "composite", Type: api.TypeTrack, TrackID: pub.VideoID})
	require.ErrorIs(b, err, client.ErrInvalid)
	require.ErrorContains(b, err, "cannot change its type")
	require.ErrorContains(b, err, "/recordings/"+rec.RecordingID+"/stop")
	other := req
	other.Outputs = api.RecordingOutputs{Segments: true}
	_, err = b.client.Record(b.ctx, other)
	require.ErrorContains(b, err, "cannot change its outputs")
	require.ErrorContains(b, b.calls().DeleteRecording(b.ctx, rec.RecordingID), "not over")

	// A shared screen is nothing for Participant, and others' things are others'.
	b.publish("screens")
	_, err = b.client.Record(b.ctx, api.RecordingRequest{RoomName: "screens", Type: api.TypeParticipant})
	require.ErrorIs(b, err, client.ErrTrack)
	secret := b.token("--identity", "bob").Token
	bob, err := client.New(b.backend.URL, secret)
	require.NoError(b, err)
	_, err = bob.Record(b.ctx, api.RecordingRequest{RoomName: "composite", VideoTrackID: pub.VideoID})
	require.ErrorIs(b, err, client.ErrRoom)
	_, err = bob.Record(b.ctx, api.RecordingRequest{RoomName: "composite", Type: api.TypeRoomComposite})
	require.ErrorIs(b, err, client.ErrRoom)
	_, err = bob.Recording(b.ctx, rec.RecordingID)
	require.ErrorIs(b, err, client.ErrNotFound)
	_, err = bob.StopRecording(b.ctx, rec.RecordingID)
	require.ErrorIs(b, err, client.ErrNotFound)
	bobs := backendtest.Calls{URL: b.backend.URL, Token: secret}
	_, err = bobs.RecordingFile(b.ctx, rec.RecordingID, "full.m3u8", io.Discard)
	require.ErrorContains(b, err, api.ProblemNotFound)
	list, err := bobs.Recordings(b.ctx)
	require.NoError(b, err)
	require.Empty(b, list)

	// Who may only watch sees everybody's and changes nothing.
	carol, err := client.New(b.backend.URL, b.token("--identity", "carol", "--scopes", "view").Token)
	require.NoError(b, err)
	seen, err := carol.Recording(b.ctx, rec.RecordingID)
	require.NoError(b, err)
	require.Equal(b, rec.EgressID, seen.EgressID)
	_, err = carol.StopRecording(b.ctx, rec.RecordingID)
	require.ErrorContains(b, err, "not yours")
	_, err = carol.Record(b.ctx, req)
	require.ErrorContains(b, err, "can only view")
}

// deleted deletes a recording and looks that nothing is left.
func (b *bench) deleted(id string) {
	b.Helper()
	list, err := b.calls().Recordings(b.ctx)
	require.NoError(b, err)
	before := len(list)
	require.NoError(b, b.calls().DeleteRecording(b.ctx, id))
	_, err = b.client.Recording(b.ctx, id)
	require.ErrorIs(b, err, client.ErrNotFound)
	_, err = os.Stat(filepath.Join(b.backend.Folder, "segments", id))
	require.ErrorIs(b, err, os.ErrNotExist)
	list, err = b.calls().Recordings(b.ctx)
	require.NoError(b, err)
	require.Len(b, list, before-1)
}

// The whole room, captured by a browser: what two people publish side by side.
func TestRoomCompositeOnRealStack(t *testing.T) {
	b := newBench(t, with{browser: true, backend: stack.BackendOptions{Scopes: "publish,record",
		Args: []string{"--max-width", "320", "--max-height", "180", "--frame-rate", "15"}}})
	b.publish("meeting")
	b.publishCamera("meeting", "bob")
	rec := b.record(api.RecordingRequest{RoomName: "meeting", Type: api.TypeRoomComposite,
		Outputs: api.RecordingOutputs{File: api.FileMP4, Segments: true}})
	require.Equal(t, api.LayoutGrid, rec.Layout)
	b.waitSegments(rec.RecordingID, 2)
	done, dir := b.finish(rec.RecordingID)
	file := filepath.Join(dir, "recording.mp4")
	b.holds(file, 4*time.Second, "h264", "aac")
	b.checkSegments(done, dir, 4*time.Second)
	sound, err := exec.CommandContext(b.ctx, "ffmpeg", "-v", "error", "-i", file, "-vn", "-ac", "1", "-f", "u8",
		"-").Output()
	require.NoError(t, err)
	require.NotEmpty(t, sound)
	require.Greater(t, slices.Max(sound), byte(170), "the clicks of the room's sound are not in it: silence is 128")
	out, err := exec.CommandContext(b.ctx, "ffmpeg", "-v", "error", "-ss", "3", "-i", file, "-frames:v", "1", "-vf",
		"scale=1:1",
		"-f", "rawvideo", "-pix_fmt", "gray", "-").Output()
	require.NoError(t, err)
	require.Len(t, out, 1)
	require.Greater(t, out[0], byte(60), "the page is empty: without frames it is nearly black")
}
