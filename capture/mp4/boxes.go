package mp4

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/Eyevinn/mp4ff/avc"
	box "github.com/Eyevinn/mp4ff/mp4"

	"github.com/hindsight-app/hindsight/capture/media"
)

// moov builds the movie header. Chunk offsets are filled in later by setOffsets.
// The returned list takes a cover.
func moov(m Movie, plans []*plan) (*box.MoovBox, *box.IlstBox, error) {
	mv := box.NewMoovBox()
	head := box.CreateMvhd()
	head.Timescale, head.NextTrackID = movieScale, uint32(len(plans)+1)
	head.Duration = uint64(media.ToTicks(m.End-m.Start, movieScale))
	head.Version = version(head.Duration)
	head.SetCreationTimeS(created(m).Unix())
	head.SetModificationTimeS(created(m).Unix())
	mv.AddChild(head)
	for i, p := range plans {
		trak, err := trak(m, p, uint32(i+1))
		if err != nil {
			return nil, nil, err
		}
		mv.AddChild(trak)
	}
	if n := len(plans); plans[n-1].Kind == text {
		refer(mv.Traks[slices.IndexFunc(plans, func(p *plan) bool { return p.Kind.video() })], uint32(n))
	}
	user, list := userData(m)
	mv.AddChild(user)
	return mv, list, nil
}

// version is that of a header which says a duration in ticks: 0 has 32 bits for it, 1 has 64.
func version(duration uint64) byte {
	if duration > 1<<32-1 {
		return 1
	}
	return 0
}

func created(m Movie) time.Time {
	if m.Created.IsZero() {
		return time.Unix(0, 0)
	}
	return m.Created
}

// handlers are the kinds of media and what the tracks are called.
var handlers = map[Kind]struct{ media, name string }{H264: {"video", "Picture"}, AAC: {"audio", "Sound"},
	Opus: {"audio", "Sound"}, text: {"text", "Chapters"}, HEVC: {"video", "Picture"}, AV1: {"video", "Picture"}}

// others are the sample descriptions of video that is only written, and of their configuration.
var others = map[Kind]struct{ entry, config string }{HEVC: {"hvc1", "hvcC"}, AV1: {"av01", "av1C"}}

func trak(m Movie, p *plan, id uint32) (*box.TrakBox, error) {
	t, err := emptyTrak(p, id)
	if err != nil {
		return nil, err
	}
	t.Mdia.Mdhd.Duration = uint64(p.total)
	t.Mdia.Mdhd.Version = version(t.Mdia.Mdhd.Duration)
	edits, length := edits(m, p)
	t.Tkhd.Duration, t.Tkhd.Version = length, version(length)
	edts := &box.EdtsBox{}
	edts.AddChild(edits)
	t.AddChild(edts)
	// The edit list stands before the media (8.6.5 allows any place, some players expect it here).
	n := len(t.Children)
	t.Children[n-1], t.Children[n-2] = t.Children[n-2], t.Children[n-1]
	return t, tables(t.Mdia.Minf.Stbl, p)
}

// emptyTrak is a track without samples.
func emptyTrak(p *plan, id uint32) (*box.TrakBox, error) {
	t := box.CreateEmptyTrak(id, uint32(p.scale), handlers[p.Kind].media, "und")
	t.Tkhd.Flags = 3 // enabled, in movie (ISO/IEC 14496-12, 8.3.2)
	if p.Off {
		t.Tkhd.Flags = 2
	}
	t.Mdia.Hdlr.Name = cmp.Or(p.Name, handlers[p.Kind].name)
	if p.Kind == AAC || p.Kind == Opus {
		t.Tkhd.AlternateGroup = 1
	}
	return t, describe(t, p)
}

// describe adds the sample descriptions: one avc1 for each pair of parameter sets, or one of another kind.
func describe(t *box.TrakBox, p *plan) error {
	switch p.Kind {
	case text:
		describeText(t)
		return nil
	case Opus:
		// "Encapsulation of Opus in ISO Base Media File Format", 4.3.2. What a decoder must skip is left to the edit
		// list.
		ops := &box.DopsBox{OutputChannelCount: 2, InputSampleRate: soundScale}
		t.Mdia.Minf.Stbl.Stsd.AddChild(box.CreateAudioSampleEntryBox("Opus", 2, 16, soundScale, ops))
		return nil
	case AAC:
		esds := box.CreateEsdsBox(p.AACConfig)
		t.Mdia.Minf.Stbl.Stsd.AddChild(box.CreateAudioSampleEntryBox("mp4a", 2, 16, soundScale, esds))
		return nil
	case HEVC, AV1:
		names := others[p.Kind]
		config := box.CreateUnknownBox(names.config, uint64(8+len(p.Config)), p.Config)
		t.Mdia.Minf.Stbl.Stsd.AddChild(box.CreateVisualSampleEntryBox(names.entry, uint16(p.Width), uint16(p.Height),
			config))
		t.Tkhd.Width, t.Tkhd.Height = box.Fixed32(p.Width<<16), box.Fixed32(p.Height<<16)
		return nil
	}
	var width, height uint
	for _, e := range p.entries {
		if err := t.SetAVCDescriptor("avc1", e.sps, e.pps, true); err != nil {
			return fmt.Errorf("the video's parameter sets cannot be read: %w", err)
		}
		sps, err := avc.ParseSPSNALUnit(e.sps[0], false)
		if err != nil {
			return fmt.Errorf("the video's parameter sets cannot be read: %w", err)
		}
		width, height = max(width, sps.Width), max(height, sps.Height)
	}
	t.Tkhd.Width, t.Tkhd.Height = box.Fixed32(width<<16), box.Fixed32(height<<16)
	return nil
}

// edits is the track's edit list: an empty edit while the track has not begun, then the window. It returns the edits'
// length in the movie's ticks as well. Media time m shows what happened at origin + m - priming.
func edits(m Movie, p *plan) (*box.ElstBox, uint64) {
	list := &box.ElstBox{}
	toMovie := func(t int64) int64 { return t * movieScale / p.scale }
	zero := p.origin - p.Priming // the moment that media time 0 shows
	begin, end := media.ToTicks(m.Start-zero, p.scale), media.ToTicks(m.End-zero, p.scale)
	first, last := int64(p.samples.first), p.total+int64(p.samples.last)
	var length uint64
	if gap := first - begin; gap > 0 {
		length = uint64(toMovie(gap))
		list.Entries = append(list.Entries, box.ElstEntry{SegmentDuration: length, MediaTime: -1, MediaRateInteger: 1})
		begin = first
	}
	shown := uint64(max(toMovie(min(end, last)-begin), 1))
	list.Entries = append(list.Entries, box.ElstEntry{SegmentDuration: shown, MediaTime: begin, MediaRateInteger: 1})
	length += shown
	if length > 1<<32-1 || begin > 1<<31-1 {
		list.Version = 1
	}
	return list, length
}
