package uploads

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Bounds of a file's header. A clip of an hour at 60 FPS has some 400,000 samples and tables of 4 MB.
const (
	mostTop     = 64       // boxes at the top
	mostMoov    = 32 << 20 // bytes
	mostBoxes   = 512      // boxes within moov
	mostTracks  = 8
	mostSamples = 600_000  // of all tracks
	mostSample  = 16 << 20 // bytes
	mostEntries = 16       // sample descriptions of a track
	mostEdits   = 4
	mostScale   = 10_000_000 // ticks a second
	mostReorder = 10 * time.Second
	mostLeaf    = 4 << 10 // bytes of a box that has no table
	slack       = 10 * time.Second
)

// Invalid says what is wrong with a file, for whoever sent it.
type Invalid string

func (i Invalid) Error() string { return string(i) }

// What is wrong with most files that are not as they should be.
const (
	notMP4    = Invalid("it is not an MP4 video")
	truncated = Invalid("it is damaged, or only a part of a file")
	damaged   = Invalid("its header is damaged")
	tooMany   = Invalid("its header is larger than that of any clip")
)

// screening is one walk through a file's header, before anything else reads it. It holds the header in memory, makes
// sure that its tables are as long as they say and fit to each other, and turns every box that is not needed into a
// free one (ISO/IEC 14496-12, 8.1.2): what is decoded afterwards is known, and bounded.
type screening struct {
	f       *os.File
	size    int64
	length  time.Duration // the longest clip
	moov    []byte
	changed bool
	boxes   int
	media   int64 // bytes of media data
	sizes   int64 // bytes of all samples
	samples int64
	tracks  int
	cover   []byte
	track   *screened
}

// screened is a track that is being walked through.
type screened struct {
	handler        string
	scale          int64
	count, timed   int64 // samples, by their sizes and by their times
	ticks          int64
	reordered      int64 // samples with an offset; -1 without such a table
	syncs          int64
	sized, chunked bool
}

// screen walks through a file, which it may change. It returns the cover that it holds, nil if it has none.
func screen(f *os.File, size int64, length time.Duration) (cover []byte, err error) {
	s := &screening{f: f, size: size, length: length}
	from, err := s.top()
	if err != nil {
		return nil, err
	}
	if err := s.children("moov", s.moov[8:]); err != nil {
		return nil, err
	}
	if s.tracks == 0 {
		return nil, Invalid("it has no video")
	}
	if s.sizes > s.media {
		return nil, damaged // the same bytes are several samples
	}
	if s.changed {
		if _, err := f.WriteAt(s.moov, from); err != nil {
			return nil, err
		}
	}
	return s.cover, nil
}

// top walks through the boxes of the file, which must fill it, and reads moov. It returns where that is.
func (s *screening) top() (moov int64, err error) {
	var head [16]byte
	at := int64(0)
	for n := 0; at < s.size; n++ {
		if n == mostTop {
			return 0, tooMany
		}
		if _, err := s.f.ReadAt(head[:min(16, s.size-at)], at); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if s.size-at < 8 && n == 0 {
			return 0, notMP4
		}
		if s.size-at < 8 {
			return 0, truncated
		}
		size, body, name := int64(binary.BigEndian.Uint32(head[:])), int64(8), string(head[4:8])
		if n == 0 && (name != "ftyp" || size < 16 || size > mostLeaf) {
			return 0, notMP4
		}
		switch {
		case size == 1 && s.size-at >= 16:
			wide := binary.BigEndian.Uint64(head[8:])
			if wide > 1<<62 {
				return 0, truncated
			}
			size, body = int64(wide), 16
		case size == 0:
			size = s.size - at
		}
		if size < body || size > s.size-at {
			return 0, truncated
		}
		switch name {
		case "moof", "mfra", "sidx", "styp":
			return 0, Invalid("it is still being recorded, or is not one whole file (fragmented MP4)")
		case "mdat":
			s.media += size - body
		case "moov":
			if s.moov != nil || body != 8 {
				return 0, damaged
			}
			if size > mostMoov {
				return 0, tooMany
			}
			moov, s.moov = at, make([]byte, size)
			if _, err := s.f.ReadAt(s.moov, at); err != nil {
				return 0, err
			}
			// A size of 0, to the end of the file, means the same there.
			binary.BigEndian.PutUint32(s.moov, uint32(size))
		}
		at += size
	}
	switch {
	case at == 0:
		return 0, notMP4
	case s.moov == nil:
		return 0, truncated
	}
	return moov, nil
}

// inner are the boxes that are kept, by what they are in. All others become free.
var inner = map[string]map[string]bool{
	"moov": set("mvhd", "trak", "udta", "mvex"),
	"trak": set("tkhd", "edts", "mdia"),
	"edts": set("elst"),
	"mdia": set("mdhd", "hdlr", "minf"),
	"minf": set("vmhd", "smhd", "dinf", "stbl"),
	"dinf": set("dref"),
	"stbl": set("stsd", "stts", "ctts", "stss", "stsz", "stsc", "stco", "co64"),
	"udta": set("chpl", "meta"),
	"meta": set("ilst"),
	"ilst": set("covr"),
	"avc1": set("avcC"),
	"mp4a": set("esds"),
	"Opus": set("dOps"),
}

func set(names ...string) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		out[n] = true
	}
	return out
}

// children walks through the boxes that fill the body of another.
func (s *screening) children(parent string, b []byte) error {
	seen := map[string]bool{}
	for len(b) > 0 {
		if len(b) < 8 && parent == "udta" {
			return nil // QuickTime ends it with a zero
		}
		if len(b) < 8 {
			return damaged
		}
		size, name := int64(binary.BigEndian.Uint32(b)), string(b[4:8])
		if size < 8 || size > int64(len(b)) {
			return damaged
		}
		if s.boxes++; s.boxes > mostBoxes {
			return tooMany
		}
		box := b[:size]
		b = b[size:]
		if !inner[parent][name] {
			s.free(box)
			continue
		}
		if seen[name] && name != "trak" {
			return damaged
		}
		seen[name] = true
		if err := s.box(name, box); err != nil {
			return err
		}
	}
	return nil
}

// free makes a box one that nobody reads.
func (s *screening) free(box []byte) {
	copy(box[4:8], "free")
	s.changed = true
}

// box looks at a box that is kept.
func (s *screening) box(name string, box []byte) error {
	body := box[8:]
	switch name {
	case "mvex":
		return Invalid("it is still being recorded, or is not one whole file (fragmented MP4)")
	case "mvhd":
		scale, duration, err := header(body)
		if err != nil {
			return err
		}
		if duration > s.most(scale) {
			return s.tooLong()
		}
		return nil
	case "trak":
		return s.trak(box)
	case "meta":
		if len(body) < 4 {
			return damaged
		}
		return s.children(name, body[4:])
	case "edts", "mdia", "minf", "dinf", "stbl", "udta", "ilst":
		return s.children(name, body)
	case "covr":
		// A data box with a JPEG (QuickTime File Format, "Well-Known Types": 13).
		if len(body) > 16 && string(body[4:8]) == "data" && binary.BigEndian.Uint32(body[8:]) == 13 &&
			int64(binary.BigEndian.Uint32(body)) == int64(len(body)) {
			s.cover = bytes.Clone(body[16:])
		}
		return nil
	case "chpl":
		return nil // of at most 255, read as far as it goes
	case "stsd":
		return s.descriptions(body)
	case "stts", "ctts", "stss", "stsz", "stsc", "stco", "co64", "elst":
		return s.table(name, body)
	}
	if len(body) > mostLeaf {
		return tooMany
	}
	switch name {
	case "mdhd":
		scale, _, err := header(body)
		s.track.scale = scale
		return err
	case "hdlr":
		if len(body) < 24 {
			return damaged
		}
		s.track.handler = string(body[8:12])
	case "dref":
		return data(body)
	}
	return nil
}

// data checks a reference to where the media data are: only this file is one.
func data(body []byte) error {
	if len(body) != 20 || binary.BigEndian.Uint32(body[4:]) != 1 || string(body[12:16]) != "url " ||
		binary.BigEndian.Uint32(body[8:]) != 12 || body[19]&1 == 0 {
		return Invalid("its video or sound is in another file")
	}
	return nil
}

// header reads the timescale and the duration of mvhd and mdhd (8.2.2, 8.4.2).
func header(b []byte) (scale, duration int64, err error) {
	switch {
	case len(b) >= 32 && b[0] == 1:
		d := binary.BigEndian.Uint64(b[24:])
		if d > 1<<62 {
			return 0, 0, damaged
		}
		scale, duration = int64(binary.BigEndian.Uint32(b[20:])), int64(d)
	case len(b) >= 20 && b[0] == 0:
		scale, duration = int64(binary.BigEndian.Uint32(b[12:])), int64(binary.BigEndian.Uint32(b[16:]))
	default:
		return 0, 0, damaged
	}
	if scale < 1 || scale > mostScale {
		return 0, 0, damaged
	}
	return scale, duration, nil
}

// most is the longest duration in ticks.
func (s *screening) most(scale int64) int64 { return int64((s.length+slack)/time.Second+1) * scale }

func (s *screening) tooLong() error {
	return Invalid(fmt.Sprintf("it is longer than %v, the maximum", s.length))
}

// trak walks through a track. One that is neither video nor sound becomes free.
func (s *screening) trak(box []byte) error {
	t := &screened{reordered: -1}
	s.track = t
	if err := s.children("trak", box[8:]); err != nil {
		return err
	}
	if t.handler != "vide" && t.handler != "soun" {
		s.free(box)
		return nil
	}
	switch s.tracks++; {
	case s.tracks > mostTracks:
		return Invalid(fmt.Sprintf("it has more than %d tracks", mostTracks))
	case t.scale == 0 || !t.sized || !t.chunked || t.timed != t.count || t.reordered >= 0 && t.reordered != t.count,
		t.syncs > t.count:
		return damaged
	case t.ticks > s.most(t.scale):
		return s.tooLong()
	}
	return nil
}

// tables are the sizes of the entries of tables, in bytes, behind version, flags and their count.
var tables = map[string]int64{"stts": 8, "ctts": 8, "stss": 4, "stsc": 12, "stco": 4, "co64": 8}

// table checks a table: as long as it says, and within bounds (8.6 and 8.7).
func (s *screening) table(name string, b []byte) error {
	t := s.track
	if name == "stsz" {
		return s.sampleSizes(b)
	}
	if len(b) < 8 {
		return damaged
	}
	n, each := int64(binary.BigEndian.Uint32(b[4:])), tables[name]
	if name == "elst" {
		if each = 12; b[0] == 1 {
			each = 20
		}
		if n > mostEdits {
			return Invalid("its edit list has several parts; only one is read")
		}
	}
	if n > mostSamples || int64(len(b)) != 8+n*each {
		return damaged
	}
	last := uint32(0)
	for at := b[8:]; len(at) > 0; at = at[each:] {
		x := binary.BigEndian.Uint32(at)
		switch name {
		case "stts":
			delta := int64(binary.BigEndian.Uint32(at[4:]))
			t.timed += int64(x)
			t.ticks += int64(x) * delta
			if x == 0 || t.timed > mostSamples || t.ticks > 1<<50 {
				return damaged
			}
		case "ctts":
			t.reordered = max(t.reordered, 0) + int64(x)
			offset := int64(int32(binary.BigEndian.Uint32(at[4:])))
			if x == 0 || t.reordered > mostSamples || t.scale == 0 ||
				max(offset, -offset) > int64(mostReorder/time.Second)*t.scale {
				return damaged
			}
		case "stss", "stsc":
			if x <= last || name == "stsc" && binary.BigEndian.Uint32(at[4:]) == 0 {
				return damaged
			}
			last = x
		}
	}
	if name == "stss" {
		t.syncs = n
	}
	t.chunked = t.chunked || n > 0 && (name == "stco" || name == "co64")
	return nil
}

func (s *screening) sampleSizes(b []byte) error {
	if len(b) < 12 {
		return damaged
	}
	t := s.track
	t.sized = true
	uniform, n := int64(binary.BigEndian.Uint32(b[4:])), int64(binary.BigEndian.Uint32(b[8:]))
	t.count = n
	if s.samples += n; s.samples > mostSamples {
		return tooMany
	}
	if uniform > 0 {
		if len(b) != 12 || uniform > mostSample {
			return damaged
		}
		s.sizes += uniform * n
		return nil
	}
	if int64(len(b)) != 12+4*n {
		return damaged
	}
	for at := b[12:]; len(at) > 0; at = at[4:] {
		x := int64(binary.BigEndian.Uint32(at))
		if x == 0 || x > mostSample {
			return damaged
		}
		s.sizes += x
	}
	return nil
}

// entryHeads are how long the heads of sample descriptions are, before the boxes in them (12.1.3, 12.2.3).
var entryHeads = map[string]int{"avc1": 78, "mp4a": 28, "Opus": 28}

// descriptions walks through the sample descriptions (8.5.2).
func (s *screening) descriptions(b []byte) error {
	if len(b) < 8 || s.track.handler == "" {
		return damaged
	}
	n := int64(binary.BigEndian.Uint32(b[4:]))
	if n < 1 || n > mostEntries {
		return damaged
	}
	b = b[8:]
	for range n {
		if len(b) < 8 {
			return damaged
		}
		size, name := int64(binary.BigEndian.Uint32(b)), string(b[4:8])
		if size < 8 || size > int64(len(b)) || size > 64<<10 {
			return damaged
		}
		head, known := entryHeads[name]
		switch {
		case s.track.handler != "vide" && s.track.handler != "soun":
			return nil // this track becomes free
		case !known || (name == "avc1") != (s.track.handler == "vide"):
			return Invalid(fmt.Sprintf("its %s is of the kind %q; only H.264 with AAC or Opus is taken",
				map[string]string{"vide": "video", "soun": "sound"}[s.track.handler], name))
		case size < int64(8+head) || name != "avc1" && binary.BigEndian.Uint16(b[16:]) != 0:
			return damaged
		}
		if err := s.children(name, b[8+head:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	if len(b) != 0 {
		return damaged
	}
	return nil
}
