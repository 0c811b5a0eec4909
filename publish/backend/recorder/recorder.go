// Package recorder has LiveKit record two tracks of a room by Track Composite egress, as HLS segments, and signs the
// tokens with which a user joins a room.
//
// It holds the API secret and has no goroutines; nothing needs closing.
package recorder

import (
	"cmp"
	"context"
	"errors"
	"path"
	"strings"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/twitchtv/twirp"

	"github.com/hindsight-app/hindsight/publish/api"
)

// What Start fails with; see errors.Is.
var (
	// ErrTrack means that a track is not published in the room, or is not of the right kind.
	ErrTrack = errors.New("track not found")
	// ErrEncrypted means that a track is end-to-end encrypted, so that no recorder can read it.
	ErrEncrypted = errors.New("the track is end-to-end encrypted, so the server cannot record it")
	// ErrForeign means that somebody else publishes the track.
	ErrForeign = errors.New("track of another participant")
	// ErrUnavailable means that LiveKit or its recorder does not respond or has no capacity for one more recording.
	ErrUnavailable = errors.New("recorder unavailable")
	// ErrUnknown means that LiveKit does not know the egress.
	ErrUnknown = errors.New("unknown egress")
)

// Names of the files in a recording's folder. Segments are SegmentPrefix_00000.ts and so on.
const (
	Playlist      = "full.m3u8" // grows for ever
	LivePlaylist  = "live.m3u8" // the last five segments, for players
	SegmentPrefix = "s"
)

// segmentSeconds is the length of a segment: what a clip waits for after its press.
const segmentSeconds = 4

// trackPatience is how long a track may take to appear in the room's list after its publisher got the id.
const trackPatience = 4 * time.Second

// Options say which LiveKit to use.
type Options struct {
	// URL is LiveKit's address for this service, ws(s):// or http(s)://.
	URL string
	// APIKey and APISecret sign tokens and calls.
	APIKey, APISecret string
	// FrameRate of the recording in frames a second; 0 is 30.
	FrameRate int
	// MaxWidth and MaxHeight bound the recording's frame size in pixels; larger ones are scaled down. 0 is 1920 and
	// 1080.
	MaxWidth, MaxHeight int
	// Upload is where the recorder's files go if not to a folder.
	Upload Upload
}

// LiveKit records by LiveKit Egress.
type LiveKit struct {
	o      Options
	rooms  *lksdk.RoomServiceClient
	egress *lksdk.EgressClient
	keys   auth.KeyProvider
}

// New makes a recorder; it does not connect.
func New(o Options) *LiveKit {
	o.FrameRate = cmp.Or(o.FrameRate, 30)
	o.MaxWidth, o.MaxHeight = cmp.Or(o.MaxWidth, 1920), cmp.Or(o.MaxHeight, 1080)
	return &LiveKit{
		o: o, rooms: lksdk.NewRoomServiceClient(o.URL, o.APIKey, o.APISecret),
		egress: lksdk.NewEgressClient(o.URL, o.APIKey, o.APISecret),
		keys:   auth.NewSimpleKeyProvider(o.APIKey, o.APISecret),
	}
}

// Request asks for a recording.
type Request struct {
	// ID is the recording's in the backend's storage.
	ID   string
	Room string
	// Identities are those of the participant that must publish both tracks.
	Identities []string
	// VideoTrack and AudioTrack are SIDs; AudioTrack may be empty.
	VideoTrack, AudioTrack string
	// Folder is where the recorder puts its files: the absolute path as the recorder sees it, or a prefix of keys in
	// the bucket of Options.Upload.
	Folder string
}

// Status is what LiveKit says about an egress.
type Status struct {
	EgressID string
	// State is never api.StateStopping: a recorder that is finishing its files counts as active.
	State api.State
	// Error is LiveKit's reason for a failure.
	Error string
	// Began is the recorder's wall clock when the first packet of the recording arrived, the zero of the recording's
	// running time; zero until known.
	Began time.Time
}

// Start checks that the tracks are the participant's and asks for a Track Composite egress.
func (l *LiveKit) Start(ctx context.Context, r Request) (Status, error) {
	video, _, err := l.Tracks(ctx, r)
	if err != nil {
		return Status{}, err
	}
	width, height := fit(int(video.Width), int(video.Height), l.o.MaxWidth, l.o.MaxHeight)
	output := &livekit.SegmentedFileOutput{
		Protocol:         livekit.SegmentedFileProtocol_HLS_PROTOCOL,
		FilenamePrefix:   path.Join(r.Folder, SegmentPrefix),
		PlaylistName:     path.Join(r.Folder, Playlist),
		LivePlaylistName: path.Join(r.Folder, LivePlaylist),
		SegmentDuration:  segmentSeconds,
		DisableManifest:  true,
	}
	l.o.Upload.segments(output)
	info, err := l.egress.StartTrackCompositeEgress(ctx, &livekit.TrackCompositeEgressRequest{
		RoomName: r.Room, VideoTrackId: r.VideoTrack, AudioTrackId: r.AudioTrack,
		SegmentOutputs: []*livekit.SegmentedFileOutput{output},
		Options: &livekit.TrackCompositeEgressRequest_Advanced{Advanced: &livekit.EncodingOptions{
			Width: int32(width), Height: int32(height), Framerate: int32(l.o.FrameRate),
			VideoCodec: livekit.VideoCodec_H264_MAIN, VideoBitrate: int32(videoKbps(width, height, l.o.FrameRate)),
			AudioCodec: livekit.AudioCodec_AAC, AudioBitrate: 160, AudioFrequency: 48000,
		}},
	})
	if err != nil {
		return Status{}, refused(err)
	}
	return status(info), nil
}

// Tracks waits until both tracks are published by one of the identities and returns them; audio is nil if none is
// asked for.
func (l *LiveKit) Tracks(ctx context.Context, r Request) (video, audio *livekit.TrackInfo, err error) {
	asked := JobRequest{RecordingRequest: api.RecordingRequest{RoomName: r.Room}, Own: r.Identities}
	err = l.await(ctx, r.Room, func(list []*livekit.ParticipantInfo) (err error) {
		video, err = findTrack(list, asked, r.VideoTrack, livekit.TrackType_VIDEO)
		if err == nil && r.AudioTrack != "" {
			audio, err = findTrack(list, asked, r.AudioTrack, livekit.TrackType_AUDIO)
		}
		return err
	})
	return video, audio, err
}

// await has find look at who is in a room until it finds the tracks it is about, or for trackPatience.
func (l *LiveKit) await(ctx context.Context, room string, find func([]*livekit.ParticipantInfo) error) error {
	deadline := time.Now().Add(trackPatience)
	for {
		list, err := l.members(ctx, room)
		if err == nil {
			err = find(list)
		}
		if !errors.Is(err, ErrTrack) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// fit scales a size down into bounds and makes both sides even, as 4:2:0 and the recorder want. An unknown size
// becomes the bounds.
func fit(width, height, maxWidth, maxHeight int) (int, int) {
	if width < 16 || height < 16 {
		return maxWidth, maxHeight
	}
	scale := min(1, float64(maxWidth)/float64(width), float64(maxHeight)/float64(height))
	if height > width { // a portrait frame may be as high as a landscape one is wide
		scale = min(1, float64(maxWidth)/float64(height), float64(maxHeight)/float64(width))
	}
	even := func(v int) int { return max(16, int(float64(v)*scale+0.5)&^1) }
	return even(width), even(height)
}

// videoKbps is 0.07 bit a pixel, 4.3 Mb/s for 1080p30, between 1 and 12 Mb/s; in kb/s, as EncodingOptions wants it.
func videoKbps(width, height, fps int) int {
	return min(12000, max(1000, width*height*fps*7/100/1000))
}

// Stop ends an egress; one that has ended already is fine.
func (l *LiveKit) Stop(ctx context.Context, egressID string) error {
	_, err := l.egress.StopEgress(ctx, &livekit.StopEgressRequest{EgressId: egressID})
	var te twirp.Error
	if errors.As(err, &te) && (te.Code() == twirp.FailedPrecondition || te.Code() == twirp.NotFound) {
		return nil
	}
	if err != nil {
		return refused(err)
	}
	return nil
}

// Status asks for an egress.
func (l *LiveKit) Status(ctx context.Context, egressID string) (Status, error) {
	info, err := l.info(ctx, egressID)
	if err != nil {
		return Status{}, err
	}
	return status(info), nil
}

// info is what LiveKit knows of an egress.
func (l *LiveKit) info(ctx context.Context, egressID string) (*livekit.EgressInfo, error) {
	list, err := l.egress.ListEgress(ctx, &livekit.ListEgressRequest{EgressId: egressID})
	var te twirp.Error
	switch {
	case errors.As(err, &te) && te.Code() == twirp.NotFound:
		return nil, ErrUnknown
	case err != nil:
		return nil, refused(err)
	case len(list.Items) == 0:
		return nil, ErrUnknown
	}
	return list.Items[0], nil
}

// Writing lists the egresses that run and write into the folder of a recording's id.
func (l *LiveKit) Writing(ctx context.Context, id string) (egressIDs []string, err error) {
	list, err := l.egress.ListEgress(ctx, &livekit.ListEgressRequest{Active: true})
	if err != nil {
		return nil, refused(err)
	}
	for _, info := range list.Items {
		// Every kind of request names its files in its own field; ids are long and random.
		if strings.Contains(info.String(), "/"+id+"/") {
			egressIDs = append(egressIDs, info.EgressId)
		}
	}
	return egressIDs, nil
}

// Ping asks LiveKit a cheap question.
func (l *LiveKit) Ping(ctx context.Context) error {
	if _, err := l.rooms.ListRooms(ctx, &livekit.ListRoomsRequest{Names: []string{"-"}}); err != nil {
		return refused(err)
	}
	return nil
}
