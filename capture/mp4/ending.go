package mp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// End writes what is left and makes the file an ordinary movie, with chapters and a cover (JPEG; nil for none). The
// last frame stays until the given end. After an error the file is as it was before: fragmented, and still to be
// played. The file is not closed.
func (g *Growing) End(end time.Duration, chapters []Chapter, cover []byte) error {
	g.movie.End = end
	for i, p := range g.plans {
		if n := len(p.items); n > 0 {
			p.total = p.items[n-1].dts + max(g.tail[i], 1)
		}
	}
	if p := g.plans[0]; len(p.items) > 0 {
		g.movie.End = max(end, p.origin+media.FromTicks(p.items[len(p.items)-1].dts+1, videoScale))
		p.total = max(media.ToTicks(g.movie.End-p.origin, p.scale), p.items[len(p.items)-1].dts+1)
	}
	if err := g.flush(0); err != nil {
		return err
	}
	if len(g.plans[0].samples.sizes) == 0 {
		return ErrEmpty
	}
	i := inspector{r: g.file}
	if err := i.read(); err != nil {
		return err
	}
	g.movie.starred, g.movie.Chapters = i.info.Starred, chapters
	whole := g.size
	if err := g.finish(cover); err != nil {
		g.size = whole
		return errors.Join(err, g.file.Truncate(whole))
	}
	return nil
}

// finish appends the titles of the chapters and the tables, then turns all before the tables into media data.
func (g *Growing) finish(cover []byte) error {
	var plans []*plan
	for _, p := range g.plans {
		if len(p.samples.sizes) > 0 {
			plans = append(plans, p)
		}
	}
	if p := chapterPlan(g.movie); p != nil {
		var b []byte
		for i := range p.items {
			p.chunks = append(p.chunks, chunk{count: 1, entry: 1, at: uint64(g.size) + uint64(len(b))})
			b = p.appendItem(b, &p.items[i])
		}
		if err := g.write(b); err != nil {
			return err
		}
		plans = append(plans, p)
	}
	mv, list, err := moov(g.movie, plans)
	if err != nil {
		return err
	}
	widen(mv)
	for i, p := range plans {
		for n, c := range p.chunks {
			mv.Traks[i].Mdia.Minf.Stbl.Co64.ChunkOffset[n] = c.at
		}
	}
	if len(cover) > 0 && len(cover) <= CoverSpace {
		addCover(list, cover)
	}
	payload := uint64(g.size-g.front) - uint64(len(mdatHeader(0, true)))
	var b bytes.Buffer
	if err := mv.Encode(&b); err != nil {
		return err
	}
	if err := g.write(b.Bytes()); err != nil {
		return err
	}
	if err := g.file.Sync(); err != nil {
		return err
	}
	_, err = g.file.WriteAt(mdatHeader(payload, true), g.front)
	if err == nil {
		err = g.file.Sync()
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("the recording cannot be ended: %w", err)
	if _, back := g.file.WriteAt(frontBox(), g.front); back != nil {
		return errors.Join(err, errHalf)
	}
	return err
}

// errHalf says that a recording may or may not be ended: it can be read with all that was written, and only so.
var errHalf = errors.New("the file can't be written to")

// frontBox is the box in front of a growing movie that becomes the head of its data.
func frontBox() []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(mdatHeader(0, true))))
	return append(append(b, "free"...), make([]byte, len(mdatHeader(0, true))-8)...)
}
