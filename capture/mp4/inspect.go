package mp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	box "github.com/Eyevinn/mp4ff/mp4"
)

// Info is what a file's header says.
type Info struct {
	// Seconds is the playing time.
	Seconds float64
	// Width and Height are in pixels.
	Width, Height int
	// Hindsight says that this program made the file.
	Hindsight bool
	// Starred is the user's mark for what is to be kept.
	Starred bool
	// Program, Origin and Title are as in Movie.
	Program, Origin, Title string
	// Created is what the header names as the time of its making, in whole seconds; zero where it names none.
	Created time.Time
}

// ErrNotOurs says that a file was not made by this program, which therefore leaves it alone.
var ErrNotOurs = errors.New("it was not made by Hindsight")

// Inspect reads a file's header. Only a few bytes are read, whatever the file's size.
func Inspect(path string) (Info, error) {
	f, err := os.Open(path)
	if err != nil {
		return Info{}, err
	}
	defer f.Close()
	i := inspector{r: f}
	if err := i.read(); err != nil {
		return Info{}, fmt.Errorf("%s is not an MP4 file: %w", path, err)
	}
	return i.info, nil
}

// SetStar marks a file, or takes its mark away, in place: one byte changes, and the time of the last change does not.
func SetStar(path string, on bool) error {
	return amend(path, func(i inspector) error {
		if i.star == 0 {
			return fmt.Errorf("%s cannot be starred: %w", path, ErrNotOurs)
		}
		b := byte(starOff)
		if on {
			b = starOn
		}
		_, err := i.r.WriteAt([]byte{b}, i.star)
		return err
	})
}

// amend changes a file in place, durably, and leaves the time of the last change. A file that is no movie has nothing
// that the inspector knows of.
func amend(path string, change func(inspector) error) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	i := inspector{r: f}
	if i.read() != nil {
		i = inspector{r: f}
	}
	if err := change(i); err != nil {
		return err
	}
	return errors.Join(f.Sync(), os.Chtimes(path, time.Time{}, st.ModTime()))
}

// inspector walks through the boxes that matter.
type inspector struct {
	r        *os.File
	info     Info
	star     int64 // where the star's byte lies
	coverBox int64 // where the free box for a cover lies
	cover    [2]int64
	scale    uint32
	fragment [2]int64 // the last moof
}

// mostBox bounds the boxes that are read as a whole.
const mostBox = 1 << 20

func (i *inspector) read() error {
	st, err := i.r.Stat()
	if err != nil {
		return err
	}
	found := false
	err = i.walk(0, st.Size(), func(name string, from, to int64) error {
		switch name {
		case "moov":
			found = true
			return i.walk(from, to, i.movie)
		case "moof":
			i.fragment = [2]int64{from - 8, to}
		}
		return nil
	})
	// What a crash left behind may end within a box.
	if !found {
		return errors.Join(errors.New("it has no header"), err)
	}
	return i.fragmentEnd()
}

// walk visits the boxes between two places. It stops without an error at one that is cut short.
func (i *inspector) walk(from, to int64, visit func(name string, from, to int64) error) error {
	var head [16]byte
	for from+8 <= to {
		n, err := i.r.ReadAt(head[:min(16, to-from)], from)
		if n < 8 {
			return err
		}
		size, body := int64(binary.BigEndian.Uint32(head[:4])), from+8
		switch {
		case size == 1 && n == 16:
			size, body = int64(binary.BigEndian.Uint64(head[8:])), from+16
		case size == 0:
			size = to - from
		}
		if size < body-from || from+size > to {
			return nil
		}
		if err := visit(string(head[4:8]), body, from+size); err != nil {
			return err
		}
		from += size
	}
	return nil
}

func (i *inspector) movie(name string, from, to int64) error {
	switch name {
	case "mvhd":
		b, err := box.DecodeBox(uint64(from-8), io.NewSectionReader(i.r, from-8, to-from+8))
		if head, ok := b.(*box.MvhdBox); err == nil && ok && head.Timescale > 0 {
			i.scale = head.Timescale
			i.info.Seconds = float64(head.Duration) / float64(head.Timescale)
			if at := head.CreationTimeS(); at > 0 {
				i.info.Created = time.Unix(at, 0)
			}
		}
	case "trak":
		return i.walk(from, to, i.track)
	case "udta", "ilst":
		return i.walk(from, to, i.movie)
	case "meta":
		return i.walk(from+4, to, i.movie)
	case "\xa9too":
		b, err := i.bytes(from, to)
		i.info.Hindsight = err == nil && len(b) > 16 && string(b[16:]) == toolName
	case "\xa9nam":
		b, err := i.bytes(from, to)
		if err == nil && len(b) > 16 && len(b) <= 16+mostTag {
			i.info.Title = strings.ToValidUTF8(string(b[16:]), "")
		}
	case "----":
		return i.item(from, to)
	case "covr":
		i.cover = [2]int64{from, to}
	case "free":
		if to-from == coverBox-8 {
			i.coverBox = from - 8
		}
	}
	return nil
}

func (i *inspector) track(name string, from, to int64) error {
	if name != "tkhd" {
		return nil
	}
	b, err := box.DecodeBox(uint64(from-8), io.NewSectionReader(i.r, from-8, to-from+8))
	if head, ok := b.(*box.TkhdBox); err == nil && ok && head.Width > 0 && i.info.Width == 0 {
		i.info.Width, i.info.Height = int(head.Width>>16), int(head.Height>>16)
	}
	return nil
}

// item reads a tag of our own.
func (i *inspector) item(from, to int64) error {
	ours, tag := false, ""
	return i.walk(from, to, func(name string, from, to int64) error {
		b, err := i.bytes(from, to)
		switch {
		case err != nil:
			return err
		case name == "mean" && len(b) > 4:
			ours = string(b[4:]) == tagMean
		case name == "name" && len(b) > 4:
			tag = string(b[4:])
		case name == "data" && ours && len(b) > 8 && len(b) <= 8+mostTag:
			i.tag(tag, b[8:], to)
		}
		return nil
	})
}

// tag takes the text of a tag of our own that ends at a place.
func (i *inspector) tag(name string, text []byte, end int64) {
	switch name {
	case starName:
		if len(text) == 1 {
			i.star, i.info.Starred = end-1, text[0] == starOn
		}
	case programName:
		i.info.Program = strings.ToValidUTF8(string(text), "")
	case originName:
		i.info.Origin = strings.ToValidUTF8(string(text), "")
	}
}

func (i *inspector) bytes(from, to int64) ([]byte, error) {
	if to-from > mostBox {
		return nil, errors.New("a box is too large")
	}
	b := make([]byte, to-from)
	_, err := i.r.ReadAt(b, from)
	return b, err
}

// fragmentEnd is the playing time of a file that was not ended: up to the end of its last fragment.
func (i *inspector) fragmentEnd() error {
	from, to := i.fragment[0], i.fragment[1]
	if to == 0 || to-from > mostBox {
		return nil
	}
	b, err := box.DecodeBox(uint64(from), io.NewSectionReader(i.r, from, to-from))
	m, ok := b.(*box.MoofBox)
	if err != nil || !ok || m.Traf == nil || m.Traf.Tfdt == nil || m.Traf.Tfhd == nil {
		return err
	}
	end := m.Traf.Tfdt.BaseMediaDecodeTime()
	for _, run := range m.Traf.Truns {
		end += run.Duration(m.Traf.Tfhd.DefaultSampleDuration)
	}
	i.info.Seconds = max(i.info.Seconds, float64(end)/videoScale)
	return nil
}
