package livekit

import (
	"bytes"
	"context"
	"encoding/hex"
	"testing"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/livekit/server-sdk-go/v2/e2ee"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

const testPassphrase = "correct horse battery staple"

func fromHex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	return b
}

// decryptors are those of a viewer.
func decryptors(t *testing.T, passphrase string) (video, sound *e2ee.GCMFrameDecryptor) {
	t.Helper()
	keys := e2ee.NewExternalKeyProvider()
	require.NoError(t, keys.SetKeyFromPassphrase(passphrase, 0))
	video, err := lksdk.NewFrameDecryptor(keys, lksdk.CodecH264, nil)
	require.NoError(t, err)
	sound, err = lksdk.NewFrameDecryptor(keys, lksdk.CodecOpus, nil)
	require.NoError(t, err)
	return video, sound
}

// The format is that of livekit-client: these vectors were made with Web Crypto as its FrameCryptor uses it.
func TestTheFormatIsThatOfLiveKitsClient(t *testing.T) {
	keys := e2ee.NewExternalKeyProvider()
	require.NoError(t, keys.SetKeyFromPassphrase(testPassphrase, 0))
	key, err := keys.GetKey(0)
	require.NoError(t, err)
	require.Equal(t, "dee9745ab873685c2579655a7296d1a4", hex.EncodeToString(key))

	video, sound := decryptors(t, testPassphrase)
	plain, err := video.DecryptFrame(fromHex(t, "0000000167010203000000016804000000016588a0af8336e3d89db04d03e4e6562b13"+
		"69befeae9b94c4d572000003010000030200000303000003000c00"))
	require.NoError(t, err)
	require.Equal(t, "00000001670102030000000168040000000165880102030405060708", hex.EncodeToString(plain))
	plain, err = sound.DecryptFrame(fromHex(t, "fca0af8336e3a5427cb3fa1db02bddf9f24040738b800000010000020000030000000c00"))
	require.NoError(t, err)
	require.Equal(t, "fc0102030405", hex.EncodeToString(plain))
}

// What arrives can be decrypted with the passphrase alone: the plain part is as receivers put it together, whatever the
// encoder's start codes, and nothing in the ciphertext looks like one.
func TestEncryptedFramesCanBeDecrypted(t *testing.T) {
	h264, opus, err := newEncryptors(testPassphrase)
	require.NoError(t, err)
	video, sound := decryptors(t, testPassphrase)
	wrongVideo, wrongSound := decryptors(t, "another")

	slice := append([]byte{0x65, 0x88}, bytes.Repeat([]byte{0xab, 0, 4}, 500)...)
	unit := bytes.Join([][]byte{{0, 0, 0, 1, 9, 0xf0}, {0, 0, 0, 1, 0x67, 1, 2}, {0, 0, 1, 0x68, 3}, {0, 0, 1, 12, 0xff},
		append([]byte{0, 0, 1}, slice...), append([]byte{0, 0, 1}, slice...)}, nil)
	want, _ := media.JoinAnnexB([][]byte{{0x67, 1, 2}, {0x68, 3}, slice, slice})
	before := bytes.Clone(unit)
	for range 50 {
		secret, err := h264.encrypt(unit)
		require.NoError(t, err)
		require.Equal(t, before, unit, "the engine's packet is shared with others")
		nals := media.SplitAnnexB(secret)
		require.Len(t, nals, 3)
		require.Equal(t, []int{media.NALSPS, media.NALPPS, media.NALIDR},
			[]int{media.NALType(nals[0]), media.NALType(nals[1]), media.NALType(nals[2])})
		require.False(t, bytes.Contains(secret, slice[2:20]), "something is in plain")
		got, err := video.DecryptFrame(secret)
		require.NoError(t, err)
		require.Equal(t, want, got)
		_, err = wrongVideo.DecryptFrame(secret)
		require.Error(t, err)
	}
	packet := []byte{0xfc, 1, 2, 3}
	secret, err := opus.encrypt(packet)
	require.NoError(t, err)
	got, err := sound.DecryptFrame(secret)
	require.NoError(t, err)
	require.Equal(t, packet, got)
	_, err = wrongSound.DecryptFrame(secret)
	require.Error(t, err)
}

// What cannot be encrypted is not sent.
func TestNothingIsSentInPlain(t *testing.T) {
	video, b := boundVideo(t)
	var err error
	video.encryptor, _, err = newEncryptors(testPassphrase)
	require.NoError(t, err)
	for _, nals := range [][][]byte{{{0x67, 1, 2}, {0x68, 3}}, {{0x65, 0x88}}, {{6, 5, 1, 0}}} {
		data, units := media.JoinAnnexB(nals)
		require.Error(t, video.write(&media.Packet{Track: media.Video, Key: true, Data: data, NALs: units}))
	}
	require.NoError(t, video.write(&media.Packet{Track: media.Video, Data: videoPacket(false, 100).Data}),
		"it cannot be decoded")
	require.Empty(t, b.got)
	require.NoError(t, video.write(videoPacket(true, 3000)))
	require.Len(t, b.got, 3)
	_, opus, err := newEncryptors(testPassphrase)
	require.NoError(t, err)
	_, err = opus.encrypt(nil)
	require.Error(t, err)
}

// Every track of a Session is encrypted, whatever it publishes.
func TestEveryTrackIsEncrypted(t *testing.T) {
	s, err := New(Options{MinKbps: 1000, MaxKbps: 8000, Sound: true, Low: &LowLayer{MinKbps: 100, MaxKbps: 500},
		Passphrase: testPassphrase})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(context.Background())) }()
	require.Nil(t, s.low, "LiveKit's client announces layers as plain")
	for _, track := range []*track{s.video, s.sound} {
		require.NotNil(t, track.encryptor)
		require.Equal(t, track.video, track.encryptor.video)
	}
}
