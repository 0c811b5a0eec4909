package livekit

import (
	"bytes"
	"math/bits"

	"github.com/Eyevinn/mp4ff/avc"
	mp4bits "github.com/Eyevinn/mp4ff/bits"
)

// restricted is an SPS that says that frames are shown in the order in which they are decoded (bitstream_restriction,
// ITU-T H.264, E.1.1). WebRTC writes that into one that does not say it as it arrives, so that what was authenticated
// is no longer what was sent. Encoders in hardware often leave it out. An SPS that cannot be read stays as it is.
func restricted(nal []byte) []byte {
	sps, err := avc.ParseSPSNALUnit(nal, true)
	if err != nil || sps.VUI != nil && sps.VUI.BitstreamRestrictionFlag {
		return nal
	}
	// The flag that is to be set, of the restriction or of the whole VUI, is the last bit but for those that end an RBSP.
	plain := bytes.TrimRight(bytes.ReplaceAll(nal, []byte{0, 0, 3}, []byte{0, 0}), "\x00")
	length := 8*len(plain) - bits.TrailingZeros8(plain[len(plain)-1]) - 2
	var out bytes.Buffer
	w := mp4bits.NewEBSPWriter(&out)
	for i := range length {
		w.Write(uint(plain[i/8]>>(7-i%8))&1, 1)
	}
	w.Write(1, 1)
	if sps.VUI == nil {
		w.Write(1, 9) // nothing else in the VUI
	}
	w.Write(1, 1)                                                 // motion vectors may leave the frame
	for _, v := range []uint{2, 1, 16, 16, 0, sps.NumRefFrames} { // nothing else is restricted; no frame is reordered
		w.WriteExpGolomb(v)
	}
	w.WriteRbspTrailingBits()
	if w.AccError() != nil {
		return nal
	}
	return out.Bytes()
}
