package clip

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
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

// gifMark is a comment (GIF89a, 24) and the end of the file.
func gifMark() []byte {
	const text = "Hindsight"
	return append(append([]byte{0x21, 0xfe, byte(len(text))}, text...), 0, gifEnd)
}

// gifEnd ends a GIF (GIF89a, 27).
const gifEnd = 0x3b

// riffMark is a list with the name of the software (RIFF, "INFO List Chunk"). WebP allows chunks behind its own.
func riffMark() []byte {
	const name = "Hindsight\x00"
	b := binary.LittleEndian.AppendUint32([]byte("LIST"), uint32(4+8+len(name)))
	b = append(b, "INFOISFT"...)
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(name))), name...)
}

// MarkExport notes in a GIF, WebP or WAV file that Hindsight made it, at its end. Files of other kinds stay as they
// are: the clips among them say so already.
func MarkExport(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	var head [8]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return err
	}
	switch {
	case bytes.HasPrefix(head[:], []byte("GIF8")):
		if _, err := f.WriteAt(gifMark(), size-1); err != nil { // in the place of its end
			return err
		}
	case bytes.HasPrefix(head[:], []byte("RIFF")) && size%2 == 0 && size < 1<<31:
		mark := riffMark()
		if _, err := f.WriteAt(mark, size); err != nil {
			return err
		}
		length := binary.LittleEndian.AppendUint32(nil, uint32(size-8)+uint32(len(mark)))
		if _, err := f.WriteAt(length, 4); err != nil {
			return err
		}
	}
	return f.Sync()
}

// ends says whether a file ends with these bytes.
func ends(path string, mark []byte) bool {
	info, err := os.Stat(path)
	return err == nil && begins(path, info.Size()-int64(len(mark)), mark)
}
