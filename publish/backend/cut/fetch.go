package cut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"

	"github.com/hindsight-app/hindsight/publish/backend/hls"
)

// place numbers a sample by its segment and where it stands in it; never 0.
func place(source, index int, sound bool) int64 {
	p := int64(source+1)<<32 | int64(index)<<1
	if sound {
		p |= 1
	}
	return p
}

// fetcher reads segments, and brings their samples again in the order of time.
type fetcher struct {
	sources []Source
	// kept are the segments that are being read, at most two: sound of one may be written after frames of the next.
	kept []keptSegment
	// garbage is about how much was read since the last collection, in bytes.
	garbage int64
}

// mostGarbage is how much of what was read may wait to be collected, in bytes.
const mostGarbage = 4 << 20

// collect frees the segments that are done with. Left to itself, the collector lets garbage grow to the size of all
// that is in use, which here would double what a clip takes.
func (f *fetcher) collect() {
	if f.garbage > mostGarbage {
		f.garbage = 0
		runtime.GC()
	}
}

type keptSegment struct {
	source int
	*hls.Segment
}

// fetch is mp4.Movie.Fetch.
func (f *fetcher) fetch(_ context.Context, place int64) ([][]byte, error) {
	seg, err := f.segment(int(place>>32) - 1)
	if err != nil {
		return nil, err
	}
	i, list := int(uint32(place)>>1), seg.Video
	if place&1 != 0 {
		list = seg.Audio
	}
	if i >= len(list) {
		return nil, errors.New("a stored segment has changed while it was read")
	}
	if i > 0 {
		list[i-1].NALs, list[i-1].Data = nil, nil // it is written
	}
	if place&1 != 0 {
		return [][]byte{list[i].Data}, nil
	}
	return list[i].NALs, nil
}

// segment returns a segment, which it reads unless it is one of those that are kept.
func (f *fetcher) segment(source int) (*hls.Segment, error) {
	for _, k := range f.kept {
		if k.source == source {
			return k.Segment, nil
		}
	}
	if len(f.kept) == 2 {
		f.kept = append(f.kept[:0], f.kept[1])
	}
	seg, _, err := f.read(f.sources[source])
	if err != nil {
		return nil, err
	}
	f.kept = append(f.kept, keptSegment{source, seg})
	return seg, nil
}

// file is an open file that remembers whether reading it failed, which parsers do not distinguish from damage.
type file struct {
	io.ReadCloser
	length *int64 // of all files, in bytes
	err    error
}

// open opens a file; the error is ErrLost if it does not exist.
func (f *fetcher) open(how func() (io.ReadCloser, error)) (*file, error) {
	stored, err := how()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrLost, err)
	}
	if err != nil {
		return nil, fmt.Errorf("a stored segment cannot be opened: %w", err)
	}
	return &file{ReadCloser: stored, length: &f.garbage}, nil
}

func (f *file) Read(b []byte) (int, error) {
	n, err := f.ReadCloser.Read(b)
	*f.length += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = fmt.Errorf("a stored segment cannot be read: %w", err)
	}
	return n, err
}

// verdict is what an error of the parser means.
func (f *file) verdict(err error) error {
	if f.err != nil || err == nil {
		return f.err
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}
