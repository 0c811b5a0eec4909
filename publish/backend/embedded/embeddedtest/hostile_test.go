package embeddedtest

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/backend/embedded"
	"github.com/hindsight-app/hindsight/publish/backend/hls"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// videoRate and soundRate are the clocks of the tracks (RFC 6184, 7587).
const videoRate, soundRate = 90_000, 48_000

// largestUnit is what the recorder takes as one access unit at most, in bytes.
const largestUnit = 4 << 20

// mostLate and mostEarly are how far from its arrival the recorder dates something.
const mostLate, mostEarly = 30 * time.Second, 5 * time.Second

// packet20 is one stereo frame of 20 ms.
var packet20 = []byte{0xfc, 1, 2, 3}

// frame is an access unit in Annex B.
func frame(key bool) []byte {
	if !key {
		return []byte{0, 0, 0, 1, 0x41, 1, 2, 3}
	}
	return []byte{0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00,
		0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20, // SPS of 1920 × 1080
		0, 0, 0, 1, 0x68, 0xcb, 0x8c, 0xb2, 0, 0, 0, 1, 0x65, 1, 2, 3}
}

// honest stamps what is captured at a moment.
func honest(rate, base int64) func(time.Duration) uint32 {
	return func(at time.Duration) uint32 { return uint32(base + media.ToTicks(at, rate)) }
}

// sender writes packets of its own making to two tracks of a real room.
type sender struct {
	*testing.T
	video, sound       *lksdk.LocalTrack
	videoSeq, soundSeq uint16
	begun              time.Time
	played             time.Duration
}

// join publishes two tracks and returns their ids.
func (s *sender) join(url, token string) (videoID, soundID string) {
	s.Helper()
	room, err := lksdk.ConnectToRoomWithToken(url, token, lksdk.NewRoomCallback(),
		lksdk.WithLogger(logger.LogRLogger(logr.Discard())))
	require.NoError(s, err)
	s.Cleanup(room.Disconnect)
	s.video, err = lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: videoRate,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"})
	require.NoError(s, err)
	s.sound, err = lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: soundRate,
		Channels: 2})
	require.NoError(s, err)
	v, err := room.LocalParticipant.PublishTrack(s.video, &lksdk.TrackPublicationOptions{
		Source: livekit.TrackSource_SCREEN_SHARE, VideoWidth: 1920, VideoHeight: 1080})
	require.NoError(s, err)
	a, err := room.LocalParticipant.PublishTrack(s.sound, &lksdk.TrackPublicationOptions{
		Source: livekit.TrackSource_SCREEN_SHARE_AUDIO, Stereo: true, DisableDTX: true})
	require.NoError(s, err)
	s.begun = time.Now()
	return v.SID(), a.SID()
}

func (s *sender) send(video, marker bool, stamp uint32, payload []byte) {
	track, seq := s.sound, &s.soundSeq
	if video {
		track, seq = s.video, &s.videoSeq
	}
	// Without an audience the server may be slow to bind a track; then there is nowhere to write to.
	_ = track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: *seq, Marker: marker, Timestamp: stamp},
		Payload: payload}, nil)
	*seq++
}

// play sends for a while, 25 frames a second. stamps and the packets of a frame are what the hostile change.
func (s *sender) play(d time.Duration, stamp, soundStamp func(at time.Duration) uint32,
	packets func(at time.Duration) [][]byte) {
	for end := s.played + d; s.played < end; s.played += 20 * time.Millisecond {
		timer := time.NewTimer(time.Until(s.begun.Add(s.played)))
		<-timer.C
		if s.played%(40*time.Millisecond) == 0 {
			list := packets(s.played)
			for i, p := range list {
				s.send(true, i == len(list)-1, stamp(s.played), p)
			}
		}
		s.send(false, false, soundStamp(s.played), packet20)
	}
}

// goodFrames are proper ones, with a key frame each second.
func goodFrames(at time.Duration) [][]byte {
	return (&codecs.H264Payloader{}).Payload(1200, frame(at%time.Second == 0))
}

// What a hostile client sends through a real LiveKit server costs the recorder neither memory nor its place in time,
// and it goes on with what is good afterwards.
func TestHostilePacketsThroughARealServer(t *testing.T) {
	ctx := t.Context()
	lk, err := stack.StartLiveKit(ctx, t.TempDir(), stack.LiveKitOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { lk.Close() })
	client := recorder.New(recorder.Options{URL: lk.URL, APIKey: lk.APIKey, APISecret: lk.APISecret})
	dir := t.TempDir()
	files, err := storage.Open(dir, "")
	require.NoError(t, err)
	t.Cleanup(func() { files.Close() })
	r := embedded.New(embedded.Options{URL: lk.URL, Rooms: client, Files: files, Log: slog.Default()})
	t.Cleanup(func() { r.Close() })
	token, err := client.Join("den", "mallory", "mallory", time.Minute)
	require.NoError(t, err)
	mallory := &sender{T: t}
	req := recorder.Request{ID: state.NewID(), Room: "den", Identities: []string{"mallory"}}
	req.VideoTrack, req.AudioTrack = mallory.join(lk.URL, token)
	folder, err := files.NewRecording(ctx, req.ID)
	require.NoError(t, err)
	req.Folder = folder
	began := time.Now()
	video, sound := honest(videoRate, 7000), honest(soundRate, 3000)
	mallory.play(time.Second, video, sound, goodFrames) // a track is announced with its first packets
	started, err := r.Start(ctx, req)
	require.NoError(t, err)
	mallory.play(4*time.Second, video, sound, goodFrames)

	highest := watchHeap(t)
	for name, attack := range map[string]func(){
		"an hour ahead at each key frame": func() {
			mallory.play(3*time.Second, func(at time.Duration) uint32 {
				return video(at) + uint32(at/time.Second)*3600*videoRate
			}, func(at time.Duration) uint32 { return sound(at) + uint32(at/time.Second)*3600*soundRate }, goodFrames)
		},
		"one timestamp for ever, without a marker": func() {
			payload := append([]byte{0x41}, make([]byte, 1100)...)
			for begun := mallory.played; mallory.played < begun+2*time.Second; {
				for range 3 * largestUnit / len(payload) / 100 {
					mallory.send(true, false, video(begun), payload)
				}
				mallory.play(20*time.Millisecond, video, honest(0, 1), func(time.Duration) [][]byte { return nil })
			}
		},
		"garbage": func() {
			random := rand.NewChaCha8([32]byte{1})
			mallory.play(3*time.Second, func(time.Duration) uint32 { return uint32(random.Uint64()) },
				func(time.Duration) uint32 { return uint32(random.Uint64()) }, func(time.Duration) (out [][]byte) {
					for range 20 {
						b := make([]byte, 1+random.Uint64()%1100)
						_, _ = random.Read(b)
						out = append(out, b)
					}
					return out
				})
		},
	} {
		attack()
		s, err := r.Status(ctx, started.EgressID)
		require.NoError(t, err)
		require.Equal(t, api.StateActive, s.State, "%s: %s", name, s.Error)
	}
	grew := highest()
	t.Logf("the heap grew by %d MiB", grew>>20)
	require.Less(t, grew, uint64(48<<20))

	back := time.Now()
	entries := func() []hls.Entry {
		text, err := files.ReadPlaylist(ctx, req.ID, 0)
		require.NoError(t, err)
		var p hls.Playlist
		p.Append(text)
		return p.Entries
	}
	require.True(t, backendtest.Await(30*time.Second, func() bool {
		mallory.play(time.Second, video, sound, goodFrames)
		list := entries()
		last := list[len(list)-1]
		return last.Wall.After(back)
	}), "what is good again is not recorded")
	require.NoError(t, r.Stop(ctx, started.EgressID))
	s, err := r.Status(ctx, started.EgressID)
	require.NoError(t, err)
	require.Equal(t, api.StateEnded, s.State, s.Error)

	list := entries()
	require.True(t, slices.IsSortedFunc(list, func(a, b hls.Entry) int { return a.Wall.Compare(b.Wall) }))
	for _, e := range list {
		require.True(t, e.Wall.After(began.Add(-mostLate)), "%v", e)
		require.True(t, e.Wall.Add(e.Duration).Before(time.Now().Add(mostEarly)), "%v", e)
		head, err1 := os.ReadFile(filepath.Join(folder, e.Header))
		body, err2 := os.ReadFile(filepath.Join(folder, e.Name))
		require.NoError(t, err1)
		require.NoError(t, err2)
		_, err := hls.ReadFragment(bytes.NewReader(head), bytes.NewReader(body))
		require.NoError(t, err, "%v", e)
	}
}

// watchHeap looks every few milliseconds how much memory is in use, until stop is called, which returns by how much it
// grew at most.
func watchHeap(t *testing.T) (stop func() (bytes uint64)) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 { metrics.Read(sample); return sample[0].Value.Uint64() }
	idle := read()
	highest, ended := idle, make(chan struct{})
	var over atomic.Bool
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for !over.Load() {
			highest = max(highest, read())
			<-tick.C
		}
	}()
	stop = func() uint64 { over.Store(true); <-ended; return max(highest, idle) - idle }
	t.Cleanup(func() { stop() })
	return stop
}
