// Package mp4 writes movies: H.264 and AAC or Opus samples on one common time line, cut to an exact window by edit
// lists.
//
// The file is progressive (ISO/IEC 14496-12): ftyp, moov, mdat, so that it plays while it downloads. Samples keep their
// bytes; nothing is decoded. A window that begins between two keyframes is served by the samples from the
// keyframe before it, which players decode and do not show (8.6.6, edit list box). Box structures come from mp4ff; the
// package owns how samples become chunks, tables and edits. It has no goroutines.
package mp4

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Kind is the codec of a track.
type Kind uint8

// The codecs a movie can hold.
const (
	H264 Kind = iota
	AAC
	// Opus is what WebRTC carries; browsers play it in an MP4, QuickTime does not.
	Opus
	text // of chapters
	// HEVC and AV1 are written only. A sample is what their encapsulations put into a file, as GStreamer's parsers make
	// it: NAL units behind their lengths (ISO/IEC 14496-15, 8), or a temporal unit without its delimiter.
	HEVC
	AV1
)

// video says whether the kind is one of video.
func (k Kind) video() bool { return k == H264 || k == HEVC || k == AV1 }

// Timescales in ticks a second. 90 kHz divides by all usual frame rates; sound counts in its samples.
const (
	videoScale = 90000
	soundScale = 48000
	movieScale = 90000
)

// Sample is one access unit.
type Sample struct {
	DTS, PTS time.Duration
	// Duration is used for the last sample only; the others last until the next.
	Duration time.Duration
	// Sync marks an IDR frame; for sound it does not matter.
	Sync bool
	// Data is an H.264 access unit in Annex B form, one AAC access unit without ADTS header, or one Opus packet.
	Data []byte
	// NALs are the NAL units of Data, where the caller knows them already; it saves looking for start codes.
	NALs [][]byte
	// Place, where it is not 0, says that Movie.Fetch brings the sample when its turn to be written comes. NALs are
	// then the video's parameter sets alone, and Size is what PictureSize or the length of Data is.
	Place int64
	Size  uint32

	entry  uint32 // number of the sample description, from 1, in a track with from
	inBand bool   // its parameter sets are to be in it, in a track with from
}

// Track is one stream of samples in decoding order. A track's first video sample must be an IDR with SPS and PPS.
type Track struct {
	Kind    Kind
	Samples []Sample
	// AACConfig is the AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1) of AAC. Opus needs none: it is stereo at 48 kHz.
	AACConfig []byte
	// Config is what the sample description of HEVC or AV1 holds: an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15,
	// 8.3.3), or an AV1CodecConfigurationRecord. Width and Height are their frames' size in pixels.
	Config        []byte
	Width, Height int
	// Name is shown by editors; empty is none.
	Name string
	// Off keeps players from playing the track unless it is chosen. Sound tracks are alternatives to each other.
	Off bool
	// Priming is by how much the decoded sound comes later than its samples' PTS say; 0 when PTS are true already.
	Priming time.Duration

	// from, where it is not nil, is a file in which samples lie at their Place as they are to be written. sets are then
	// the video's sample descriptions.
	from io.ReaderAt
	sets []parameterSets
}

// Movie is what to write. Start and End are the window to present, on the samples' own time line.
type Movie struct {
	Tracks     []Track
	Start, End time.Duration
	Created    time.Time
	// Chapters may lie outside the window; those do not count.
	Chapters []Chapter
	// ReserveCover leaves CoverSpace bytes for a cover, which SetCover puts in later.
	ReserveCover bool
	// SoundOnly takes a movie without video, which has no chapters.
	SoundOnly bool
	// Fetch brings the NAL units or the data of a sample with a Place, so that a long movie need not be held in memory.
	// Each track's samples are asked for in their order, each once. What it returns is used until the next call.
	Fetch func(ctx context.Context, place int64) ([][]byte, error)
	// Program is whose window was captured, and Origin how the movie came about, in a word of the caller's. They become
	// tags, which Inspect reads; empty ones and those of more than 256 bytes do not.
	Program, Origin string
	// Title is what people call the movie, at most 256 bytes; it becomes a tag that players show.
	Title string

	starred bool
}

// ErrEmpty says that a movie has no video frame in its window.
var ErrEmpty = errors.New("there is no video in the requested time")

// item is a sample made ready: NAL units chosen, times in ticks.
type item struct {
	parts  [][]byte
	place  int64 // where more parts are to be fetched from, behind these; 0 if these are all
	size   uint32
	dts    int64 // ticks since the track's first sample
	offset int32 // PTS - DTS in ticks
	sync   bool
	entry  uint32 // number of the sample description, from 1
}

// chunk is a run of samples of one track that lie together in the file.
type chunk struct {
	track, first, count int
	entry               uint32
	start               time.Duration
	size                int64
	at                  uint64 // its place in a file that grows
}

type plan struct {
	Track
	scale   int64
	origin  time.Duration // DTS of the first sample
	items   []item
	total   int64 // ticks from the first sample's DTS to the end of the last
	entries []parameterSets
	chunks  []chunk
	samples samples
	buffer  []byte // the last sample read with from
}

// parameterSets are those of a sample description: one of each, but for those of frames that were encoded anew, which
// are beside them.
type parameterSets struct{ sps, pps [][]byte }

func (s parameterSets) equal(o parameterSets) bool {
	return slices.EqualFunc(s.sps, o.sps, bytes.Equal) && slices.EqualFunc(s.pps, o.pps, bytes.Equal)
}

func newPlan(t Track, end time.Duration) (*plan, error) {
	p := &plan{Track: t, scale: videoScale, origin: t.Samples[0].DTS, items: make([]item, len(t.Samples)),
		entries: t.sets}
	if !t.Kind.video() {
		p.scale = soundScale
	}
	for i := range t.Samples {
		s := &t.Samples[i]
		it := &p.items[i]
		*it = item{dts: media.ToTicks(s.DTS-p.origin, p.scale), sync: s.Sync, entry: 1}
		if i > 0 && it.dts <= p.items[i-1].dts {
			it.dts = p.items[i-1].dts + 1 // decoding times must grow
		}
		it.offset = int32(media.ToTicks(s.PTS-p.origin, p.scale) - it.dts)
		if t.from != nil && s.Place != 0 {
			it.place, it.entry = s.Place, max(s.entry, 1)
			if s.inBand {
				it.parts = slices.Concat(t.sets[it.entry-1].sps, t.sets[it.entry-1].pps)
			}
			it.size = sizeOf(it.parts) + s.Size
		} else if t.from != nil { // encoded anew; its parameter sets are among the descriptions
			_, it.parts = splitFrame(media.SplitAnnexB(s.Data))
			if s.inBand {
				sets := t.sets[max(s.entry, 1)-1]
				it.parts = slices.Concat(sets.sps, sets.pps, it.parts)
			}
			it.size, it.entry = sizeOf(it.parts), max(s.entry, 1)
		} else if t.Kind != H264 && s.Place != 0 {
			it.place, it.size = s.Place, s.Size
		} else if t.Kind != H264 {
			it.parts, it.size = [][]byte{s.Data}, uint32(len(s.Data))
		} else if err := p.addFrame(it, s); err != nil {
			return nil, err
		}
	}
	last := t.Samples[len(t.Samples)-1]
	length := media.ToTicks(last.DTS+last.Duration-p.origin, p.scale)
	if t.Kind.video() {
		// The last frame stays until the end of the window.
		length = max(length, media.ToTicks(end-p.origin, p.scale)-int64(p.items[len(p.items)-1].offset))
	}
	p.total = max(length, p.items[len(p.items)-1].dts+1)
	p.count()
	return p, nil
}

// addFrame takes parameter sets and delimiters out of the access unit: in an avc1 track they live in the sample
// description (ISO/IEC 14496-15, 5.3.3). New parameter sets begin a new description.
func (p *plan) addFrame(it *item, s *Sample) error {
	nals := s.NALs
	if nals == nil && s.Place == 0 {
		nals = media.SplitAnnexB(s.Data)
	}
	var sets parameterSets
	sets, it.parts = splitFrame(nals)
	it.place, it.size = s.Place, s.Size
	if s.Place == 0 {
		it.size = sizeOf(it.parts)
	}
	known := len(p.entries)
	if sets.sps != nil && sets.pps != nil {
		if known == 0 || !p.entries[known-1].equal(sets) {
			p.entries = append(p.entries, sets)
		}
	} else if known == 0 {
		return errors.New("the first frame has no parameter sets (SPS, PPS) and cannot be decoded")
	}
	it.entry = uint32(len(p.entries))
	if it.entry > 1 && sets.sps != nil && sets.pps != nil {
		// Many players read the first description only, and find later sets here.
		it.parts = slices.Concat(sets.sps, sets.pps, it.parts)
		it.size += sizeOf(sets.sps) + sizeOf(sets.pps)
	}
	return nil
}

// splitFrame parts the NAL units of an access unit into its parameter sets and what goes into the file.
func splitFrame(nals [][]byte) (sets parameterSets, parts [][]byte) {
	for _, n := range nals {
		if len(n) == 0 {
			continue
		}
		switch media.NALType(n) {
		case media.NALSPS:
			sets.sps = append(sets.sps, n)
		case media.NALPPS:
			sets.pps = append(sets.pps, n)
		case media.NALAUD:
		default:
			parts = append(parts, n)
		}
	}
	return sets, parts
}

// sizeOf is the length of NAL units in the file, each behind its own length in 4 bytes (ISO/IEC 14496-15, 5.3.3).
func sizeOf(parts [][]byte) (size uint32) {
	for _, n := range parts {
		size += 4 + uint32(len(n))
	}
	return size
}

// PictureSize returns what a Sample with a Place must say of an access unit: its parameter sets, nil where it has none,
// and its Size. The sets are not copied.
func PictureSize(nals [][]byte) (sets [][]byte, size uint32) {
	s, parts := splitFrame(nals)
	return slices.Concat(s.sps, s.pps), sizeOf(parts)
}

// count enters all items into the tables.
func (p *plan) count() {
	p.samples.sizes = make([]uint32, 0, len(p.items))
	for i := range p.items {
		p.samples.add(&p.items[i], p.duration(i))
	}
}

// duration of sample i in ticks.
func (p *plan) duration(i int) uint32 {
	if i+1 < len(p.items) {
		return uint32(p.items[i+1].dts - p.items[i].dts)
	}
	return uint32(p.total - p.items[i].dts)
}

// validate also drops tracks that have nothing in the window.
func (m *Movie) validate() error {
	if m.End <= m.Start {
		return fmt.Errorf("the window from %v to %v is empty", m.Start, m.End)
	}
	var kept []Track
	hasVideo := false
	for _, t := range m.Tracks {
		n := len(t.Samples)
		if n == 0 || t.Samples[0].PTS >= m.End {
			continue
		}
		if !t.Kind.video() && t.Samples[n-1].PTS+t.Samples[n-1].Duration <= m.Start {
			continue
		}
		hasVideo = hasVideo || t.Kind.video()
		kept = append(kept, t)
	}
	m.Tracks = kept
	if m.SoundOnly {
		m.Chapters = nil
	}
	if !hasVideo && (!m.SoundOnly || len(kept) == 0) {
		return ErrEmpty
	}
	return nil
}
