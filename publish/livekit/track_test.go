package livekit

import (
	"io"
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

// binding is what a track is bound to: it takes packets until it is full.
type binding struct {
	webrtc.TrackLocalContext
	codec webrtc.RTPCodecParameters
	room  int
	got   []rtp.Header
}

func (b *binding) CodecParameters() []webrtc.RTPCodecParameters {
	return []webrtc.RTPCodecParameters{b.codec}
}
func (b *binding) HeaderExtensions() []webrtc.RTPHeaderExtensionParameter { return nil }
func (b *binding) SSRC() webrtc.SSRC                                      { return 7 }
func (b *binding) SSRCRetransmission() webrtc.SSRC                        { return 0 }
func (b *binding) SSRCForwardErrorCorrection() webrtc.SSRC                { return 0 }
func (b *binding) WriteStream() webrtc.TrackLocalWriter                   { return b }
func (b *binding) ID() string                                             { return "binding" }
func (b *binding) Write([]byte) (int, error)                              { return 0, io.ErrClosedPipe }
func (b *binding) RTCPReader() interceptor.RTCPReader {
	return interceptor.RTCPReaderFunc(func([]byte, interceptor.Attributes) (int, interceptor.Attributes, error) {
		return 0, nil, io.EOF
	})
}

func (b *binding) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	if b.room == 0 {
		return 0, ErrSlow
	}
	b.room--
	b.got = append(b.got, *h)
	return len(payload), nil
}

func boundVideo(t *testing.T) (*track, *binding) {
	t.Helper()
	video, err := newVideoTrack()
	require.NoError(t, err)
	b := &binding{codec: webrtc.RTPCodecParameters{RTPCodecCapability: video.local.Codec(), PayloadType: 96}, room: 1000}
	_, err = video.local.Bind(b)
	require.NoError(t, err)
	return video, b
}

func videoPacket(key bool, size int) *media.Packet {
	kind := byte(1)
	if key {
		kind = media.NALIDR
	}
	nal := make([]byte, size)
	for i := range nal {
		nal[i] = 0xaa
	}
	nal[0] = 3<<5 | kind
	data, nals := media.JoinAnnexB([][]byte{nal})
	return &media.Packet{Track: media.Video, Key: key, Data: data, NALs: nals}
}

// After a frame that was not sent whole, nothing is of use up to the next IDR frame.
func TestVideoGoesOnAtTheNextKeyframe(t *testing.T) {
	video, b := boundVideo(t)
	require.NoError(t, video.write(videoPacket(false, 100)))
	require.Empty(t, b.got, "the first must be an IDR frame")
	require.NoError(t, video.write(videoPacket(true, 3000)))
	require.Len(t, b.got, 3)
	require.False(t, b.got[1].Marker)
	require.True(t, b.got[2].Marker)

	b.room = 1
	require.ErrorIs(t, video.write(videoPacket(false, 3000)), ErrSlow)
	b.room = 1000
	require.NoError(t, video.write(videoPacket(false, 100)))
	require.Len(t, b.got, 4, "it cannot be decoded")
	require.NoError(t, video.write(videoPacket(true, 100)))
	require.Len(t, b.got, 5)
}

// A muted track sends nothing; unmuted, it goes on at the next IDR frame.
func TestMutedVideoIsNotSent(t *testing.T) {
	video, b := boundVideo(t)
	require.NoError(t, video.write(videoPacket(true, 100)))
	video.muted.Store(true)
	require.NoError(t, video.write(videoPacket(true, 100)))
	require.NoError(t, video.write(videoPacket(false, 100)))
	require.Len(t, b.got, 1)
	video.muted.Store(false)
	require.NoError(t, video.write(videoPacket(false, 100)))
	require.Len(t, b.got, 1, "it cannot be decoded")
	require.NoError(t, video.write(videoPacket(true, 100)))
	require.Len(t, b.got, 2)
}
