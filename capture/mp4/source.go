package mp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	box "github.com/Eyevinn/mp4ff/mp4"

	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// mostTrack, mostSamples and mostSample bound what a hostile file can make the reader take: the tables of a track in
	// bytes, the samples of a track, and one sample in bytes.
	mostTrack   = 128 << 20
	mostSamples = 1 << 25
	mostSample  = 64 << 20
	// nearFrame is how far a moment may be from a frame's begin to mean that frame: people type milliseconds.
	nearFrame = time.Millisecond
	// soundLead is how much sound goes before the window, hidden, so that decoders have settled when it begins: Opus
	// needs 80 ms (RFC 7845, 4.6), AAC one access unit.
	soundLead = 100 * time.Millisecond
)

// errUnfinished says that a movie is still fragmented: it is being recorded, or was not ended.
var errUnfinished = errors.New("it is still being recorded, or its recording was not ended")

// Source is a finished movie opened for reading, to write parts of it anew with Cut. It holds the sample tables in
// memory, and never the samples. It has no goroutines and belongs to one.
type Source struct {
	file     *os.File
	size     int64
	info     Info
	length   time.Duration
	scale    int64 // of the movie, in ticks a second
	tracks   []*stored
	chapters []Chapter
}

// Open reads the header of an MP4 file whose video is H.264 and whose sound is AAC or Opus at 48 kHz, as this package
// writes it. The error says what else the file is. Close it.
func Open(path string) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &Source{file: f}
	if err := s.read(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// Close closes the file; movies that were cut from it cannot be written anymore.
func (s *Source) Close() error { return s.file.Close() }

// Length is the playing time.
func (s *Source) Length() time.Duration { return s.length }

func (s *Source) read() error {
	st, err := s.file.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return errors.New("it is not a file")
	}
	s.size = st.Size()
	i := inspector{r: s.file}
	if err := i.read(); err != nil {
		var head [8]byte
		if _, err := s.file.ReadAt(head[:], 0); err != nil || string(head[4:]) != "ftyp" {
			return errors.New("it is not an MP4 video")
		}
		return errors.New("it is damaged, or only a part of a file")
	}
	s.info = i.info
	if i.fragment[1] > 0 {
		return errUnfinished
	}
	err = i.walk(0, s.size, func(name string, from, to int64) error {
		if name != "moov" || s.scale > 0 {
			return nil
		}
		return i.walk(from, to, func(name string, from, to int64) error { return s.movie(&i, name, from, to) })
	})
	if err != nil {
		return err
	}
	videos := 0
	for _, t := range s.tracks {
		if t.Kind == H264 {
			videos++
		}
	}
	if videos == 0 {
		return errors.New("it has no video")
	}
	if videos > 1 {
		return fmt.Errorf("it has %d video tracks; only files with one are read", videos)
	}
	if s.length <= 0 {
		return errors.New("it has no length")
	}
	return nil
}

// movie reads the boxes within moov.
func (s *Source) movie(i *inspector, name string, from, to int64) error {
	switch name {
	case "mvex":
		return errUnfinished
	case "mvhd":
		head, ok := s.box(from, to).(*box.MvhdBox)
		if !ok || head.Timescale == 0 || head.Duration > 1<<50 {
			return errors.New("its header is damaged")
		}
		s.scale = int64(head.Timescale)
		s.length = media.FromTicks(int64(head.Duration), s.scale)
	case "trak":
		trak, ok := s.box(from, to).(*box.TrakBox)
		if !ok || s.scale == 0 {
			return errors.New("a track is damaged")
		}
		return s.track(trak)
	case "udta":
		return i.walk(from, to, func(name string, from, to int64) error {
			if b, err := i.bytes(from, to); name == "chpl" && err == nil {
				s.chapters = readNero(b)
			}
			return nil
		})
	}
	return nil
}

// box decodes a whole box, given by its body's bounds; nil if that is not possible.
func (s *Source) box(from, to int64) box.Box {
	if to-from > mostTrack {
		return nil
	}
	b, err := box.DecodeBox(uint64(from-8), io.NewSectionReader(s.file, from-8, to-from+8))
	if err != nil {
		return nil
	}
	return b
}

// readNero is the inverse of nero. What is cut short counts as far as it goes.
func readNero(b []byte) (out []Chapter) {
	if len(b) < 9 {
		return nil
	}
	for b = b[9:]; len(b) >= 9 && len(b) >= 9+int(b[8]); b = b[9+int(b[8]):] {
		at := binary.BigEndian.Uint64(b)
		if at > uint64(1<<62)/100 {
			return out
		}
		out = append(out, Chapter{At: time.Duration(at) * 100, Title: string(b[9 : 9+int(b[8])])})
	}
	return out
}

// stored is a track in a file.
type stored struct {
	Track
	table   *box.StblBox
	scale   int64
	gap     time.Duration // empty at the movie's begin
	begin   int64         // the media time that is shown first
	end     time.Duration // on the movie's time line: nothing is shown from here on
	samples uint32
}

// storedSample is a line of the sample tables.
type storedSample struct {
	at       int64
	size     uint32
	duration uint32
	dts      int64
	offset   int64
	sync     bool
	entry    uint32
}

// at is a media time on the movie's time line.
func (t *stored) at(ticks int64) time.Duration {
	return t.gap + media.FromTicks(ticks-t.begin, t.scale)
}

// track takes a track of video or sound; others, as that of chapters, are left alone.
func (s *Source) track(b *box.TrakBox) error {
	m := b.Mdia
	if m == nil || m.Hdlr == nil || m.Mdhd == nil || m.Mdhd.Timescale == 0 || b.Tkhd == nil {
		return errors.New("a track is damaged")
	}
	if m.Hdlr.HandlerType != "vide" && m.Hdlr.HandlerType != "soun" {
		return nil
	}
	if m.Minf == nil || m.Minf.Stbl == nil {
		return errors.New("a track is damaged")
	}
	t := &stored{table: m.Minf.Stbl, scale: int64(m.Mdhd.Timescale)}
	t.Name, t.Off, t.from = m.Hdlr.Name, b.Tkhd.Flags&1 == 0, s.file
	if err := t.describe(m.Hdlr.HandlerType); err != nil {
		return err
	}
	if err := t.edits(b.Edts, s.scale); err != nil {
		return err
	}
	if t.table.Stsz == nil || t.table.Stts == nil || t.table.Stsc == nil || t.table.Stco == nil && t.table.Co64 == nil {
		return errors.New("a track is damaged")
	}
	if t.samples = t.table.Stsz.GetNrSamples(); t.samples == 0 {
		return nil
	}
	if t.samples > mostSamples {
		return errors.New("it has too many samples")
	}
	var wrong error
	err := t.each(func(x storedSample) bool {
		end := x.at + int64(x.size)
		if x.at <= 0 || x.size > mostSample || end > s.size || t.Kind == H264 && int(x.entry) > len(t.sets) {
			wrong = errors.New("it is damaged, or only a part of one: not all of its video and sound is there")
		}
		return wrong == nil
	})
	if err = errors.Join(err, wrong); err != nil {
		return err
	}
	s.tracks = append(s.tracks, t)
	return nil
}

// describe reads the sample descriptions.
func (t *stored) describe(handler string) error {
	if t.table.Stsd == nil || len(t.table.Stsd.Children) == 0 {
		return errors.New("a track is damaged")
	}
	for _, c := range t.table.Stsd.Children {
		switch e := c.(type) {
		case *box.VisualSampleEntryBox:
			if e.Type() != "avc1" || e.AvcC == nil || len(e.AvcC.SPSnalus) == 0 || len(e.AvcC.PPSnalus) == 0 {
				return fmt.Errorf("its video is of the kind %s; only H.264 as Hindsight writes it is read", e.Type())
			}
			t.Kind = H264
			t.sets = append(t.sets, parameterSets{sps: e.AvcC.SPSnalus, pps: e.AvcC.PPSnalus})
		case *box.AudioSampleEntryBox:
			if len(t.table.Stsd.Children) > 1 || e.SampleRate != soundScale || t.scale != soundScale {
				return errors.New("its sound is not at 48 kHz")
			}
			switch {
			case e.Type() == "Opus" && e.ChannelCount <= 2:
				t.Kind = Opus
			case e.Type() == "mp4a" && e.Esds != nil && e.Esds.DecConfigDescriptor != nil &&
				e.Esds.DecConfigDescriptor.DecSpecificInfo != nil:
				t.Kind, t.AACConfig = AAC, e.Esds.DecConfigDescriptor.DecSpecificInfo.DecConfig
			default:
				return fmt.Errorf("its sound is of the kind %s; only AAC and stereo Opus are read", e.Type())
			}
		default:
			return fmt.Errorf("its %s is of the kind %s; only H.264, AAC and Opus are read",
				map[string]string{"vide": "video", "soun": "sound"}[handler], c.Type())
		}
	}
	return nil
}

// edits reads an edit list: nothing for a while, then one part of the media.
func (t *stored) edits(e *box.EdtsBox, movieScale int64) error {
	t.end = 1<<63 - 1
	var gap int64
	if e == nil || len(e.Elst) == 0 || len(e.Elst[0].Entries) == 0 {
		return nil
	}
	list := e.Elst[0].Entries
	for len(list) > 1 && list[0].MediaTime == -1 && list[0].SegmentDuration < 1<<50 && gap < 1<<50 {
		gap += int64(list[0].SegmentDuration)
		list = list[1:]
	}
	one := list[0]
	if len(list) != 1 || one.MediaTime < 0 || one.MediaTime > 1<<50 || one.MediaRateInteger != 1 ||
		one.MediaRateFraction != 0 || one.SegmentDuration > 1<<50 {
		return errors.New("its edit list has several parts; only one is read")
	}
	t.gap, t.begin = media.FromTicks(gap, movieScale), one.MediaTime
	if one.SegmentDuration > 0 {
		t.end = media.FromTicks(gap+int64(one.SegmentDuration), movieScale)
	}
	return nil
}

// each visits the samples in decoding order until it returns false. Tables that contradict each other are an error.
func (t *stored) each(visit func(storedSample) bool) error {
	b := t.table
	damaged := errors.New("its tables are damaged")
	chunks := 0
	if b.Co64 != nil {
		chunks = len(b.Co64.ChunkOffset)
	} else {
		chunks = len(b.Stco.ChunkOffset)
	}
	var n, inTime uint32 // samples so far, and of the time at hand
	var times, offsets, syncs, run int
	dts := int64(0)
	for c := range chunks {
		for run+1 < len(b.Stsc.Entries) && b.Stsc.Entries[run+1].FirstChunk <= uint32(c)+1 {
			run++
		}
		if len(b.Stsc.Entries) == 0 {
			return damaged
		}
		x := storedSample{entry: b.Stsc.GetSampleDescriptionID(1)}
		if len(b.Stsc.SampleDescriptionID) > run {
			x.entry = b.Stsc.SampleDescriptionID[run]
		}
		if b.Co64 != nil {
			x.at = int64(b.Co64.ChunkOffset[c])
		} else {
			x.at = int64(b.Stco.ChunkOffset[c])
		}
		for range b.Stsc.Entries[run].SamplesPerChunk {
			if n == t.samples {
				return nil
			}
			for times < len(b.Stts.SampleCount) && inTime == b.Stts.SampleCount[times] {
				times, inTime = times+1, 0
			}
			if times == len(b.Stts.SampleCount) || x.entry == 0 {
				return damaged
			}
			x.duration, x.offset = b.Stts.SampleTimeDelta[times], 0
			x.size, x.dts = b.Stsz.SampleUniformSize, dts
			if x.size == 0 {
				x.size = b.Stsz.SampleSize[n]
			}
			if b.Ctts != nil {
				for offsets < len(b.Ctts.SampleOffset) && n == b.Ctts.EndSampleNr[offsets+1] {
					offsets++
				}
				if offsets < len(b.Ctts.SampleOffset) {
					x.offset = int64(b.Ctts.SampleOffset[offsets])
				}
			}
			x.sync = b.Stss == nil
			if b.Stss != nil && syncs < len(b.Stss.SampleNumber) && b.Stss.SampleNumber[syncs] == n+1 {
				x.sync = true
				syncs++
			}
			if !visit(x) {
				return nil
			}
			n++
			inTime++
			dts += int64(x.duration)
			x.at += int64(x.size)
		}
	}
	if n < t.samples {
		return damaged
	}
	return nil
}

// Cut is the part of the movie between two moments of its playing time, to be written while the source is open. Its
// samples are those of the source, byte by byte. The part begins with the frame that is on the screen at its begin; a
// moment within a millisecond of a frame's begin is taken for that. Star, date and chapters go with it; it has space
// for a cover, and none.
func (s *Source) Cut(from, to time.Duration) (Movie, error) {
	m := Movie{Created: s.info.Created, ReserveCover: true, starred: s.info.Starred,
		Program: s.info.Program, Origin: s.info.Origin, Title: s.info.Title}
	video := s.video()
	m.End = s.length
	if from > 0 {
		m.Start = video.near(from)
	}
	if s.length-to > nearFrame {
		m.End = video.near(to)
	}
	if m.End <= m.Start {
		return Movie{}, ErrEmpty
	}
	for _, t := range s.tracks {
		if t.Kind == H264 {
			m.Tracks = append(m.Tracks, t.frames(m.Start, m.End))
		} else {
			m.Tracks = append(m.Tracks, t.sound(m.Start, m.End))
		}
	}
	for _, c := range s.chapters {
		if c.At == 0 && c.Title == firstTitle {
			continue // comes anew where it is needed
		}
		if near := (c.At - m.Start).Abs(); near <= nearFrame {
			c.At = m.Start
		}
		m.Chapters = append(m.Chapters, c)
	}
	return m, nil
}

// near is the begin of the frame nearest to a moment, if it is near enough, else the moment.
func (t *stored) near(at time.Duration) time.Duration {
	best, distance := at, nearFrame+1
	_ = t.each(func(x storedSample) bool { // the tables were found good
		p := t.at(x.dts + x.offset)
		if d := (p - at).Abs(); p >= 0 && p < t.end && d < distance {
			best, distance = p, d
		}
		return true
	})
	return best
}

// sample is a line of the tables as a sample of a movie.
func (t *stored) sample(x storedSample) Sample {
	return Sample{DTS: t.at(x.dts), PTS: t.at(x.dts + x.offset), Duration: media.FromTicks(int64(x.duration), t.scale),
		Sync: x.sync, Place: x.at, Size: x.size, entry: x.entry}
}

// frames are the video from the last keyframe at or before the window's begin.
func (t *stored) frames(start, end time.Duration) Track {
	end = min(end, t.end)
	var first, last uint32 // in decoding order; last is excluded
	n := uint32(0)
	_ = t.each(func(x storedSample) bool {
		p := t.at(x.dts + x.offset)
		if x.sync && p <= start {
			first = n
		}
		n++
		if p < end {
			last = n
		}
		return true
	})
	out := t.Track
	out.sets = nil
	entries := map[uint32]uint32{}
	shown := -1
	n = 0
	_ = t.each(func(x storedSample) bool {
		if n >= first && n < last {
			y := t.sample(x)
			if entries[y.entry] == 0 {
				out.sets = append(out.sets, t.sets[y.entry-1])
				entries[y.entry] = uint32(len(out.sets))
			}
			y.entry = entries[y.entry]
			if y.PTS >= 0 && y.PTS <= start && (shown < 0 || y.PTS > out.Samples[shown].PTS) {
				shown = len(out.Samples)
			}
			out.Samples = append(out.Samples, y)
		}
		n++
		return n < last
	})
	// Players leave out a frame that begins before the edit, even if it is on the screen when that begins.
	if shown >= 0 {
		out.Samples[shown].PTS = start
	}
	return out
}

func (t *stored) sound(start, end time.Duration) Track {
	end = min(end, t.end)
	from := start - soundLead
	if t.gap > 0 {
		from = max(from, t.gap) // what is hidden behind the gap stays away
	}
	out := t.Track
	_ = t.each(func(x storedSample) bool {
		y := t.sample(x)
		if y.PTS+y.Duration > from && y.PTS < end {
			out.Samples = append(out.Samples, y)
		}
		return y.PTS < end
	})
	return out
}
