package publishtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/go-logr/logr"
	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	protologger "github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"
	"github.com/pion/webrtc/v4/pkg/media/samplebuilder"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	hindsightlivekit "github.com/hindsight-app/hindsight/publish/livekit"
)

// Unit is one received frame or Opus packet.
type Unit struct {
	// RTP is its time stamp in ticks of the track's clock.
	RTP  uint32
	Data []byte
	Key  bool
	// Arrived is when its first RTP packet came, Whole when its last did.
	Arrived, Whole time.Time
}

// Report is one received sender report (RFC 3550, 6.4.1).
type Report struct {
	NTP time.Time
	RTP uint32
}

// Stream is one received track. Its methods may be called at any time.
type Stream struct {
	// Info is what the server says about the track, Identity whose it is.
	Info     *livekit.TrackInfo
	Identity string

	pub    *lksdk.RemoteTrackPublication
	kind   media.Track
	vp8    bool
	ssrc   webrtc.SSRC
	writer func(webrtc.SSRC)

	mu      sync.Mutex
	units   []Unit
	packets []*rtp.Packet
	arrived []time.Time // of packets
	width   int         // of the frames that come
	frames  int         // of that width
	reports []Report
}

// Subscriber is a viewer in a room that keeps what it receives.
type Subscriber struct {
	room *lksdk.Room
	wg   sync.WaitGroup

	mu      sync.Mutex
	streams []*Stream
}

// Subscribe joins a room as a hidden viewer and receives every screen shared there.
func Subscribe(ctx context.Context, url, key, secret, room string) (*Subscriber, error) {
	return subscribe(ctx, url, key, secret, room, "test-viewer", true)
}

// SubscribeAs is Subscribe for a viewer whom the others see, by this name.
func SubscribeAs(ctx context.Context, url, key, secret, room, identity string) (*Subscriber, error) {
	return subscribe(ctx, url, key, secret, room, identity, false)
}

func subscribe(ctx context.Context, url, key, secret, room, identity string, hidden bool) (*Subscriber, error) {
	hindsightlivekit.QuietClient()
	s := &Subscriber{}
	token, err := auth.NewAccessToken(key, secret).SetIdentity(identity).SetVideoGrant(&auth.VideoGrant{
		RoomJoin: true, Room: room, Hidden: hidden,
	}).ToJWT()
	if err != nil {
		return nil, err
	}
	quiet := protologger.LogRLogger(logr.Discard())
	s.room = lksdk.NewRoom(&lksdk.RoomCallback{
		ParticipantCallback: lksdk.ParticipantCallback{OnTrackSubscribed: s.onTrack},
	})
	s.room.SetLogger(quiet)
	if err := s.room.JoinWithContextAndToken(ctx, url, token, lksdk.WithLogger(quiet)); err != nil {
		return nil, fmt.Errorf("the viewer cannot join: %w", err)
	}
	return s, nil
}

func (s *Subscriber) onTrack(track *webrtc.TrackRemote, pub *lksdk.RemoteTrackPublication, p *lksdk.RemoteParticipant) {
	st := &Stream{Info: pub.TrackInfo(), Identity: p.Identity(), pub: pub, ssrc: track.SSRC(), writer: p.WritePLI}
	var depacketizer rtp.Depacketizer
	switch pub.Source() {
	case livekit.TrackSource_SCREEN_SHARE:
		st.kind, depacketizer = media.Video, &codecs.H264Packet{}
		if st.vp8 = track.Codec().MimeType == webrtc.MimeTypeVP8; st.vp8 {
			depacketizer = &codecs.VP8Packet{}
		}
	case livekit.TrackSource_SCREEN_SHARE_AUDIO, livekit.TrackSource_MICROPHONE:
		st.kind, depacketizer = media.Opus, &codecs.OpusPacket{}
	default:
		return
	}
	pub.OnRTCP(st.onRTCP)
	s.mu.Lock()
	s.streams = append(s.streams, st)
	s.mu.Unlock()
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		st.receive(track, depacketizer)
	}()
}

func (st *Stream) receive(track *webrtc.TrackRemote, depacketizer rtp.Depacketizer) {
	builder := samplebuilder.New(1024, depacketizer, track.Codec().ClockRate)
	// By RTP time, of units that are not whole yet: when the first and the last packet came.
	arrived, whole := map[uint32]time.Time{}, map[uint32]time.Time{}
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		now := time.Now()
		if _, known := arrived[packet.Timestamp]; !known {
			arrived[packet.Timestamp] = now
		}
		if len(packet.Payload) > 0 { // a server may fill up with padding
			whole[packet.Timestamp] = now
		}
		builder.Push(packet)
		st.mu.Lock()
		st.packets, st.arrived = append(st.packets, packet), append(st.arrived, now)
		st.measure(packet)
		for sample := builder.Pop(); sample != nil; sample = builder.Pop() {
			st.units = append(st.units, Unit{RTP: sample.PacketTimestamp, Data: sample.Data, Key: st.isKey(sample.Data),
				Arrived: arrived[sample.PacketTimestamp], Whole: whole[sample.PacketTimestamp]})
			delete(arrived, sample.PacketTimestamp)
			delete(whole, sample.PacketTimestamp)
		}
		st.mu.Unlock()
	}
}

// measure notes the width of frames. The publisher's packetizer sends parameter sets in aggregation packets (RFC 6184,
// 5.7.1), the SPS first. It runs under the lock.
func (st *Stream) measure(p *rtp.Packet) {
	if st.kind != media.Video || len(p.Payload) < 4 {
		return
	}
	const stapA, spsType = 24, 7
	if body := p.Payload[3:]; p.Payload[0]&31 == stapA && body[0]&31 == spsType {
		var sps h264.SPS
		size := int(binary.BigEndian.Uint16(p.Payload[1:]))
		if size <= len(body) && sps.Unmarshal(body[:size]) == nil && sps.Width() != st.width {
			st.width, st.frames = sps.Width(), 0
		}
	}
	if p.Marker {
		st.frames++
	}
}

// Layer is the width of the frames that come at present, and how many of that width have come, whole or not.
func (st *Stream) Layer() (width, frames int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.width, st.frames
}

// isKey is whether decoding can begin with a unit. A VP8 frame says so in its first bit (RFC 6386, 9.1).
func (st *Stream) isKey(data []byte) bool {
	switch {
	case st.vp8:
		return len(data) > 0 && data[0]&1 == 0
	case st.kind == media.Video:
		return slices.ContainsFunc(media.SplitAnnexB(data), isIDR)
	}
	return true
}

func (st *Stream) onRTCP(p rtcp.Packet) {
	// A compound packet with the reports of all tracks comes to each of them.
	if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == uint32(st.ssrc) {
		seconds := int64(sr.NTPTime>>32) - 2208988800
		nanos := int64((sr.NTPTime & 0xffffffff) * uint64(time.Second) >> 32)
		st.mu.Lock()
		st.reports = append(st.reports, Report{NTP: time.Unix(seconds, nanos), RTP: sr.RTPTime})
		st.mu.Unlock()
	}
}

// Wait returns the newest stream of a track (media.Video or media.Opus) once it is there.
func (s *Subscriber) Wait(ctx context.Context, track media.Track) (*Stream, error) {
	var found *Stream
	err := wait.Poll(ctx, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, st := range s.streams {
			if st.kind == track {
				found = st
			}
		}
		return found != nil
	})
	if err != nil {
		return nil, fmt.Errorf("no %v track arrived: %w", track, err)
	}
	return found, nil
}

// Close leaves the room and waits.
func (s *Subscriber) Close() error {
	s.room.Disconnect()
	s.wg.Wait()
	return nil
}

// Units is a copy of what has been received.
func (st *Stream) Units() []Unit {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Clone(st.units)
}

// Reports is a copy of the sender reports received.
func (st *Stream) Reports() []Report {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Clone(st.reports)
}

// VP8 is whether the video is VP8 instead of H.264.
func (st *Stream) VP8() bool { return st.vp8 }

// KeyUnits counts the IDR frames received.
func (st *Stream) KeyUnits() int {
	n := 0
	for _, u := range st.Units() {
		if u.Key {
			n++
		}
	}
	return n
}

// Ask asks the server for a layer of the video.
func (st *Stream) Ask(q livekit.VideoQuality) error { return st.pub.SetVideoQuality(q) }

// SendPLI asks the publisher for an IDR frame (RFC 4585, 6.3.1).
func (st *Stream) SendPLI() { st.writer(st.ssrc) }

// WriteFile writes what has been received: from the first keyframe on as Annex B H.264 or as VP8 in an IVF file, or as
// Ogg Opus.
func (st *Stream) WriteFile(path string) error {
	if st.vp8 {
		return writeVP8(path, st.Units())
	}
	if st.kind == media.Video {
		return writeH264(path, st.Units())
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	w, err := oggwriter.New(path, media.SampleRate, media.Channels)
	if err != nil {
		return err
	}
	for _, p := range st.packets {
		if len(p.Payload) == 0 {
			continue // padding
		}
		if err := w.WriteRTP(p); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}

func writeH264(path string, units []Unit) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	started := false
	for _, u := range units {
		if started = started || u.Key; !started {
			continue
		}
		if _, err := f.Write(u.Data); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if !started {
		return errors.Join(io.ErrUnexpectedEOF, f.Close())
	}
	return f.Close()
}

// writeVP8 writes an IVF file whose time stamps count frames: RTP's may jump.
func writeVP8(path string, units []Unit) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	head := make([]byte, 32)
	copy(head, "DKIF\x00\x00\x20\x00VP80")
	binary.LittleEndian.PutUint32(head[16:], 30) // time stamps a second
	binary.LittleEndian.PutUint32(head[20:], 1)
	first := slices.IndexFunc(units, func(u Unit) bool { return u.Key })
	if first < 0 || len(units[first].Data) < 10 {
		return errors.Join(io.ErrUnexpectedEOF, f.Close())
	}
	copy(head[12:16], units[first].Data[6:10]) // width and height, as the keyframe has them
	_, err = f.Write(head)
	for i, u := range units[first:] {
		frame := binary.LittleEndian.AppendUint32(nil, uint32(len(u.Data)))
		frame = binary.LittleEndian.AppendUint64(frame, uint64(i))
		if err == nil {
			_, err = f.Write(append(frame, u.Data...))
		}
	}
	return errors.Join(err, f.Close())
}

// WallTime is when a unit was captured according to the newest sender report, on the publisher's wall clock. rate is
// the track's RTP clock in Hz.
func (st *Stream) WallTime(u Unit, rate int) (time.Time, bool) {
	reports := st.Reports()
	if len(reports) == 0 {
		return time.Time{}, false
	}
	r := reports[len(reports)-1]
	ticks := int32(u.RTP - r.RTP)
	return r.NTP.Add(media.FromTicks(int64(ticks), int64(rate))), true
}

// Remove removes a participant from a room, as a moderator does.
func Remove(ctx context.Context, httpURL, key, secret, room, identity string) error {
	rooms := lksdk.NewRoomServiceClient(httpURL, key, secret)
	_, err := rooms.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: room, Identity: identity})
	return err
}

// Mute mutes or unmutes a track, as a moderator does.
func Mute(ctx context.Context, httpURL, key, secret, room, identity, trackSID string, muted bool) error {
	rooms := lksdk.NewRoomServiceClient(httpURL, key, secret)
	_, err := rooms.MutePublishedTrack(ctx, &livekit.MuteRoomTrackRequest{Room: room, Identity: identity,
		TrackSid: trackSID,
		Muted:    muted})
	return err
}

// Permit sets what a participant may publish, as a moderator does; no sources take the right to publish.
func Permit(ctx context.Context, httpURL, key, secret, room, identity string, sources ...livekit.TrackSource) error {
	rooms := lksdk.NewRoomServiceClient(httpURL, key, secret)
	_, err := rooms.UpdateParticipant(ctx, &livekit.UpdateParticipantRequest{Room: room, Identity: identity,
		Permission: &livekit.ParticipantPermission{CanPublish: len(sources) > 0, CanPublishSources: sources}})
	return err
}
