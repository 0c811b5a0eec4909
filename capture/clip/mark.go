package clip

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// Marks say that Hindsight made an image, so that no other is ever taken for one.
const (
	// posterMark is a comment at the start of the images beside clips, shotMark of screenshots.
	posterMark, shotMark = "Hindsight poster", "Hindsight screenshot"
	// jpegMarkAt is the place behind the marker that begins the image (ITU-T T.81, B.2.1).
	jpegMarkAt = 2
	// pngMarkAt is the place behind the signature and the header chunk (PNG, 5.3 and 11.2.2).
	pngMarkAt = 8 + 4 + 4 + 13 + 4
)

// jpegMark is the comment's marker, its length, and itself (ITU-T T.81, B.2.4.5).
func jpegMark(text string) []byte {
	return append([]byte{0xff, 0xfe, 0, byte(2 + len(text))}, text...)
}

// pngMark is a text chunk that names the program (PNG, 11.3.3.3).
func pngMark() []byte {
	const data = "Software\x00" + shotMark
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(b, "tEXt"+data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// marker writes a mark at a place near the start of what goes through it.
type marker struct {
	to   io.Writer
	mark []byte
	left int // bytes before the mark
}

func (m *marker) Write(b []byte) (n int, err error) {
	if m.left < 0 {
		return m.to.Write(b)
	}
	if n = min(m.left, len(b)); n > 0 {
		if n, err = m.to.Write(b[:n]); err != nil {
			return n, err
		}
	}
	if m.left -= n; m.left > 0 {
		return n, nil
	}
	m.left = -1
	if _, err := m.to.Write(m.mark); err != nil {
		return n, err
	}
	rest, err := m.to.Write(b[n:])
	return n + rest, err
}
