package x11

import (
	"hash/maphash"
	"time"

	"github.com/jezek/xgb/damage"
	"github.com/jezek/xgb/xproto"
)

// checkEvery is how often it is tried to compare two pictures between which the server told of no change: some drivers draw
// without telling, games above all, while it does tell of the clock beside them.
const checkEvery = time.Second

// seed is that of all hashes of pictures.
var seed = maphash.MakeSeed()

// watcher knows whether something has changed since the last look (the DAMAGE extension, version 1.1). It is used by
// one goroutine.
type watcher struct {
	d     *Display
	id    damage.Damage // 0: nobody tells
	on    xproto.Drawable
	blind bool          // the server does not tell of all changes
	tried time.Duration // when the last try began
	last  uint64        // hash of the picture last looked at
	known bool          // nothing was told since
	pair  bool          // the next picture is to be compared with it
	doubt bool          // the last two differed
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

// changed says whether something has changed, and whether the picture is to be shown to check.
func (w *watcher) changed(now time.Duration) (yes, look bool) {
	if w.id == 0 || w.blind {
		return true, false
	}
	told := w.d.damaged.Swap(false)
	if told {
		damage.Subtract(w.d.conn, w.id, 0, 0) // before the picture is read: what changes meanwhile is told again
	}
	return w.next(told, now)
}

// next is what is to be done for the next picture, told of a change or not.
func (w *watcher) next(told bool, now time.Duration) (yes, look bool) {
	due := now-w.tried > checkEvery
	if told {
		w.forget()
		return true, due
	}
	w.blind = w.doubt // that change was not told late either
	return w.blind, due || w.pair
}

// forget lets go of the last look: what follows is a different picture for certain.
func (w *watcher) forget() { w.known, w.pair, w.doubt = false, false, false }

// check looks at a picture, and answers whether it is for certain that of the last look.
func (w *watcher) check(p Picture, now time.Duration) bool {
	hash := maphash.Bytes(seed, p.Data)
	same := w.known && hash == w.last
	if !w.pair {
		w.tried = now
	}
	w.pair, w.doubt = !w.known, w.known && !same
	w.last, w.known = hash, true
	return same
}

func (w *watcher) close() {
	if w.id != 0 {
		damage.Destroy(w.d.conn, w.id)
	}
	*w = watcher{d: w.d}
}
