package h264

import (
	"bytes"
	"slices"

	"github.com/Eyevinn/mp4ff/bits"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Signaller makes sequence parameter sets say how the colors are meant. Some encoders write that themselves;
// openh264enc and some drivers do not. It belongs to one goroutine.
type Signaller struct {
	// Matrix is the stream's matrix_coefficients (table E-5).
	Matrix  int
	in, out []byte // the last one
}

// sps returns the parameter set with the signal. One that has it already, or that is of a kind not known here, stays as
// it is.
func (s *Signaller) sps(nal []byte) []byte {
	if !bytes.Equal(nal, s.in) {
		s.in, s.out = bytes.Clone(nal), nil
		var to bytes.Buffer
		c := spsCopy{r: bits.NewEBSPReader(bytes.NewReader(nal)), w: bits.NewEBSPWriter(&to)}
		if c.upToVUI() && c.signal(s.Matrix) && c.rest() {
			s.out = to.Bytes()
		}
	}
	if s.out == nil {
		return nal
	}
	return s.out
}

// All puts the signal into every parameter set of an access unit.
func (s *Signaller) All(nals [][]byte) {
	for i, n := range nals {
		if media.NALType(n) == media.NALSPS {
			nals[i] = s.sps(n)
		}
	}
}

// spsCopy copies a sequence parameter set (ITU-T H.264, 7.3.2.1.1) while it reads it.
type spsCopy struct {
	r *bits.EBSPReader
	w *bits.EBSPWriter
}

func (c spsCopy) u(n int) uint {
	v := c.r.Read(n)
	c.w.Write(v, n)
	return v
}

// ue also copies signed numbers, whose code is the same.
func (c spsCopy) ue() uint {
	v := c.r.ReadExpGolomb()
	c.w.WriteExpGolomb(v)
	return v
}

func (c spsCopy) ues(n uint) {
	for range min(n, 255) {
		c.ue()
	}
}

// withChroma are the profiles whose parameter sets contain the chroma format.
var withChroma = []uint{100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}

// upToVUI copies all before vui_parameters_present_flag. It returns false for what it does not know.
func (c spsCopy) upToVUI() bool {
	c.u(8) // NAL header
	profile := c.u(8)
	c.u(16)
	c.ue()
	if slices.Contains(withChroma, profile) {
		if c.ue() == 3 {
			c.u(1)
		}
		c.ues(2)
		c.u(1)
		if c.u(1) == 1 { // scaling lists
			return false
		}
	}
	c.ue()
	switch c.ue() { // pic_order_cnt_type
	case 0:
		c.ue()
	case 1:
		c.u(1)
		c.ues(2)
		c.ues(c.ue())
	}
	c.ue()
	c.u(1)
	c.ues(2)
	if c.u(1) == 0 {
		c.u(1)
	}
	c.u(1)
	if c.u(1) == 1 { // cropping
		c.ues(4)
	}
	return c.r.AccError() == nil
}

// signal writes the start of the VUI (E.1.1) up to the colors. It returns false where the colors are signaled already.
func (c spsCopy) signal(matrix int) bool {
	present := c.r.ReadFlag()
	c.w.Write(1, 1)
	if !present {
		c.w.Write(0, 2) // no aspect ratio, no overscan
		c.colors(matrix)
		c.w.Write(0, 6) // nothing of the rest, from chroma location to restrictions
		return true
	}
	if c.u(1) == 1 && c.u(8) == 255 {
		c.u(32)
	}
	if c.u(1) == 1 {
		c.u(1)
	}
	if c.r.ReadFlag() {
		return false
	}
	c.colors(matrix)
	return true
}

// colors are limited range, and BT.709's primaries and transfer, with the matrix (tables E-3 to E-5).
func (c spsCopy) colors(matrix int) {
	c.w.Write(1, 1) // video_signal_type_present_flag
	c.w.Write(5, 3) // unspecified format
	c.w.Write(1, 2) // limited range, with a description
	c.w.Write(1<<16|1<<8|uint(matrix), 24)
}

// rest copies what follows.
func (c spsCopy) rest() bool {
	for {
		more, err := c.r.MoreRbspData()
		if err != nil {
			return false
		}
		if !more {
			c.w.WriteRbspTrailingBits()
			return c.w.AccError() == nil
		}
		c.u(1)
	}
}
