package x11

import (
	"errors"
	"fmt"
	"image"
	"sync"

	"github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xproto"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Frame is what was read. Data is BGRx, 4 bytes a pixel without padding, top row first. Serial and Bands are those of
// media.Frame. Data and Bands are valid until Release.
type Frame struct {
	Width, Height int
	Data          []byte
	Serial        uint64
	Bands         []uint64
	Release       func()
	from          *segment // nil where nothing is shared
}

// free gives back a frame that is not handed out.
func (p Frame) free() {
	if p.Release != nil {
		p.Release()
	}
}

// segments is how many frames may be in their receivers' hands: one queued, one being encoded, one being taken.
const segments = 3

// errNoMemory says that the receivers hold all the memory there is for frames.
var errNoMemory = errors.New("all memory for frames is in use")

// grabber reads frames of one size.
type grabber struct {
	d             *Display
	width, height int
	form          form
	converter     *converter           // nil: the server delivers BGRx
	stale         []media.Rows         // of the segment that is being read into
	asked         []shm.GetImageCookie // for them
	mu            sync.Mutex
	free          []*segment // nil where nothing can be shared
	all           []*segment
	closed        bool
}

// segment is memory that the X server writes into. It keeps what it was given: only what has changed since is read
// again.
type segment struct {
	seg    shm.Seg
	raw    []byte     // what the server writes into
	memory []byte     // the frame: raw where that is BGRx
	serial uint64     // of the frame that it holds; 0: none
	drawn  media.Rows // what the pointer was drawn over
	bands  []uint64   // the frame's
}

// newGrabber prepares memory for frames of a size and form. Where none can be shared with the server, frames come
// over the connection.
func (d *Display) newGrabber(width, height int, f form) *grabber {
	g := &grabber{d: d, width: width, height: height, form: f, converter: newConverter(f)}
	if !d.hasSHM {
		return g
	}
	for range segments {
		s, err := d.share(f.stride(width) * height)
		if err != nil {
			g.close()
			return &grabber{d: d, width: width, height: height, form: f, converter: g.converter}
		}
		if g.converter != nil {
			s.memory = make([]byte, width*height*4)
		}
		g.all = append(g.all, s)
	}
	g.free = append(g.free, g.all...)
	return g
}

// share makes a segment and announces it to the server.
func (d *Display) share(size int) (*segment, error) {
	memory, id, err := newShared(size)
	if err != nil {
		return nil, err
	}
	defer id.remove() // it lives on until both sides let go
	seg, err := shm.NewSegId(d.conn)
	if err == nil {
		err = shm.AttachChecked(d.conn, seg, uint32(id), false).Check()
	}
	if err != nil {
		return nil, errors.Join(err, freeShared(memory))
	}
	return &segment{seg: seg, raw: memory, memory: memory}, nil
}

const (
	allPlanes = ^uint32(0)
	zPixmap   = xproto.ImageFormatZPixmap
)

// gap is up to how many bands that have not changed are read with those around them, rather than by a request more.
const gap = 8

// grab reads a part of a drawable, which has to have the grabber's size: all of it, or the bands that have changed
// since the memory for it was last read into.
func (g *grabber) grab(from xproto.Drawable, at image.Point, b *bands, all bool) (Frame, error) {
	p := Frame{Width: g.width, Height: g.height}
	if g.all == nil {
		r, err := xproto.GetImage(g.d.conn, zPixmap, from, int16(at.X), int16(at.Y), uint16(g.width), uint16(g.height),
			allPlanes).Reply()
		if err != nil {
			return p, err
		}
		p.Data, p.Release = r.Data, func() {}
		if err := g.checkForm(r.Depth, len(r.Data), g.height); err != nil || g.converter == nil {
			return p, err
		}
		p.Data = make([]byte, g.width*g.height*4)
		g.converter.convert(r.Data, g.width, media.Rows{To: g.height}, p.Data)
		return p, nil
	}
	s := g.take()
	if s == nil {
		return p, errNoMemory
	}
	g.stale = media.AppendRows(g.stale[:0], g.height, gap, func(band int) bool {
		top := band * media.BandRows
		return all || b.last[band] > s.serial || top < s.drawn.To && top+media.BandRows > s.drawn.From
	})
	s.serial, s.drawn = 0, media.Rows{}
	if err := g.read(from, at, s); err != nil {
		g.put(s)
		return p, err
	}
	s.serial = b.serial
	p.Data, p.from, p.Release = s.memory, s, sync.OnceFunc(func() { g.put(s) })
	return p, nil
}

// read reads the stale rows. It waits for all of them, also when one cannot be read: they go into the same memory.
func (g *grabber) read(from xproto.Drawable, at image.Point, s *segment) (err error) {
	g.asked = g.asked[:0]
	for _, r := range g.stale {
		g.asked = append(g.asked, shm.GetImage(g.d.conn, from, int16(at.X), int16(at.Y+r.From), uint16(g.width),
			uint16(r.To-r.From), allPlanes,
			zPixmap, s.seg, uint32(r.From*g.form.stride(g.width))))
	}
	for i, cookie := range g.asked {
		r, failed := cookie.Reply()
		if failed == nil {
			failed = g.checkForm(r.Depth, int(r.Size), g.stale[i].To-g.stale[i].From)
		}
		if failed == nil && g.converter != nil {
			g.converter.convert(s.raw, g.width, g.stale[i], s.memory)
		}
		if err == nil {
			err = failed
		}
	}
	return err
}

// formError says that frames come in a form that is not supported here.
type formError struct{ error }

func (g *grabber) checkForm(depth byte, size, rows int) error {
	if want := rows * g.form.stride(g.width); depth != g.form.depth || size < want {
		return formError{fmt.Errorf("the display %s delivers frames in another format than it announces (depth %d for %d, "+
			"%d of %d bytes)", g.d.Name, depth, g.form.depth, size, want)}
	}
	return nil
}

func (g *grabber) take() *segment {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.free) == 0 {
		return nil
	}
	s := g.free[len(g.free)-1]
	g.free = g.free[:len(g.free)-1]
	return s
}

func (g *grabber) put(s *segment) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		_ = freeShared(s.raw)
		return
	}
	g.free = append(g.free, s)
}

// close lets go of the memory; what is in receivers' hands follows when it comes back.
func (g *grabber) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.closed = true
	for _, s := range g.all {
		shm.Detach(g.d.conn, s.seg)
	}
	for _, s := range g.free {
		_ = freeShared(s.raw)
	}
	g.free = nil
}
