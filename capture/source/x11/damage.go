package x11

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/jezek/xgb/damage"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"

	"github.com/hindsight-app/hindsight/capture/media"
)

// checkEvery is how often the whole frame is looked at for changes that the server did not report: some drivers draw
// without reporting it, games above all, while the clock next to them is reported.
const checkEvery = time.Second

// late is within how many frames the server may report a change that was seen first.
const late = 3

// seed is that of all hashes of bands.
var seed = maphash.MakeSeed()

// watcher knows what has changed since the last frame (the DAMAGE extension, version 1.1). It is used by one goroutine.
type watcher struct {
	d     *Display
	id    damage.Damage // 0: the server reports nothing
	on    xproto.Drawable
	parts xfixes.Region // what was reported last; 0: the server has no regions
	blind bool          // the server does not report all changes

	looked time.Duration // when the whole frame was last looked at
	at     uint64        // its serial; 0: never
	hashes []uint64      // of its bands
	doubts []int         // bands that differed though nothing was reported
	since  int           // frames since then
}

// watch begins to look at a window and all in it.
func (w *watcher) watch(on xproto.Drawable) {
	if w.on == on || !w.d.hasDamage {
		return
	}
	w.close()
	id, err := damage.NewDamageId(w.d.conn)
	if err != nil {
		return
	}
	w.d.damaged.Store(true)
	if damage.CreateChecked(w.d.conn, id, on, damage.ReportLevelNonEmpty).Check() != nil {
		return
	}
	w.id, w.on = id, on
	if parts, err := xfixes.NewRegionId(w.d.conn); err == nil && w.d.hasPointer &&
		xfixes.CreateRegionChecked(w.d.conn, parts, nil).Check() == nil {
		w.parts = parts
	}
}

// question is what the server was asked about changes.
type question struct {
	reported bool
	where    *xfixes.FetchRegionCookie // nil: it may be anything
}

// ask asks what has changed; collect waits for the reply.
func (w *watcher) ask() (q question) {
	if w.id == 0 || w.blind {
		return question{reported: true}
	}
	if !w.d.damaged.Swap(false) {
		return q
	}
	q.reported = true
	if w.parts == 0 {
		damage.Subtract(w.d.conn, w.id, 0, 0) // before the frame is read: what changes in the meantime is reported again
		return q
	}
	damage.Subtract(w.d.conn, w.id, 0, w.parts)
	cookie := xfixes.FetchRegion(w.d.conn, w.parts)
	q.where = &cookie
	return q
}

// collect marks what has changed in a view, and returns whether the whole frame is to be looked at.
func (w *watcher) collect(q question, v view, b *bands, now time.Duration) (look bool, err error) {
	switch {
	case q.where != nil:
		r, err := q.where.Reply()
		if err != nil {
			b.all()
			return false, err
		}
		for _, p := range r.Rectangles {
			x, y := int(p.X)-v.corner.X, int(p.Y)-v.corner.Y
			if x < v.area.Dx() && x+int(p.Width) > 0 {
				b.mark(media.Rows{From: y, To: y + int(p.Height)})
			}
		}
	case q.reported:
		b.all()
	}
	return w.judge(b, now), nil
}

// judge settles doubts: a change that has not been reported by now never will be.
func (w *watcher) judge(b *bands, now time.Duration) (look bool) {
	if w.id == 0 || w.blind {
		return false
	}
	if len(w.doubts) > 0 {
		w.doubts = slices.DeleteFunc(w.doubts, func(band int) bool { return b.last[band] > w.at })
		if w.since++; w.since >= late && len(w.doubts) > 0 {
			w.blind = true
			b.all()
			return false
		}
	}
	return now-w.looked > checkEvery
}

// check looks at a whole frame, marks the bands that are others although nothing was reported, and returns whether for
// certain there are none.
func (w *watcher) check(p Frame, b *bands, now time.Duration) bool {
	known := w.at != 0
	w.doubts, w.since = w.doubts[:0], 0
	w.hashes = slices.Grow(w.hashes[:0], len(b.last))[:len(b.last)]
	for i := range b.last {
		hash := maphash.Bytes(seed, b.of(i, p.Data))
		if known && b.last[i] <= w.at && hash != w.hashes[i] {
			w.doubts = append(w.doubts, i)
			b.last[i] = b.serial
		}
		w.hashes[i] = hash
	}
	w.looked, w.at = now, b.serial
	return known && len(w.doubts) == 0
}

// forget lets go of the last look: the view is another.
func (w *watcher) forget() { w.at, w.doubts = 0, nil }

func (w *watcher) close() {
	if w.id != 0 {
		damage.Destroy(w.d.conn, w.id)
	}
	if w.parts != 0 {
		xfixes.DestroyRegion(w.d.conn, w.parts)
	}
	*w = watcher{d: w.d}
}
