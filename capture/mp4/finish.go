package mp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	box "github.com/Eyevinn/mp4ff/mp4"

	"github.com/hindsight-app/hindsight/capture/media"
)

// OpenEnded is Open for the user's files: a recording that a crash or a full disk has left as it grew is ended first.
func OpenEnded(path string) (*Source, error) {
	s, err := Open(path)
	if !errors.Is(err, errUnfinished) {
		return s, err
	}
	if err := Finish(path); err != nil {
		return nil, err
	}
	return Open(path)
}

// finishing keeps two from ending the same file.
var finishing sync.Mutex

// Finish makes an ordinary movie of a recording of this program that was not ended, in place, from what its fragments
// say. The time of the last change stays. After an error the file is as it was. One that is still being recorded, or
// that another program made, is an error and left alone; one that was ended is left alone.
func Finish(path string) error {
	finishing.Lock()
	defer finishing.Unlock()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return notEnded(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if !lock(f) {
		return errUnfinished
	}
	g, err := regrow(f, st.Size())
	if err != nil || g == nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	if err := g.finish(nil); err != nil {
		if !errors.Is(err, errHalf) {
			err = errors.Join(err, f.Truncate(st.Size()))
		}
		return notEnded(err)
	}
	_ = os.Chtimes(path, time.Time{}, st.ModTime()) // the movie is there, whatever its time
	return nil
}

func notEnded(err error) error {
	return fmt.Errorf("its recording was not ended, and that can't be done now: %w", err)
}

// regrow is the growing movie of a file as far as it was written; nil where the file has no fragments.
func regrow(f *os.File, size int64) (*Growing, error) {
	i, s := inspector{r: f}, &Source{file: f}
	if err := i.read(); err != nil {
		return nil, err
	}
	if i.fragment[1] == 0 {
		return nil, nil
	}
	if !i.info.Hindsight {
		return nil, errUnfinished
	}
	g := &Growing{file: f, size: size, behind: writeBehind{file: f}, movie: Movie{Created: i.info.Created,
		Program: i.info.Program, Origin: i.info.Origin, Title: i.info.Title, starred: i.info.Starred}}
	var moof *box.MoofBox // whose payload comes next
	var moofAt int64
	err := i.walk(0, size, func(name string, from, to int64) error {
		switch name {
		case "free":
			if g.front == 0 && to-from == int64(len(mdatHeader(0, true)))-8 {
				g.front = from - 8
			}
		case "moov":
			return i.walk(from, to, func(name string, from, to int64) error {
				if name != "trak" {
					return nil
				}
				return g.announced(s.box(from, to))
			})
		case "moof":
			moof, _ = s.box(from, to).(*box.MoofBox)
			moofAt = from - 8
		case "mdat":
			if moof != nil {
				whole := moof
				moof = nil
				return g.written(whole, moofAt, from, to, false)
			}
		}
		return nil
	})
	if err == nil && moof != nil {
		err = g.written(moof, moofAt, moofAt, size, true)
	}
	if err != nil {
		return nil, err
	}
	if g.front == 0 || len(g.plans) == 0 || g.plans[0].Kind != H264 {
		return nil, errDamaged
	}
	video := g.plans[0]
	if len(video.samples.sizes) == 0 {
		return nil, ErrEmpty
	}
	g.movie.End = video.origin + media.FromTicks(video.total, video.scale)
	return g, nil
}

var errDamaged = errors.New("its recording was not ended, and it is damaged")

// announced takes a track of the header.
func (g *Growing) announced(b box.Box) error {
	trak, ok := b.(*box.TrakBox)
	if !ok || trak.Tkhd == nil || trak.Mdia == nil || trak.Mdia.Hdlr == nil || trak.Mdia.Mdhd == nil ||
		trak.Mdia.Minf == nil || trak.Mdia.Minf.Stbl == nil || int(trak.Tkhd.TrackID) != len(g.plans)+1 {
		return errDamaged
	}
	t := stored{table: trak.Mdia.Minf.Stbl, scale: int64(trak.Mdia.Mdhd.Timescale)}
	if err := t.describe(trak.Mdia.Hdlr.HandlerType); err != nil {
		return err
	}
	p := &plan{Track: Track{Kind: t.Kind, AACConfig: t.AACConfig, Name: trak.Mdia.Hdlr.Name,
		Off: trak.Tkhd.Flags&1 == 0}, scale: soundScale, entries: t.sets}
	if p.Kind == H264 {
		p.scale = videoScale
	}
	if t.scale != p.scale {
		return errDamaged
	}
	g.plans = append(g.plans, p)
	return nil
}

// written takes a fragment, whose header lies at a place and whose payload between two. Of one that is torn it takes
// the samples that are there.
func (g *Growing) written(moof *box.MoofBox, at, from, to int64, torn bool) error {
	for _, t := range moof.Trafs {
		if t.Tfhd == nil || t.Tfdt == nil || len(t.Truns) != 1 || t.Tfhd.TrackID == 0 ||
			int(t.Tfhd.TrackID) > len(g.plans) {
			return errDamaged
		}
		n, run := int(t.Tfhd.TrackID)-1, t.Trun
		p := g.plans[n]
		base := int64(t.Tfdt.BaseMediaDecodeTime())
		if len(p.samples.sizes) == 0 {
			p.origin = media.FromTicks(base, p.scale)
		}
		if base-media.ToTicks(p.origin, p.scale) != p.total || !run.HasSampleSize() || !run.HasSampleDuration() ||
			len(run.Samples) == 0 || len(p.samples.sizes)+len(run.Samples) > mostSamples {
			return errDamaged
		}
		c := chunk{track: n, at: uint64(at + int64(run.DataOffset))}
		for _, x := range run.Samples {
			place := int64(c.at) + c.size
			if torn && place+int64(x.Size) > to {
				break
			}
			if x.Size > mostSample || place < from || place+int64(x.Size) > to {
				return errDamaged
			}
			c.count++
			c.size += int64(x.Size)
			it := item{dts: p.total, offset: x.CompositionTimeOffset, size: x.Size, sync: x.IsSync(), entry: 1}
			if p.Kind == H264 {
				if it.sync {
					g.describeFrame(p, place, x.Size)
				}
				it.entry = uint32(len(p.entries))
			}
			p.items = append(p.items, it)
			p.total += int64(x.Dur)
		}
		if c.count > 0 {
			c.entry = p.items[0].entry
			p.enter(c)
		}
	}
	return nil
}

// mostSets bounds the parameter sets in front of a frame, in bytes.
const mostSets = 4 << 10

// describeFrame begins a new sample description where a frame brings new parameter sets: those of the first description
// are in no frame, see addFrame.
func (g *Growing) describeFrame(p *plan, place int64, size uint32) {
	b := make([]byte, min(size, mostSets))
	if _, err := g.file.ReadAt(b, place); err != nil {
		return
	}
	var sets parameterSets
	for len(b) > 4 {
		n := binary.BigEndian.Uint32(b)
		if b = b[4:]; n == 0 || n > uint32(len(b)) {
			break
		}
		switch media.NALType(b[:n]) {
		case media.NALSPS:
			sets.sps = append(sets.sps, bytes.Clone(b[:n]))
		case media.NALPPS:
			sets.pps = append(sets.pps, bytes.Clone(b[:n]))
		}
		b = b[n:]
	}
	if sets.sps != nil && sets.pps != nil && !p.entries[len(p.entries)-1].equal(sets) {
		p.entries = append(p.entries, sets)
	}
}
