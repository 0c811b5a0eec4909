package media

import "bytes"

// NAL unit types (ITU-T H.264, table 7-1).
const (
	NALSlice = 1
	NALIDR   = 5
	NALSPS   = 7
	NALPPS   = 8
	NALAUD   = 9
)

// NALType is the type of a NAL unit, which must not be empty (ITU-T H.264, 7.3.1).
func NALType(nal []byte) int { return int(nal[0] & 0x1f) }

// SplitAnnexB finds the NAL units of an access unit in byte stream form (ITU-T H.264, annex B). The units share the
// data's memory. Data without a start code gives none.
func SplitAnnexB(data []byte) [][]byte {
	var nals [][]byte
	code := []byte{0, 0, 1}
	at := bytes.Index(data, code)
	for at >= 0 {
		begin := at + 3
		next := bytes.Index(data[begin:], code)
		end := len(data)
		if next >= 0 {
			end = begin + next
			at = end
		} else {
			at = -1
		}
		// Zero bytes before a start code belong to it or are padding (trailing_zero_8bits).
		if n := bytes.TrimRight(data[begin:end], "\x00"); len(n) > 0 {
			nals = append(nals, n)
		}
	}
	return nals
}

// JoinAnnexB builds an access unit in byte stream form with a start code of four bytes before each unit. It returns the
// data and the units within it, which share its memory.
func JoinAnnexB(nals [][]byte) (data []byte, units [][]byte) {
	size := 0
	for _, n := range nals {
		size += 4 + len(n)
	}
	data, units = make([]byte, 0, size), make([][]byte, 0, len(nals))
	for _, n := range nals {
		data = append(data, 0, 0, 0, 1)
		begin := len(data)
		data = append(data, n...)
		units = append(units, data[begin:len(data):len(data)])
	}
	return data, units
}
