package mp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	box "github.com/Eyevinn/mp4ff/mp4"

	"github.com/hindsight-app/hindsight/capture/media"
)

// fragmentLength is how much video goes into one fragment; a crash loses the one that was not written.
const fragmentLength = time.Second

// Growing is a movie that is written while it is recorded. As long as it grows it is fragmented (ISO/IEC 14496-12,
// 8.8), so that it plays whatever happens to the process: every second is whole once it is written. When it ends it
// becomes an ordinary movie in place: the sample tables go behind the last fragment, and the header that announced
// fragments becomes, with all of them, the payload of one media data box. Tables take 4 bytes a sample in memory, about
// 1.5 MB an hour.
//
// It has no goroutines and belongs to one.
type Growing struct {
	file   *os.File
	movie  Movie
	plans  []*plan
	tail   []int64 // for each plan, how long its last sample is by itself, in ticks
	front  int64   // where the box lies that becomes the media data's header
	size   int64   // up to the last whole fragment
	behind writeBehind
	number uint32
}

// Grow begins a movie in an empty file opened for reading and writing. The movie's tracks say what will come, without
// samples; first is the first frame, with its parameter sets, and the movie begins with it.
func Grow(f *os.File, m Movie, first Sample) (*Growing, error) {
	g := &Growing{file: f, movie: m, tail: make([]int64, len(m.Tracks)), behind: writeBehind{file: f}}
	lock(f) // until it is closed, see Finish; where that is not possible, nobody else gets the lock either
	g.movie.Start = first.PTS
	for _, t := range m.Tracks {
		p := &plan{Track: t, scale: soundScale}
		if t.Kind == H264 {
			p.scale = videoScale
			if err := p.addFrame(&item{}, &first); err != nil {
				return nil, err
			}
		}
		g.plans = append(g.plans, p)
	}
	mv, err := g.announce()
	if err != nil {
		return nil, err
	}
	ftyp := box.NewFtyp("isom", 0x200, []string{"isom", "iso2", "avc1", "iso5", "mp41"})
	g.front = int64(ftyp.Size())
	var b bytes.Buffer
	err = ftyp.Encode(&b)
	b.Write(frontBox())
	if err := errors.Join(err, mv.Encode(&b)); err != nil {
		return nil, err
	}
	return g, g.write(b.Bytes())
}

// announce builds the header of a fragmented movie.
func (g *Growing) announce() (*box.MoovBox, error) {
	mv := box.NewMoovBox()
	head := box.CreateMvhd()
	head.Timescale, head.NextTrackID = movieScale, uint32(len(g.plans)+1)
	head.SetCreationTimeS(created(g.movie).Unix())
	head.SetModificationTimeS(created(g.movie).Unix())
	mv.AddChild(head)
	extends := box.NewMvexBox()
	for i, p := range g.plans {
		t, err := emptyTrak(p, uint32(i+1))
		if err != nil {
			return nil, err
		}
		mv.AddChild(t)
		extends.AddChild(box.CreateTrex(uint32(i + 1)))
	}
	user, _ := userData(g.movie)
	mv.AddChild(extends)
	mv.AddChild(user)
	return mv, nil
}

// write appends to the file, or leaves it as it was.
func (g *Growing) write(b []byte) error {
	if _, err := g.behind.Write(b); err != nil {
		_, seek := g.file.Seek(g.size, io.SeekStart)
		return errors.Join(err, g.file.Truncate(g.size), seek)
	}
	g.size += int64(len(b))
	return nil
}

// Size is the file's size in bytes.
func (g *Growing) Size() int64 { return g.size }

// Add takes the next sample of a track, by its index in the movie. Samples from before the movie's begin are left out.
// After an error the movie is whole up to the last fragment; End it, or try again with the next sample.
func (g *Growing) Add(track int, s Sample) error {
	p := g.plans[track]
	if s.PTS < g.movie.Start {
		return nil
	}
	if len(p.items) == 0 && len(p.samples.sizes) == 0 {
		p.origin = s.DTS
	}
	it := item{dts: media.ToTicks(s.DTS-p.origin, p.scale), sync: s.Sync, entry: 1}
	it.offset = int32(media.ToTicks(s.PTS-p.origin, p.scale) - it.dts)
	if n := len(p.items); n > 0 && it.dts <= p.items[n-1].dts {
		it.dts = p.items[n-1].dts + 1
	}
	if p.Kind != H264 {
		it.parts, it.size = [][]byte{s.Data}, uint32(len(s.Data))
	} else if err := p.addFrame(&it, &s); err != nil {
		return err
	}
	p.items = append(p.items, it)
	p.total = it.dts + 1
	g.tail[track] = media.ToTicks(s.Duration, p.scale)
	if p.Kind == H264 && it.dts-p.items[0].dts >= media.ToTicks(fragmentLength, p.scale) {
		return g.flush(1)
	}
	return nil
}

// flush writes a fragment of what is held, but for the last samples of each track, whose length is not known yet.
func (g *Growing) flush(held int) error {
	moof := &box.MoofBox{}
	_ = moof.AddChild(box.CreateMfhd(g.number + 1)) // refuses a second one only
	var payload []byte
	var runs []*box.TrunBox
	var took []chunk
	for ti, p := range g.plans {
		n := len(p.items) - held
		if n <= 0 {
			continue
		}
		c := chunk{track: ti, count: n, entry: p.items[0].entry, at: uint64(len(payload))}
		run := box.CreateTrun(0)
		for i := range n {
			it := &p.items[i]
			flags := box.NonSyncSampleFlags
			if it.sync || p.Kind != H264 {
				flags = box.SyncSampleFlags
			}
			run.AddSample(box.NewSample(flags, p.duration(i), it.size, it.offset))
			payload = p.appendItem(payload, it)
		}
		c.size = int64(len(payload)) - int64(c.at)
		traf := &box.TrafBox{}
		base := uint64(media.ToTicks(p.origin-g.movie.Start, p.scale) + p.items[0].dts)
		for _, b := range []box.Box{box.CreateTfhd(uint32(ti + 1)), box.CreateTfdt(base), run} {
			if err := traf.AddChild(b); err != nil {
				return err
			}
		}
		if err := moof.AddChild(traf); err != nil {
			return err
		}
		runs, took = append(runs, run), append(took, c)
	}
	return g.writeFragment(moof, runs, took, payload)
}

func (p *plan) appendItem(b []byte, it *item) []byte {
	for _, part := range it.parts {
		if p.Kind == H264 {
			b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		}
		b = append(b, part...)
	}
	return b
}

func (g *Growing) writeFragment(moof *box.MoofBox, runs []*box.TrunBox, took []chunk, payload []byte) error {
	if len(took) == 0 {
		return nil
	}
	body := moof.Size() + uint64(len(mdatHeader(0, false)))
	for i, run := range runs {
		run.DataOffset = int32(body + took[i].at)
	}
	var b bytes.Buffer
	if err := moof.Encode(&b); err != nil {
		return fmt.Errorf("a fragment cannot be made: %w", err)
	}
	b.Write(mdatHeader(uint64(len(payload)), false))
	b.Write(payload)
	start := uint64(g.size)
	if err := g.write(b.Bytes()); err != nil {
		return err
	}
	g.number++
	for _, c := range took {
		p := g.plans[c.track]
		c.at += start + body
		p.enter(c)
	}
	return nil
}

// enter books the items of a chunk that was written. A chunk has one description: it is parted where a new one begins.
func (p *plan) enter(c chunk) {
	at := c.at
	part := chunk{track: c.track, entry: c.entry, at: at}
	for i := range c.count {
		it := &p.items[i]
		if it.entry != part.entry {
			p.chunks = append(p.chunks, part)
			part = chunk{track: c.track, entry: it.entry, at: at}
		}
		p.samples.add(it, p.duration(i))
		part.count++
		part.size += int64(it.size)
		at += uint64(it.size)
	}
	p.chunks = append(p.chunks, part)
	clear(p.items[:c.count])
	p.items = append(p.items[:0], p.items[c.count:]...)
}
