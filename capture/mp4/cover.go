package mp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// CoverSpace is the most that a cover may take, in bytes.
const CoverSpace = 64 << 10

const (
	// coverHead is what the boxes around a cover take: covr, data, type and locale.
	coverHead = 24
	// coverBox is the size of the free box (ISO/IEC 14496-12, 8.1.2) among the tags that a cover's box takes the place
	// of. What the cover leaves of it, and the head of that, is free again.
	coverBox = coverHead + CoverSpace + 8
)

// ErrNoCoverSpace says that a file has no space for a cover: it has one, or was written without Movie.ReserveCover.
var ErrNoCoverSpace = errors.New("it has no space for a cover")

// Cover reads the JPEG or PNG image that is a movie's cover, empty where it has none.
func Cover(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i := inspector{r: f}
	if err := i.read(); err != nil {
		return nil, fmt.Errorf("%s is not an MP4 file: %w", path, err)
	}
	const head = 16 // data, type and locale
	if i.cover[1]-i.cover[0] <= head {
		return nil, nil
	}
	b, err := i.bytes(i.cover[0], i.cover[1])
	if err != nil {
		return nil, err
	}
	return b[head:min(len(b), max(head, int(binary.BigEndian.Uint32(b))))], nil
}

// SetCover puts a JPEG image of at most CoverSpace bytes into the space that Movie.ReserveCover left for it. The file
// is complete at every moment: the image lies in a free box, which then becomes a cover by the eight bytes of its head.
// The time of the last change stays.
func SetCover(path string, jpeg []byte) error {
	if len(jpeg) == 0 || len(jpeg) > CoverSpace {
		return fmt.Errorf("a cover has 1 to %d bytes, not %d", CoverSpace, len(jpeg))
	}
	return amend(path, func(i inspector) error {
		if i.coverBox == 0 {
			return fmt.Errorf("%s takes no cover: %w", path, ErrNoCoverSpace)
		}
		cover := encoded(raw("covr", value(typeJPEG, jpeg)))
		rest := binary.BigEndian.AppendUint32(nil, uint32(coverBox-len(cover)))
		if _, err := i.r.WriteAt(append(append(cover[8:len(cover):len(cover)], rest...), "free"...),
			i.coverBox+8); err != nil {
			return err
		}
		if err := i.r.Sync(); err != nil {
			return err
		}
		_, err := i.r.WriteAt(cover[:8], i.coverBox)
		return err
	})
}
