package embeddedtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/backend/embedded"
	"github.com/hindsight-app/hindsight/publish/backend/hls"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// subject is a recorder as the suite knows it.
type subject interface {
	Start(ctx context.Context, r recorder.Request) (recorder.Status, error)
	Stop(ctx context.Context, id string) error
	Status(ctx context.Context, id string) (recorder.Status, error)
}

// bench is a livekit-server with a participant who shares, and a storage folder.
type bench struct {
	*testing.T
	ctx     context.Context
	livekit *stack.LiveKit
	client  *recorder.LiveKit
	files   *storage.Storage
	loop    *backendtest.Loop
}

func newBench(t *testing.T, redis string) *bench {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	t.Cleanup(cancel)
	b := &bench{T: t, ctx: ctx}
	var err error
	b.livekit, err = stack.StartLiveKit(ctx, t.TempDir(), stack.LiveKitOptions{RedisAddr: redis})
	require.NoError(t, err)
	t.Cleanup(func() { b.livekit.Close() })
	b.client = recorder.New(recorder.Options{URL: b.livekit.URL, APIKey: b.livekit.APIKey, APISecret: b.livekit.APISecret})
	b.files, err = storage.Open(t.TempDir(), "")
	require.NoError(t, err)
	t.Cleanup(func() { b.files.Close() })
	b.loop, err = backendtest.NewLoop(ctx, t.TempDir(), 320, 180, 30)
	require.NoError(t, err)
	return b
}

func (b *bench) publish(identity string) *backendtest.Publisher {
	b.Helper()
	token, err := b.client.Join("room", identity, identity, time.Minute)
	require.NoError(b, err)
	pub, err := backendtest.Publish(b.livekit.URL, token, b.loop)
	require.NoError(b, err)
	b.Cleanup(func() { pub.Close() })
	return pub
}

// embedded makes a recorder in this process.
func (b *bench) embedded() *embedded.Recorder {
	r := embedded.New(embedded.Options{URL: b.livekit.URL, Rooms: b.client, Files: b.files, Log: slog.Default()})
	b.Cleanup(func() { r.Close() })
	return r
}

// request asks for a recording of what is published, in a folder of its own.
func (b *bench) request(pub *backendtest.Publisher) recorder.Request {
	b.Helper()
	r := recorder.Request{ID: state.NewID(), Room: "room", Identities: []string{"alice", "alice+hindsight"},
		VideoTrack: pub.VideoID, AudioTrack: pub.AudioID}
	var err error
	r.Folder, err = b.files.NewRecording(b.ctx, r.ID)
	require.NoError(b, err)
	return r
}

// playlist is what is stored of a recording.
func (b *bench) playlist(r recorder.Request) (p hls.Playlist) {
	b.Helper()
	text, err := b.files.ReadPlaylist(b.ctx, r.ID, 0)
	require.NoError(b, err)
	p.Append(text)
	return p
}

func (b *bench) eventually(what string, ok func() bool) {
	b.Helper()
	require.True(b, backendtest.Await(90*time.Second, ok), what)
}

// open reads a segment of either recorder.
func (b *bench) open(r recorder.Request, e hls.Entry) *hls.Segment {
	b.Helper()
	f, err := b.files.OpenSegment(b.ctx, r.ID, e.Name)
	require.NoError(b, err)
	defer f.Close()
	var s *hls.Segment
	if e.Header == "" {
		s, err = hls.ReadSegment(f)
	} else {
		h, err2 := b.files.OpenSegment(b.ctx, r.ID, e.Header)
		require.NoError(b, err2)
		defer h.Close()
		s, err = hls.ReadFragment(h, f)
	}
	require.NoError(b, err)
	return s
}

// Both recorders do the same, on the real servers. start makes the recorder; called again it is its process started
// again, which ends what was made before.
func conform(b *bench, start func() subject) {
	r := start()
	pub := b.publish("alice+hindsight")
	refusesWrongTracks(b, r, pub)

	req := b.request(pub)
	s, err := r.Start(b.ctx, req)
	require.NoError(b, err)
	require.Equal(b, api.StateStarting, s.State)
	b.completeSegments(req)
	b.eventually("active, and since when", func() bool {
		s, err = r.Status(b.ctx, s.EgressID)
		return err == nil && s.State == api.StateActive && !s.Began.IsZero()
	})
	require.WithinDuration(b, time.Now(), s.Began, time.Minute)

	r = start()
	require.NoError(b, r.Stop(b.ctx, s.EgressID), "stopping what was made before a restart")
	over(b, r, s.EgressID, req)

	req = b.request(pub)
	s, err = r.Start(b.ctx, req)
	require.NoError(b, err, "the same tracks again")
	b.eventually("a segment", func() bool { return len(b.playlist(req).Entries) >= 1 })
	require.NoError(b, r.Stop(b.ctx, s.EgressID))
	over(b, r, s.EgressID, req)
	require.NoError(b, r.Stop(b.ctx, s.EgressID), "stopping twice")

	req = b.request(pub)
	s, err = r.Start(b.ctx, req)
	require.NoError(b, err)
	b.eventually("a segment", func() bool { return len(b.playlist(req).Entries) >= 1 })
	require.NoError(b, pub.Close())
	over(b, r, s.EgressID, req)
}

// completeSegments waits for two segments in a row without a hole. While a recorder starts on a busy machine it loses
// packets, which is no fault of what it makes of the others; six segments are time enough to get into its stride.
func (b *bench) completeSegments(req recorder.Request) {
	b.Helper()
	const most = 6
	var lacks []string
	looked, whole := 0, 0
	b.eventually("two whole segments in a row", func() bool {
		for _, e := range b.playlist(req).Entries[looked:] {
			looked++
			if lack := b.lacks(req, e); lack != "" {
				whole, lacks = 0, append(lacks, lack)
			} else if whole++; whole == 2 {
				return true
			}
			require.Less(b, looked, most, "no two of the first segments in a row are whole: %v", lacks)
		}
		return false
	})
}

// lacks says what a segment lacks; nothing if it is whole.
func (b *bench) lacks(req recorder.Request, e hls.Entry) string {
	b.Helper()
	seg := b.open(req, e)
	require.NotEmpty(b, seg.Video, "%v", e)
	require.True(b, seg.Video[0].Sync, "a segment begins with a keyframe")
	var heard time.Duration
	for _, s := range seg.Audio {
		heard += s.Duration
	}
	frames := e.Duration.Seconds() * 30
	if missing := math.Abs(frames - float64(len(seg.Video))); missing > 4 || heard < e.Duration*8/10 {
		return fmt.Sprintf("%s of %v has %d frames and %v of sound", e.Name, e.Duration, len(seg.Video), heard)
	}
	return ""
}

// over waits until a recording has ended well, or is of before a restart, and its playlist is closed.
func over(b *bench, r subject, id string, req recorder.Request) {
	b.Helper()
	b.eventually("the recording ends", func() bool {
		s, err := r.Status(b.ctx, id)
		return err == nil && s.State == api.StateEnded
	})
	b.eventually("the playlist is closed", func() bool { return b.playlist(req).Ended })
}

func refusesWrongTracks(b *bench, r subject, pub *backendtest.Publisher) {
	b.Helper()
	for name, wrong := range map[string]func(*recorder.Request){
		"other identity": func(r *recorder.Request) { r.Identities = []string{"bob"} },
		"swapped kinds":  func(r *recorder.Request) { r.VideoTrack, r.AudioTrack = r.AudioTrack, r.VideoTrack },
		"no such track":  func(r *recorder.Request) { r.AudioTrack = "TR_none" },
		"no such room":   func(r *recorder.Request) { r.Room = "elsewhere" },
	} {
		req := b.request(pub)
		wrong(&req)
		_, err := r.Start(b.ctx, req)
		require.Truef(b, errors.Is(err, recorder.ErrTrack) || errors.Is(err, recorder.ErrForeign), "%s: %v", name, err)
	}
}

func TestEmbeddedConforms(t *testing.T) {
	b := newBench(t, "")
	var r *embedded.Recorder
	conform(b, func() subject {
		if r != nil {
			require.NoError(t, r.Close())
		}
		r = b.embedded()
		return r
	})
	require.NoError(t, r.Close())
	require.NoError(t, r.Close(), "closing twice")
}

// LiveKit Egress, which is asked for Track Composite and for exactly the two tracks.
func TestLiveKitConforms(t *testing.T) {
	redis, err := stack.StartRedis(t.Context(), t.TempDir())
	require.NoError(t, err)
	defer redis.Close()
	b := newBench(t, redis.Addr)
	egress, err := stack.StartEgress(b.ctx, t.TempDir(), stack.EgressOptions{RedisAddr: redis.Addr, LiveKit: b.livekit})
	require.NoError(t, err)
	defer func() {
		egress.Close()
		if t.Failed() {
			t.Logf("the recorder's last words:\n%s", egress.Tail(3000))
		}
	}()
	require.NoError(t, b.client.Ping(b.ctx))
	conform(b, func() subject {
		b.client = recorder.New(recorder.Options{URL: b.livekit.URL, APIKey: b.livekit.APIKey,
			APISecret: b.livekit.APISecret})
		return b.client
	})
	list, err := lksdk.NewEgressClient(b.livekit.URL, b.livekit.APIKey, b.livekit.APISecret).
		ListEgress(b.ctx, &livekit.ListEgressRequest{RoomName: "room"})
	require.NoError(t, err)
	require.Len(t, list.Items, 3)
	for _, e := range list.Items {
		composite := e.GetTrackComposite()
		require.NotNil(t, composite, "the egress is not of type Track Composite")
		require.NotEmpty(t, composite.VideoTrackId)
		require.NotEmpty(t, composite.AudioTrackId)
	}

	pub := b.publish("alice+hindsight")
	req := b.request(pub)
	s, err := b.client.Start(b.ctx, req)
	require.NoError(t, err)
	writing, err := b.client.Writing(b.ctx, req.ID)
	require.NoError(t, err)
	require.Equal(t, []string{s.EgressID}, writing)
	writing, err = b.client.Writing(b.ctx, state.NewID())
	require.NoError(t, err)
	require.Empty(t, writing)
	require.NoError(t, b.client.Stop(b.ctx, s.EgressID))
}

// The choice is the flag's, or LiveKit's own word on whether it is set up for egress.
func TestChoice(t *testing.T) {
	redis, err := stack.StartRedis(t.Context(), t.TempDir())
	require.NoError(t, err)
	defer redis.Close()
	for name, addr := range map[embedded.Kind]string{embedded.ChooseEmbedded: "", embedded.ChooseLiveKit: redis.Addr} {
		lk, err := stack.StartLiveKit(t.Context(), t.TempDir(), stack.LiveKitOptions{RedisAddr: addr})
		require.NoError(t, err)
		client := recorder.New(recorder.Options{URL: lk.URL, APIKey: lk.APIKey, APISecret: lk.APISecret})
		chosen, err := embedded.Choose(embedded.ChooseAuto, client, nil, slog.Default()).Decide(t.Context())
		require.NoError(t, err)
		require.Equal(t, name, chosen)
		require.NoError(t, lk.Signal(syscall.SIGKILL))
		<-lk.Done()
		_, err = embedded.Choose(embedded.ChooseAuto, client, nil, slog.Default()).Decide(t.Context())
		require.ErrorIs(t, err, recorder.ErrUnavailable, "LiveKit does not answer")
		for _, set := range []embedded.Kind{embedded.ChooseEmbedded, embedded.ChooseLiveKit} {
			chosen, err := embedded.Choose(set, client, nil, slog.Default()).Decide(t.Context())
			require.NoError(t, err)
			require.Equal(t, set, chosen)
		}
	}
}
