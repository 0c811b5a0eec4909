package mp4

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	box "github.com/Eyevinn/mp4ff/mp4"
)

// TempPrefix and TempSuffix begin and end the names of files that are being written.
const (
	TempPrefix = ".hindsight-"
	TempSuffix = ".partial"
)

// Write writes the movie and returns the number of bytes. It returns ErrEmpty when no frame lies in the window.
func Write(ctx context.Context, w io.Writer, m Movie) (int64, error) {
	plans, err := m.plans()
	if err != nil {
		return 0, err
	}
	chunks := makeChunks(plans)
	mv, _, err := moov(m, plans)
	if err != nil {
		return 0, err
	}
	var payload uint64
	for _, c := range chunks {
		payload += uint64(c.size)
	}
	ftyp := box.NewFtyp("isom", 0x200, []string{"isom", "iso2", "avc1", "mp41"})
	for _, p := range plans {
		if other, is := others[p.Kind]; is {
			ftyp = box.NewFtyp("isom", 0x200, []string{"isom", "iso2", other.entry, "mp41"})
		}
	}
	if m.SoundOnly {
		ftyp = box.NewFtyp("M4A ", 0x200, []string{"M4A ", "isom", "iso2", "mp41"})
	}
	wide := payload > 1<<32-1<<24
	mdatHead := uint64(8)
	if wide {
		widen(mv)
		mdatHead = 16
	}
	first := ftyp.Size() + mv.Size() + mdatHead
	setOffsets(mv, plans, chunks, first, wide)
	out := bufio.NewWriterSize(w, 1<<20)
	if err := errors.Join(ftyp.Encode(out), mv.Encode(out)); err != nil {
		return 0, err
	}
	if _, err := out.Write(mdatHeader(payload, wide)); err != nil {
		return 0, err
	}
	if err := writeChunks(ctx, out, m, plans, chunks); err != nil {
		return 0, err
	}
	return int64(first + payload), out.Flush()
}

// plans makes all tracks ready; the chapters come last.
func (m *Movie) plans() ([]*plan, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	var plans []*plan
	for _, t := range m.Tracks {
		p, err := newPlan(t, m.End)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	if p := chapterPlan(*m); p != nil {
		plans = append(plans, p)
	}
	return plans, nil
}

// mdatHeader is the header of the media data box; size 1 announces a 64-bit size (ISO/IEC 14496-12, 4.2).
func mdatHeader(payload uint64, wide bool) []byte {
	if wide {
		b := binary.BigEndian.AppendUint32(nil, 1)
		b = append(b, "mdat"...)
		return binary.BigEndian.AppendUint64(b, payload+16)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(payload+8)), "mdat"...)
}

func writeChunks(ctx context.Context, w io.Writer, m Movie, plans []*plan, chunks []*chunk) error {
	for _, c := range chunks {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := plans[c.track]
		for i := c.first; i < c.first+c.count; i++ {
			it := &p.items[i]
			parts, err := p.content(ctx, m, it)
			if err != nil {
				return err
			}
			stored := p.from != nil && it.place != 0 // with their lengths
			if stored {
				if err := writeParts(w, it.parts, true); err != nil {
					return err
				}
			}
			if err := writeParts(w, parts, p.Kind == H264 && !stored); err != nil {
				return err
			}
		}
	}
	return nil
}

// content returns what an item is made of, and fetches what is not here.
func (p *plan) content(ctx context.Context, m Movie, it *item) ([][]byte, error) {
	if it.place == 0 {
		return it.parts, nil
	}
	if p.from != nil {
		size := it.size - sizeOf(it.parts)
		p.buffer = slices.Grow(p.buffer[:0], int(size))[:size]
		if _, err := p.from.ReadAt(p.buffer, it.place); err != nil {
			return nil, fmt.Errorf("what is stored cannot be read: %w", err)
		}
		return [][]byte{p.buffer}, nil
	}
	fetched, err := m.Fetch(ctx, it.place)
	if err != nil {
		return nil, err
	}
	parts := fetched
	size := uint32(0)
	if p.Kind == H264 {
		_, parts = splitFrame(fetched)
		parts = slices.Concat(it.parts, parts)
		size = sizeOf(parts)
	} else {
		for _, part := range parts {
			size += uint32(len(part))
		}
	}
	if size != it.size {
		return nil, fmt.Errorf("what is stored has changed while it was read: %d bytes instead of %d", size, it.size)
	}
	return parts, nil
}

func writeParts(w io.Writer, parts [][]byte, lengths bool) error {
	var length [4]byte
	for _, part := range parts {
		if lengths {
			binary.BigEndian.PutUint32(length[:], uint32(len(part)))
			if _, err := w.Write(length[:]); err != nil {
				return err
			}
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile writes the movie to a new file: into a temporary file beside it, then to the disk, then under its name. It
// never overwrites: when the name is taken it returns os.ErrExist and leaves nothing behind.
func WriteFile(ctx context.Context, path string, m Movie) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), TempPrefix+"*"+TempSuffix)
	if err != nil {
		return 0, err
	}
	defer func() {
		err = errors.Join(err, ignoreClosed(f.Close()))
		if e := os.Remove(f.Name()); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}()
	if err := f.Chmod(0o644); err != nil {
		return 0, err
	}
	if size, err = Write(ctx, &writeBehind{file: f}, m); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil { // nobody waits for it anymore, or it was written elsewhere
		return 0, err
	}
	if err := Publish(f.Name(), path); err != nil {
		return 0, err
	}
	return size, syncFolder(filepath.Dir(path))
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// Publish gives a complete file its name without ever replacing another. File systems without hard links (FAT) get the
// name reserved first and replaced then.
func Publish(temp, path string) error {
	err := os.Link(temp, path)
	if err == nil || errors.Is(err, os.ErrExist) || errors.Is(err, syscall.EXDEV) {
		return err // on another file system a name would be reserved for nothing, and stay after a crash
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	err = f.Close()
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path)) // ours, and empty
	}
	return nil
}

// syncFolder makes the new name durable; file systems that cannot do it are left alone.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("the folder cannot be opened: %w", err)
	}
	_ = d.Sync()
	return d.Close()
}
