package uploads

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/publish/api"
)

// Bounds of what a clip shows.
const (
	minSide = 16
	maxWide = 7680 // pixels, either way
	maxHigh = 4320
	minClip = 100 * time.Millisecond
	// maxName is the longest name of a track, in bytes.
	maxName = 60
	// headerSlop is by how much the header may say more than there is of video and sound.
	headerSlop = time.Second
)

// file is an upload that was found good.
type file struct {
	movie         mp4.Movie
	source        *mp4.Source
	length        time.Duration
	width, height int
	cover         []byte
	created       time.Time
}

// Close closes the file; its movie cannot be written anymore.
func (f *file) Close() error { return f.source.Close() }

// examine reads a file that anybody may have made. It changes it: what is not needed is taken out of its header. An
// error that is Invalid says what is wrong with it.
func examine(ctx context.Context, path string, longest time.Duration) (out *file, err error) {
	// The decoders below are not ours, and what is read is meant to break them.
	defer func() {
		if v := recover(); v != nil {
			out, err = nil, &panicked{v, debug.Stack()}
		}
	}()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	cover, err := screen(f, st.Size(), longest)
	if err != nil {
		return nil, err
	}
	source, err := mp4.Open(path)
	if err != nil {
		return nil, Invalid(err.Error())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, source.Close())
		}
	}()
	out = &file{source: source, cover: cover}
	if err := out.look(longest); err != nil {
		return nil, err
	}
	for _, t := range out.movie.Tracks {
		if t.Kind == mp4.H264 {
			if err := frames(ctx, f, t.Samples); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// panicked is a decoder that gave up; for the caller the file is damaged.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("a decoder panicked: %v\n%s", p.value, p.stack) }

func (p *panicked) Unwrap() error { return damaged }

// look takes what is to be written of the file, and checks what it shows.
func (f *file) look(longest time.Duration) error {
	sizes, err := f.source.PictureSizes()
	if err != nil {
		return Invalid(err.Error())
	}
	for _, p := range sizes {
		if p.X < minSide || p.Y < minSide || max(p.X, p.Y) > maxWide || min(p.X, p.Y) > maxHigh {
			return Invalid(fmt.Sprintf("its video has %d×%d pixels; it may have %d×%d to %d×%d", p.X, p.Y, minSide, minSide,
				maxWide, maxHigh))
		}
		f.width, f.height = max(f.width, p.X), max(f.height, p.Y)
	}
	m, err := f.source.Plain()
	if err != nil {
		return Invalid(err.Error())
	}
	f.length = m.End - m.Start
	switch {
	case m.Start != 0:
		return damaged
	case f.length < minClip:
		return Invalid(fmt.Sprintf("it is shorter than %v", minClip))
	case f.length > longest:
		return Invalid(fmt.Sprintf("it is %v long; the maximum is %v", f.length.Round(time.Second), longest))
	}
	var end time.Duration
	m.Tracks = slices.DeleteFunc(m.Tracks, func(t mp4.Track) bool { return len(t.Samples) == 0 })
	for i := range m.Tracks {
		t := &m.Tracks[i]
		t.Name = named(t.Name)
		for _, x := range t.Samples {
			end = max(end, x.PTS+x.Duration)
			if (x.PTS-x.DTS).Abs() > mostReorder || x.PTS.Abs() > longest+time.Hour {
				return damaged
			}
		}
		if err := track(*t, f.length); err != nil {
			return err
		}
	}
	if f.length > end+headerSlop {
		return Invalid("its header says that it is longer than its video and sound")
	}
	f.created, m.Created = m.Created, time.Time{}
	m.Chapters = chapters(m.Chapters, f.length)
	f.movie = m
	return nil
}

// track checks what is to be written of a track.
func track(t mp4.Track, length time.Duration) error {
	if t.Kind == mp4.AAC {
		// ISO/IEC 14496-3, 1.6.2.1: five bits of the object type, of which 2 is AAC-LC, four of the sampling rate, of which
		// 3 is 48 kHz, and four of the channels.
		if len(t.AACConfig) < 2 || len(t.AACConfig) > 64 {
			return damaged
		}
		c := binary.BigEndian.Uint16(t.AACConfig)
		if c>>11 != 2 || c>>7&15 != 3 || c>>3&15 < 1 || c>>3&15 > 2 {
			return Invalid("its sound is not AAC-LC with one or two channels at 48 kHz")
		}
	}
	if t.Kind != mp4.H264 {
		return nil
	}
	if !t.Samples[0].Sync {
		return Invalid("its video does not begin with a keyframe")
	}
	if !slices.ContainsFunc(t.Samples, func(x mp4.Sample) bool { return x.PTS >= 0 && x.PTS < length }) {
		return Invalid("it shows no video: its edit list leaves all of it out")
	}
	return nil
}

// named is a track's name as far as it can be shown.
func named(s string) string {
	s = strings.Join(strings.Fields(api.Printable(strings.ToValidUTF8(s, ""))), " ")
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "")
	}
	return s
}

// chapters are those within the clip, with titles that can be shown.
func chapters(in []mp4.Chapter, length time.Duration) (out []mp4.Chapter) {
	for _, c := range in {
		if c.Title = named(c.Title); c.At >= 0 && c.At < length {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b mp4.Chapter) int { return cmp.Compare(a.At, b.At) })
	return out
}

// frames reads all frames and makes sure that each is made of NAL units of H.264, and that keyframes are some.
func frames(ctx context.Context, r io.ReaderAt, samples []mp4.Sample) error {
	wrong := Invalid("its video is not H.264, or is damaged")
	var buf []byte
	for i, x := range samples {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		buf = slices.Grow(buf[:0], int(x.Size))[:x.Size]
		if _, err := r.ReadAt(buf, x.Place); err != nil {
			return err
		}
		key, slice := false, false
		for b := buf; len(b) > 0; {
			// Each behind its length in 4 bytes (ISO/IEC 14496-15, 5.3.3).
			if len(b) < 5 {
				return wrong
			}
			n := int64(binary.BigEndian.Uint32(b))
			if n < 1 || n > int64(len(b)-4) || b[4]&0x80 != 0 {
				return wrong
			}
			switch kind := media.NALType(b[4:]); {
			case kind == 0 || kind > 23:
				return wrong
			case kind == nalIDR:
				key, slice = true, true
			case kind <= nalPartition:
				slice = true
			}
			b = b[4+n:]
		}
		if !slice || x.Sync && !key {
			return wrong
		}
	}
	return nil
}

// Kinds of NAL units (ITU-T H.264, table 7-1): up to 4 are slices and parts of them, 5 is a slice of an IDR frame.
const (
	nalPartition = 4
	nalIDR       = 5
)
