package x11

import (
	"hash/maphash"
	"time"

	"github.com/jezek/xgb/damage"
	"github.com/jezek/xgb/xproto"
)

// checkEvery is how often two pictures are compared between which the server told of no change: some drivers draw without
// telling, games above all, while it does tell of the clock beside them.
const checkEvery = time.Second

// seed is that of all hashes of pictures.
var seed = maphash.MakeSeed()

// watcher knows whether something has changed since the last look (the DAMAGE extension, version 1.1). It is used by
// one goroutine.
type watcher struct {
	d       *Display
	id      damage.Damage // 0: nobody tells
	on      xproto.Drawable
	blind   bool          // the server does not tell of all changes
	checked time.Duration // when two pictures were compared
	last    uint64        // hash of the last picture that was read for that
	known   bool          // nothing was told since
	doubt   bool          // the two differed
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
}

// changed says whether something has changed, or may have: then the picture is worth a check.
func (w *watcher) changed(now time.Duration) (yes, maybe bool) {
	if w.id == 0 || w.blind {
		return true, false
	}
	if w.d.damaged.Swap(false) {
		damage.Subtract(w.d.conn, w.id, 0, 0) // before the picture is read: what changes meanwhile is told again
		w.told()
		return true, false
	}
	w.blind = w.doubt // that change was not told late either
	return w.blind, now-w.checked >= checkEvery
}

// told notes a change that the server told of.
func (w *watcher) told() { w.known, w.doubt = false, false }

// check looks at a picture that may have changed, and answers whether it is for certain that of the last look.
func (w *watcher) check(p Picture, now time.Duration) bool {
	hash := maphash.Bytes(seed, p.Data)
	same := w.known && hash == w.last
	if w.known {
		w.checked, w.doubt = now, !same
	}
	w.last, w.known = hash, true
	return same
}

func (w *watcher) close() {
	if w.id != 0 {
		damage.Destroy(w.d.conn, w.id)
	}
	*w = watcher{d: w.d}
}
