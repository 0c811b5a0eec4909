package x11

import (
	"slices"
	"sync/atomic"

	"github.com/hindsight-app/hindsight/capture/media"
)

// serials numbers the frames of all captures.
var serials atomic.Uint64

// bands knows for each band of the screen in which frame it last changed.
type bands struct {
	serial uint64 // of the frame that is being taken
	height int
	last   []uint64
}

// newBands begins with a frame in which everything is new.
func newBands(height int) *bands {
	b := &bands{height: height, last: make([]uint64, (height+media.BandRows-1)/media.BandRows)}
	b.next()
	b.all()
	return b
}

// next begins a frame.
func (b *bands) next() { b.serial = serials.Add(1) }

func (b *bands) all() { b.mark(media.Rows{To: b.height}) }

// mark notes that rows changed; what lies outside the frame does not matter.
func (b *bands) mark(r media.Rows) {
	r.From, r.To = max(r.From, 0), min(r.To, b.height)
	for i := r.From / media.BandRows; i*media.BandRows < r.To; i++ {
		b.last[i] = b.serial
	}
}

// changed says whether something is marked in this frame.
func (b *bands) changed() bool { return slices.Contains(b.last, b.serial) }

// of is the part of a frame's data, 4 bytes a pixel, that a band covers.
func (b *bands) of(band int, data []byte) []byte {
	row := len(data) / b.height
	return data[band*media.BandRows*row : min((band+1)*media.BandRows, b.height)*row]
}

// give lets a frame say what changed.
func (b *bands) give(p *Frame) {
	p.Serial = b.serial
	if p.from == nil {
		p.Bands = slices.Clone(b.last)
		return
	}
	p.from.bands = append(p.from.bands[:0], b.last...)
	p.Bands = p.from.bands
}
