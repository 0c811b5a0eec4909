package recorder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"

	"github.com/hindsight-app/hindsight/publish/api"
)

// JobFile is the name of a recording's file without its ending, beside Playlist and the segments.
const JobFile = "recording"

// maxReason is how much of LiveKit's reason for a failure is kept, in bytes.
const maxReason = 400

// ErrFile means that a track cannot become the kind of file that was asked for.
var ErrFile = errors.New("wrong kind of file")

// JobRequest asks for a recording of one of LiveKit's egress types. The request has been checked: what its type does
// not use is empty.
type JobRequest struct {
	api.RecordingRequest
	// Own are the identities of the user who asks. Tracks and participants must be theirs.
	Own []string
	// Everybody allows recording other participants, for callers with that right. A whole room needs it.
	Everybody bool
	// Folder is as in Request.
	Folder string
}

// mayRecord reports whether a participant may be recorded.
func (r JobRequest) mayRecord(identity string) bool {
	return r.Everybody || slices.Contains(r.Own, identity)
}

// JobStatus is what LiveKit says about a recording.
type JobStatus struct {
	Status
	// Ending says that the recorder has been stopped and finishes its files, which may have to be uploaded.
	Ending bool
	// Streams are its RTMP streams.
	Streams []api.RecordingStream
}

// Job starts a recording.
func (l *LiveKit) Job(ctx context.Context, r JobRequest) (JobStatus, error) {
	var size [2]int // of the video in pixels, zero where there is none or none is known
	err := l.await(ctx, r.RoomName, func(list []*livekit.ParticipantInfo) (err error) {
		size, err = subject(list, r)
		return err
	})
	if err != nil {
		return JobStatus{}, err
	}
	var info *livekit.EgressInfo
	switch r.Type {
	case api.TypeTrack:
		info, err = l.egress.StartTrackEgress(ctx, &livekit.TrackEgressRequest{RoomName: r.RoomName, TrackId: r.TrackID,
			Output: &livekit.TrackEgressRequest_File{File: l.directFile(r)}})
	case api.TypeParticipant:
		info, err = l.egress.StartParticipantEgress(ctx, &livekit.ParticipantEgressRequest{RoomName: r.RoomName,
			Identity: r.Identity, FileOutputs: l.files(r), SegmentOutputs: l.segments(r), StreamOutputs: streams(r),
			Options: &livekit.ParticipantEgressRequest_Advanced{Advanced: l.encoding(r, size)}})
	case api.TypeRoomComposite:
		info, err = l.egress.StartRoomCompositeEgress(ctx, &livekit.RoomCompositeEgressRequest{RoomName: r.RoomName,
			Layout: r.Layout.String(), AudioOnly: r.AudioOnly, FileOutputs: l.files(r), SegmentOutputs: l.segments(r),
			StreamOutputs: streams(r),
			Options:       &livekit.RoomCompositeEgressRequest_Advanced{Advanced: l.encoding(r, size)}})
	default:
		info, err = l.egress.StartTrackCompositeEgress(ctx, &livekit.TrackCompositeEgressRequest{RoomName: r.RoomName,
			VideoTrackId: r.VideoTrackID, AudioTrackId: r.AudioTrackID,
			FileOutputs: l.files(r), SegmentOutputs: l.segments(r), StreamOutputs: streams(r),
			Options: &livekit.TrackCompositeEgressRequest_Advanced{Advanced: l.encoding(r, size)}})
	}
	if err != nil {
		return JobStatus{}, refused(err)
	}
	return jobStatus(info), nil
}

func (l *LiveKit) directFile(r JobRequest) *livekit.DirectFileOutput {
	o := &livekit.DirectFileOutput{Filepath: path.Join(r.Folder, JobFile), DisableManifest: true}
	l.o.Upload.direct(o)
	return o
}

func (l *LiveKit) files(r JobRequest) []*livekit.EncodedFileOutput {
	if r.Outputs.File == "" {
		return nil
	}
	o := &livekit.EncodedFileOutput{Filepath: path.Join(r.Folder, JobFile+"."+r.Outputs.File.String()),
		DisableManifest: true, FileType: map[api.FileKind]livekit.EncodedFileType{
			api.FileMP4: livekit.EncodedFileType_MP4, api.FileOGG: livekit.EncodedFileType_OGG}[r.Outputs.File]}
	l.o.Upload.file(o)
	return []*livekit.EncodedFileOutput{o}
}

func (l *LiveKit) segments(r JobRequest) []*livekit.SegmentedFileOutput {
	if !r.Outputs.Segments {
		return nil
	}
	o := &livekit.SegmentedFileOutput{
		Protocol:        livekit.SegmentedFileProtocol_HLS_PROTOCOL,
		FilenamePrefix:  path.Join(r.Folder, SegmentPrefix),
		PlaylistName:    path.Join(r.Folder, Playlist),
		SegmentDuration: segmentSeconds, DisableManifest: true,
	}
	l.o.Upload.segments(o)
	return []*livekit.SegmentedFileOutput{o}
}

func streams(r JobRequest) []*livekit.StreamOutput {
	if len(r.Outputs.Streams) == 0 {
		return nil
	}
	return []*livekit.StreamOutput{{Protocol: livekit.StreamProtocol_RTMP, Urls: r.Outputs.Streams}}
}

// encoding is the quality of everything that is re-encoded; bitrates in kb/s.
func (l *LiveKit) encoding(r JobRequest, size [2]int) *livekit.EncodingOptions {
	o := &livekit.EncodingOptions{AudioCodec: livekit.AudioCodec_AAC, AudioBitrate: 160, AudioFrequency: 48000}
	if r.Outputs.File == api.FileOGG {
		o.AudioCodec = livekit.AudioCodec_OPUS
		return o
	}
	width, height := fit(size[0], size[1], l.o.MaxWidth, l.o.MaxHeight)
	o.Width, o.Height, o.Framerate = int32(width), int32(height), int32(l.o.FrameRate)
	o.VideoCodec, o.VideoBitrate = livekit.VideoCodec_H264_MAIN, int32(videoKbps(width, height, l.o.FrameRate))
	return o
}

// members lists who is in a room.
func (l *LiveKit) members(ctx context.Context, room string) ([]*livekit.ParticipantInfo, error) {
	list, err := l.rooms.ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: room})
	var te twirp.Error
	if errors.As(err, &te) && te.Code() == twirp.NotFound {
		return nil, fmt.Errorf("%w: room %q is empty; join it and publish first", ErrTrack, room)
	}
	if err != nil {
		return nil, refused(err)
	}
	return list.Participants, nil
}

// subject finds what is to be recorded, and refuses what is not the user's.
func subject(list []*livekit.ParticipantInfo, r JobRequest) (size [2]int, err error) {
	switch r.Type {
	case api.TypeTrack:
		return oneTrack(list, r)
	case api.TypeParticipant:
		return oneParticipant(list, r)
	case api.TypeRoomComposite:
		if !r.Everybody {
			return size, fmt.Errorf("%w: room %q as a whole is not yours to record", ErrForeign, r.RoomName)
		}
		if len(list) == 0 {
			return size, fmt.Errorf("%w: room %q is empty; join it and publish first", ErrTrack, r.RoomName)
		}
		if allEncrypted(list) {
			return size, fmt.Errorf("%w: all of room %q", ErrEncrypted, r.RoomName)
		}
		return size, nil
	}
	if r.VideoTrackID != "" {
		t, err := findTrack(list, r, r.VideoTrackID, livekit.TrackType_VIDEO)
		if err != nil {
			return size, err
		}
		size = [2]int{int(t.Width), int(t.Height)}
	}
	if r.AudioTrackID != "" {
		_, err = findTrack(list, r, r.AudioTrackID, livekit.TrackType_AUDIO)
	}
	return size, err
}

// allEncrypted is whether nothing in a room can be read by the server. What some share in plain can be recorded.
func allEncrypted(list []*livekit.ParticipantInfo) bool {
	encrypted, plain := 0, 0
	for _, p := range list {
		for _, t := range p.Tracks {
			if t.Encryption == livekit.Encryption_NONE {
				plain++
			} else {
				encrypted++
			}
		}
	}
	return encrypted > 0 && plain == 0
}

// anyKind lets findTrack take sound and video alike.
const anyKind livekit.TrackType = -1

func findTrack(list []*livekit.ParticipantInfo, r JobRequest, sid string, kind livekit.TrackType) (*livekit.TrackInfo,
	error) {
	for _, p := range list {
		for _, t := range p.Tracks {
			switch {
			case t.Sid != sid:
			case !r.mayRecord(p.Identity):
				return nil, fmt.Errorf("%w: %s is not yours to record", ErrForeign, sid)
			case kind != anyKind && t.Type != kind:
				return nil, fmt.Errorf("%w: %s is not %s", ErrTrack, sid, strings.ToLower(kind.String()))
			case t.Encryption != livekit.Encryption_NONE:
				return nil, fmt.Errorf("%w: %s; clips can be saved where it is shared", ErrEncrypted, sid)
			default:
				return t, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: nobody publishes %s in room %q", ErrTrack, sid, r.RoomName)
}

// oneTrack checks that the track's codec goes into the kind of file that is asked for.
func oneTrack(list []*livekit.ParticipantInfo, r JobRequest) (size [2]int, err error) {
	t, err := findTrack(list, r, r.TrackID, anyKind)
	if err != nil {
		return size, err
	}
	_, codec, _ := strings.Cut(strings.ToLower(t.MimeType), "/")
	kind := map[string]api.FileKind{"h264": api.FileMP4, "opus": api.FileOGG, "vp8": api.FileWebM,
		"vp9": api.FileWebM}[codec]
	switch {
	case kind == "":
		return size, fmt.Errorf("%w: a track of codec %s cannot be copied; use %s", ErrFile, cmp.Or(codec, "unknown"),
			api.TypeTrackComposite)
	case r.Outputs.File != "" && r.Outputs.File != kind:
		return size, fmt.Errorf("%w: %s holds %s, which becomes a file of kind %s; leave outputs.file empty", ErrFile,
			r.TrackID,
			codec, kind)
	}
	return [2]int{int(t.Width), int(t.Height)}, nil
}

// oneParticipant wants a camera or a microphone: Participant egress takes nothing else, and one with neither never ends
// to wait for them.
func oneParticipant(list []*livekit.ParticipantInfo, r JobRequest) (size [2]int, err error) {
	if !r.mayRecord(r.Identity) {
		return size, fmt.Errorf("%w: %q is not you", ErrForeign, r.Identity)
	}
	i := slices.IndexFunc(list, func(p *livekit.ParticipantInfo) bool { return p.Identity == r.Identity })
	if i < 0 {
		return size, fmt.Errorf("%w: %q is not in room %q", ErrTrack, r.Identity, r.RoomName)
	}
	found := false
	for _, t := range list[i].Tracks {
		if t.Encryption != livekit.Encryption_NONE {
			return size, fmt.Errorf("%w: %s; clips can be saved where it is shared", ErrEncrypted, t.Sid)
		}
		switch t.Source {
		case livekit.TrackSource_CAMERA:
			size, found = [2]int{int(t.Width), int(t.Height)}, true
		case livekit.TrackSource_MICROPHONE:
			found = true
		}
	}
	if !found {
		return size, fmt.Errorf("%w: %q publishes neither a camera nor a microphone, and type %s takes nothing else; for a "+
			"shared screen use %s",
			ErrTrack, r.Identity, api.TypeParticipant, api.TypeTrackComposite)
	}
	return size, nil
}

// JobStatus asks for a recording.
func (l *LiveKit) JobStatus(ctx context.Context, egressID string) (JobStatus, error) {
	info, err := l.info(ctx, egressID)
	if err != nil {
		return JobStatus{}, err
	}
	return jobStatus(info), nil
}

func jobStatus(info *livekit.EgressInfo) JobStatus {
	s := JobStatus{Status: status(info), Ending: info.Status == livekit.EgressStatus_EGRESS_ENDING}
	if s.Error = strings.Join(strings.Fields(s.Error), " "); len(s.Error) > maxReason {
		s.Error = strings.ToValidUTF8(s.Error[:maxReason], "") + "…" // a browser that dies says a lot
	}
	if info.StartedAt > 0 {
		s.Began = time.Unix(0, info.StartedAt)
	}
	for _, r := range info.StreamResults {
		stream := api.RecordingStream{URL: api.RedactStream(r.Url), State: api.StateActive, Error: r.Error}
		switch r.Status {
		case livekit.StreamInfo_FINISHED:
			stream.State = api.StateEnded
		case livekit.StreamInfo_FAILED:
			stream.State = api.StateFailed
		}
		s.Streams = append(s.Streams, stream)
	}
	return s
}
