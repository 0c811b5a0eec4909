package export

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// spool is a file of encoded packets, so that a long video need not be held in memory. It belongs to one goroutine.
type spool struct {
	file   *os.File
	out    *bufio.Writer
	at     int64 // of the next packet
	buffer []byte
}

// headSize is the length of what stands before a packet: its kind and its size. The file begins with one, for a place
// of 0 means another thing to mp4.
const headSize = 5

func newSpool(path string) (*spool, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	s := &spool{file: f, out: bufio.NewWriterSize(f, 256<<10), at: headSize}
	_, err = s.out.Write(make([]byte, headSize))
	return s, err
}

// put writes a packet and returns its place.
func (s *spool) put(kind mp4.Kind, data []byte) (int64, error) {
	var head [headSize]byte
	head[0] = byte(kind)
	binary.BigEndian.PutUint32(head[1:], uint32(len(data)))
	if _, err := s.out.Write(head[:]); err != nil {
		return 0, err
	}
	if _, err := s.out.Write(data); err != nil {
		return 0, err
	}
	at := s.at
	s.at += int64(headSize + len(data))
	return at, nil
}

// video writes an access unit of H.264 in Annex B form and returns it as a sample without times.
func (s *spool) video(data []byte) (mp4.Sample, error) {
	at, err := s.put(mp4.H264, data)
	if err != nil {
		return mp4.Sample{}, err
	}
	nals := media.SplitAnnexB(data)
	sets, size := mp4.PictureSize(nals)
	x := mp4.Sample{Place: at, Size: size}
	for _, n := range sets {
		x.NALs = append(x.NALs, append([]byte(nil), n...))
	}
	for _, n := range nals {
		x.Sync = x.Sync || media.NALType(n) == media.NALIDR
	}
	return x, nil
}

// packet writes a packet of another kind and returns it as a sample without times.
func (s *spool) packet(kind mp4.Kind, data []byte) (mp4.Sample, error) {
	at, err := s.put(kind, data)
	return mp4.Sample{Place: at, Size: uint32(len(data))}, err
}

// fetch is the Fetch of a movie whose samples are in the spool.
func (s *spool) fetch(_ context.Context, at int64) ([][]byte, error) {
	var head [headSize]byte
	if _, err := s.file.ReadAt(head[:], at); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(head[1:]))
	if int64(size) > s.at-at {
		return nil, fmt.Errorf("what was encoded cannot be read again: %w", io.ErrUnexpectedEOF)
	}
	if cap(s.buffer) < size {
		s.buffer = make([]byte, size+size/2)
	}
	b := s.buffer[:size]
	if _, err := s.file.ReadAt(b, at+headSize); err != nil {
		return nil, err
	}
	if mp4.Kind(head[0]) == mp4.H264 {
		return media.SplitAnnexB(b), nil
	}
	return [][]byte{b}, nil
}

// rewind forgets all from a place on, and goes on there.
func (s *spool) rewind(at int64) error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	s.at = at
	return errors.Join(s.file.Truncate(at), s.seek(at))
}

func (s *spool) seek(at int64) error {
	_, err := s.file.Seek(at, io.SeekStart)
	return err
}

// close closes and deletes the file.
func (s *spool) close() error { return errors.Join(s.file.Close(), os.Remove(s.file.Name())) }
