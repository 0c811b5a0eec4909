package livekit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/livekit/server-sdk-go/v2/e2ee"
	"github.com/livekit/server-sdk-go/v2/e2ee/types"

	"github.com/hindsight-app/hindsight/capture/media"
)

// errNoSlice means that an access unit has nothing that could be encrypted; it is not sent.
var errNoSlice = errors.New("the frame has no slice, so it cannot be encrypted")

// nalFiller is filler data (ITU-T H.264, table 7-1).
const nalFiller = 12

// encryptor encrypts whole access units and Opus packets as LiveKit's clients do: AES-128-GCM, the key from a
// passphrase by PBKDF2, and everything up to the second byte of the first slice, or the first byte of an Opus packet,
// in plain but authenticated. What it cannot encrypt is an error, never in plain.
type encryptor struct {
	frames types.FrameEncryptor
	video  bool
}

// newEncryptors makes those of a passphrase. Deriving the key takes some hundredths of a second.
func newEncryptors(passphrase string) (video, sound *encryptor, err error) {
	keys := e2ee.NewExternalKeyProvider()
	if err := keys.SetKeyFromPassphrase(passphrase, 0); err != nil {
		return nil, nil, err
	}
	h264, err := lksdk.NewFrameEncryptor(keys, lksdk.CodecH264)
	if err != nil {
		return nil, nil, err
	}
	opus, err := lksdk.NewFrameEncryptor(keys, lksdk.CodecOpus)
	if err != nil {
		return nil, nil, err
	}
	return &encryptor{h264, true}, &encryptor{opus, false}, nil
}

func (e *encryptor) encrypt(data []byte) ([]byte, error) {
	if e.video {
		var err error
		if data, err = asReceived(data); err != nil {
			return nil, err
		}
	}
	if len(data) == 0 {
		return nil, errors.New("an empty packet cannot be encrypted")
	}
	out, err := e.frames.EncryptFrame(data)
	if err != nil {
		return nil, fmt.Errorf("the packet was not encrypted: %w", err)
	}
	if len(out) < len(data)+types.IVLength {
		return nil, errors.New("the packet was not encrypted") // the library hands on what it does not know
	}
	return out, nil
}

// asReceived is an access unit as it comes out of a receiver's RTP depacketizer: the plain part is authenticated, so it
// must arrive as it was encrypted. Delimiters and filler are not sent (see codecs.H264Payloader), every start code has
// four bytes, and the SPS is as WebRTC wants it.
func asReceived(data []byte) ([]byte, error) {
	nals := slices.DeleteFunc(media.SplitAnnexB(data), func(nal []byte) bool {
		return media.NALType(nal) == media.NALAUD || media.NALType(nal) == nalFiller
	})
	if !slices.ContainsFunc(nals, isSlice) {
		return nil, errNoSlice
	}
	for i, nal := range nals {
		if media.NALType(nal) == media.NALSPS {
			nals[i] = restricted(nal)
		}
	}
	out, _ := media.JoinAnnexB(nals)
	return out, nil
}

// isSlice finds slices that have more than what stays in plain.
func isSlice(nal []byte) bool {
	kind := media.NALType(nal)
	return len(nal) > 2 && (kind == media.NALSlice || kind == media.NALIDR)
}

// encryption is how the tracks are announced, so that viewers' clients decrypt them and recorders know.
func (s *Session) encryption() livekit.Encryption_Type {
	if s.opts.Passphrase != "" {
		return livekit.Encryption_GCM
	}
	return livekit.Encryption_NONE
}
