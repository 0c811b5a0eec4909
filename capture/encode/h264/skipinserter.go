// Package h264 changes H.264 streams while they pass (ITU-T H.264): it inserts frames that repeat the one before, and
// makes parameter sets say how the colors are meant. It has no goroutines, and needs no library.
package h264

import (
	"bytes"
	"errors"

	"github.com/Eyevinn/mp4ff/avc"
	ebsp "github.com/Eyevinn/mp4ff/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"github.com/hindsight-app/hindsight/capture/media"
)

// SkipInserter adds frames to an H.264 stream that repeat the one before, without its encoder: every macroblock is
// skipped (ITU-T H.264, 7.3.4: mb_skip_run), which takes some twenty bytes and almost no time. The encoder does not
// know of them, so each one raises the frame number of the encoder's frames up to the next IDR.
//
// That is right for a 4:2:0 stream of reference frames that each refer to the one before at most, without B-frames,
// interlacing or CABAC, with the order of frames being that of frame numbers; other streams are left alone. The zero
// value is ready for a stream's first access unit. It belongs to one goroutine at a time.
type SkipInserter struct {
	sps       *avc.SPS
	pps       *avc.PPS
	usable    bool
	frameNum  uint // of the last frame that went out
	added     uint // frames added since the last IDR
	refIDC    byte
	delimited bool // frames begin with an access unit delimiter
}

var errUnsupportedStream = errors.New("the stream has parts that added frames do not fit")

// Pass looks at the encoder's next access unit, which may be changed.
func (s *SkipInserter) Pass(nals [][]byte) {
	for i, n := range nals {
		switch media.NALType(n) {
		case media.NALAUD:
			s.delimited = true
		case media.NALSPS:
			s.usable = s.readSPS(n) == nil
		case media.NALPPS:
			s.usable = s.usable && s.readPPS(n) == nil
		case media.NALIDR:
			s.frameNum, s.added, s.refIDC = 0, 0, n[0]&refIDCMask
		case media.NALSlice:
			if s.usable {
				nals[i] = s.renumber(n)
			}
		}
	}
}

func (s *SkipInserter) readSPS(nal []byte) (err error) {
	if s.sps, err = avc.ParseSPSNALUnit(nal, false); err != nil {
		return err
	}
	if s.sps.NumRefFrames != 1 || s.sps.PicOrderCntType != 2 || !s.sps.FrameMbsOnlyFlag || s.sps.ParameterID != 0 {
		return errUnsupportedStream
	}
	return nil
}

func (s *SkipInserter) readPPS(nal []byte) (err error) {
	if s.pps, err = avc.ParsePPSNALUnit(nal, map[uint32]*avc.SPS{0: s.sps}); err != nil {
		return err
	}
	p := s.pps
	if p.EntropyCodingModeFlag || p.NumSliceGroupsMinus1 != 0 || p.PicParameterSetID != 0 || p.RedundantPicCntPresentFlag {
		return errUnsupportedStream
	}
	return nil
}

// renumber gives a slice of the encoder the frame number it has among all frames (7.3.3: frame_num).
func (s *SkipInserter) renumber(nal []byte) []byte {
	part := nal
	if s.added == 0 {
		part = nal[:min(len(nal), 32)] // the number is only read
	}
	raw, at, length := h264.EmulationPreventionRemove(part), 8, s.frameNumBits()
	for range 3 { // first_mb_in_slice, slice_type, pic_parameter_set_id
		if _, err := bits.ReadGolombUnsigned(raw, &at); err != nil {
			s.usable = false
			return nal
		}
	}
	begin := at
	n, err := bits.ReadBits(raw, &at, length)
	if err != nil || nal[0]&refIDCMask == 0 {
		s.usable = false
		return nal
	}
	s.refIDC = nal[0] & refIDCMask
	s.frameNum = (uint(n) + s.added) & (1<<length - 1)
	if s.added == 0 {
		return nal
	}
	for i := range length {
		mask := byte(0x80) >> ((begin + i) % 8)
		raw[(begin+i)/8] &^= mask
		if s.frameNum>>(length-1-i)&1 == 1 {
			raw[(begin+i)/8] |= mask
		}
	}
	return preventEmulation(raw)
}

func (s *SkipInserter) frameNumBits() int { return int(s.sps.Log2MaxFrameNumMinus4) + 4 }

// refIDCMask is where nal_ref_idc lies in a NAL unit's first byte (7.3.1).
const refIDCMask = 0x60

// Ready says whether there is a frame to repeat, in a stream that allows it.
func (s *SkipInserter) Ready() bool { return s.usable && s.refIDC != 0 }

// Frame makes an access unit that repeats the last frame; ok is false where the stream does not allow it.
func (s *SkipInserter) Frame() (nals [][]byte, ok bool) {
	if !s.Ready() {
		return nil, false
	}
	s.added++
	s.frameNum = (s.frameNum + 1) & (1<<s.frameNumBits() - 1)
	var slice bytes.Buffer
	w := ebsp.NewEBSPWriter(&slice)
	w.Write(uint(s.refIDC)|media.NALSlice, 8)
	w.WriteExpGolomb(0) // first_mb_in_slice
	w.WriteExpGolomb(5) // slice_type: P, as all slices of the frame
	w.WriteExpGolomb(0) // pic_parameter_set_id
	w.Write(s.frameNum, s.frameNumBits())
	w.Write(1, 1)       // num_ref_idx_active_override_flag
	w.WriteExpGolomb(0) // num_ref_idx_l0_active_minus1
	w.Write(0, 1)       // ref_pic_list_modification_flag_l0
	if s.pps.WeightedPredFlag {
		w.WriteExpGolomb(0) // luma_log2_weight_denom
		w.WriteExpGolomb(0) // chroma_log2_weight_denom
		w.Write(0, 2)       // luma_weight_l0_flag, chroma_weight_l0_flag
	}
	w.Write(0, 1)       // adaptive_ref_pic_marking_mode_flag
	w.WriteExpGolomb(0) // slice_qp_delta, signed
	if s.pps.DeblockingFilterControlPresentFlag {
		w.WriteExpGolomb(1) // disable_deblocking_filter_idc
	}
	w.WriteExpGolomb((s.sps.Width + 15) / 16 * ((s.sps.Height + 15) / 16)) // mb_skip_run
	w.WriteRbspTrailingBits()
	if s.delimited {
		nals = [][]byte{{media.NALAUD, 0x30}} // primary_pic_type 1: I and P slices
	}
	return append(nals, slice.Bytes()), w.AccError() == nil
}

// preventEmulation inserts the bytes that keep a NAL unit from looking like a start code (7.4.1).
func preventEmulation(raw []byte) []byte {
	out := make([]byte, 0, len(raw)+len(raw)/64+4)
	zeros := 0
	for _, b := range raw {
		if zeros >= 2 && b <= 3 {
			out, zeros = append(out, 3), 0
		}
		if out = append(out, b); b == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}
