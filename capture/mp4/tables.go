package mp4

import (
	"sort"
	"time"

	box "github.com/Eyevinn/mp4ff/mp4"

	"github.com/hindsight-app/hindsight/capture/media"
)

// chunkLength is how much of a track lies together before the other track's turn comes, so that players read the file
// in one sweep.
const chunkLength = 500 * time.Millisecond

// makeChunks cuts each track into runs and puts all runs in the order of their time.
func makeChunks(plans []*plan) []*chunk {
	var all []*chunk
	for ti, p := range plans {
		var c *chunk
		for i := range p.items {
			it := &p.items[i]
			start := p.origin + media.FromTicks(it.dts, p.scale)
			if c == nil || start-c.start >= chunkLength || c.entry != it.entry {
				c = &chunk{track: ti, first: i, start: start, entry: it.entry}
				all = append(all, c)
			}
			c.count++
			c.size += int64(it.size)
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].start < all[j].start })
	for _, c := range all {
		plans[c.track].chunks = append(plans[c.track].chunks, *c)
	}
	return all
}

// samples are the tables of a track, as they grow (ISO/IEC 14496-12, 8.6 and 8.7).
type samples struct {
	times       box.SttsBox
	sizes       []uint32
	syncs       []uint32
	counts      []uint32
	offsets     []int32
	first, last int32 // PTS - DTS of the first and the last
}

func (s *samples) add(it *item, duration uint32) {
	if len(s.sizes) == 0 {
		s.first = it.offset
	}
	s.last = it.offset
	s.sizes = append(s.sizes, it.size)
	addTime(&s.times, duration)
	if it.sync {
		s.syncs = append(s.syncs, uint32(len(s.sizes)))
	}
	if n := len(s.offsets); n > 0 && s.offsets[n-1] == it.offset {
		s.counts[n-1]++
	} else {
		s.counts, s.offsets = append(s.counts, 1), append(s.offsets, it.offset)
	}
}

// tables fills the sample tables of one track, but for the chunk offsets.
func tables(stbl *box.StblBox, p *plan) error {
	stbl.Stsz.SampleNumber, stbl.Stsz.SampleSize = uint32(len(p.samples.sizes)), p.samples.sizes
	*stbl.Stts = p.samples.times
	if p.Kind.video() {
		stbl.AddChild(&box.StssBox{SampleNumber: p.samples.syncs})
	}
	if len(p.samples.offsets) > 1 || p.samples.offsets[0] != 0 {
		ctts := &box.CttsBox{Version: 1} // signed offsets
		if err := ctts.AddSampleCountsAndOffset(p.samples.counts, p.samples.offsets); err != nil {
			return err
		}
		stbl.AddChild(ctts)
	}
	for i, c := range p.chunks {
		if i > 0 && p.chunks[i-1].count == c.count && p.chunks[i-1].entry == c.entry {
			continue
		}
		if err := stbl.Stsc.AddEntry(uint32(i+1), uint32(c.count), c.entry); err != nil {
			return err
		}
	}
	stbl.Stco.ChunkOffset = make([]uint32, len(p.chunks))
	return nil
}

func addTime(stts *box.SttsBox, d uint32) {
	if n := len(stts.SampleTimeDelta); n > 0 && stts.SampleTimeDelta[n-1] == d {
		stts.SampleCount[n-1]++
		return
	}
	stts.SampleCount, stts.SampleTimeDelta = append(stts.SampleCount, 1), append(stts.SampleTimeDelta, d)
}

// setOffsets places the chunks behind the header, with 64-bit offsets where the file is large.
func setOffsets(mv *box.MoovBox, plans []*plan, chunks []*chunk, first uint64, wide bool) {
	next := make([]int, len(plans))
	wideOffsets := make([]*box.Co64Box, len(plans))
	for i, t := range mv.Traks {
		if wide {
			wideOffsets[i] = t.Mdia.Minf.Stbl.Co64
		}
	}
	at := first
	for _, c := range chunks {
		n := next[c.track]
		next[c.track]++
		if wide {
			wideOffsets[c.track].ChunkOffset[n] = at
		} else {
			mv.Traks[c.track].Mdia.Minf.Stbl.Stco.ChunkOffset[n] = uint32(at)
		}
		at += uint64(c.size)
	}
}

// widen replaces the 32-bit chunk offset boxes by 64-bit ones.
func widen(mv *box.MoovBox) {
	for _, t := range mv.Traks {
		stbl := t.Mdia.Minf.Stbl
		wide := &box.Co64Box{ChunkOffset: make([]uint64, len(stbl.Stco.ChunkOffset))}
		for i, c := range stbl.Children {
			if c == box.Box(stbl.Stco) {
				stbl.Children[i] = wide
			}
		}
		stbl.Stco, stbl.Co64 = nil, wide
	}
}
