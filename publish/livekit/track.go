package livekit

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"github.com/hindsight-app/hindsight/capture/media"
	lksdk "github.com/livekit/server-sdk-go/v2"
)

const (
	// payloadSize is the most RTP payload in a packet, in bytes. LiveKit's client refuses more than 1200; with headers,
	// extensions, SRTP, UDP and IPv6 this stays below every usual MTU.
	payloadSize = 1188
	// videoRate is the RTP clock of H.264 in Hz (RFC 6184, 8.2.1).
	videoRate = 90000
	// h264Format asks for high profile in non-interleaved mode (RFC 6184, 8.1). The level (3.1) is the name under which
	// WebRTC knows the profile; it does not bind the sender. Without an fmtp line the track would be bound to baseline.
	h264Format = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f"
	// opusFormat says what the encoder does: stereo, no DTX (RFC 7587, 7.1).
	opusFormat = "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1"
)

// track cuts access units into RTP packets stamped from their PTS. It is used by one goroutine, the one that calls
// Session.Write; the transport reads base and rate, which never change.
//
// It does not use LocalTrack.WriteSample, which draws a random RTP offset inside at every bind and moves time on by
// nominal durations where frames come too close: the sender reports need the exact relation of PTS to RTP time.
type track struct {
	local     *lksdk.LocalTrack
	payloader rtp.Payloader
	rate      uint32
	base      uint32
	sequence  uint16
	video     bool
	needKey   atomic.Bool
	muted     atomic.Bool // nothing is sent
	encryptor *encryptor  // nil sends in plain
}

func newTrack(codec webrtc.RTPCodecCapability, opts ...lksdk.LocalTrackOptions) (*track, error) {
	local, err := lksdk.NewLocalTrack(codec, opts...)
	if err != nil {
		return nil, err
	}
	// Random beginnings (RFC 3550, 5.1) tell two streams apart; DTLS-SRTP is what keeps them secret.
	t := &track{local: local, rate: codec.ClockRate, base: rand.Uint32(), sequence: uint16(rand.Uint32())} // #nosec G404
	if codec.MimeType == webrtc.MimeTypeH264 {
		t.video, t.payloader = true, &codecs.H264Payloader{}
		t.needKey.Store(true)
	} else {
		t.payloader = &codecs.OpusPayloader{}
	}
	return t, nil
}

func newVideoTrack(opts ...lksdk.LocalTrackOptions) (*track, error) {
	return newTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: videoRate,
		SDPFmtpLine: h264Format}, opts...)
}

func newSoundTrack(opts ...lksdk.LocalTrackOptions) (*track, error) {
	return newTrack(webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: media.SampleRate, Channels: media.Channels, SDPFmtpLine: opusFormat,
	}, opts...)
}

// write sends one access unit. Video before the first IDR after a bind or after an access unit that was not sent whole
// is left out: nobody could decode it.
func (t *track) write(p *media.Packet) error {
	if !t.local.IsBound() {
		return nil
	}
	if t.muted.Load() {
		t.needKey.Store(t.video)
		return nil
	}
	if t.video {
		if t.needKey.Load() && !p.Key {
			return nil
		}
		t.needKey.Store(false)
	}
	stamp := rtpTime(p.PTS, t.rate, t.base)
	data := p.Data
	if t.encryptor != nil {
		var err error
		if data, err = t.encryptor.encrypt(data); err != nil {
			t.needKey.Store(t.video)
			return err
		}
	}
	payloads := t.payloader.Payload(payloadSize, data)
	for i, payload := range payloads {
		err := t.local.WriteRTP(&rtp.Packet{
			Header: rtp.Header{
				Version: 2,
				// The marker ends an access unit (RFC 6184, 5.1). Sound has no talk spurts (RFC 7587, 4.2).
				Marker:         t.video && i == len(payloads)-1,
				SequenceNumber: t.sequence,
				Timestamp:      stamp,
			},
			Payload: payload,
		}, nil)
		t.sequence++
		if err != nil {
			t.needKey.Store(t.video)
			return err
		}
	}
	return nil
}
