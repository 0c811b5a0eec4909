package x11

import (
	"hash/maphash"
	"time"

	"github.com/jezek/xgb/damage"
	"github.com/jezek/xgb/xproto"
)

// checkEvery is how often a picture is read although the server told of no change. It is compared with the one before:
// some drivers draw without telling.
const checkEvery = time.Second

// seed is that of all hashes of pictures.
var seed = maphash.MakeSeed()

// watcher knows whether something has changed since the last look (the DAMAGE extension, version 1.1). It is used by
// one goroutine.
type watcher struct {
	d      *Display
	id     damage.Damage // 0: nobody tells
	on     xproto.Drawable
	blind  bool          // the server does not tell of all changes
	looked time.Duration // at the picture, for a change or a check
	last   uint64        // hash of the picture at the last check
	known  bool          // there was one since the last change
	doubt  bool          // it found a change
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
		w.looked, w.known, w.doubt = now, false, false
		return true, false
	}
	w.blind = w.doubt // that change was not told late either
	return w.blind, now-w.looked >= checkEvery
}

// check looks at a picture that may have changed, and answers whether it is for certain that of the last check.
func (w *watcher) check(p Picture, now time.Duration) bool {
	hash := maphash.Bytes(seed, p.Data)
	same := w.known && hash == w.last
	w.doubt = w.known && !same
	w.looked, w.last, w.known = now, hash, true
	return same
}

func (w *watcher) close() {
	if w.id != 0 {
		damage.Destroy(w.d.conn, w.id)
	}
	*w = watcher{d: w.d}
}
