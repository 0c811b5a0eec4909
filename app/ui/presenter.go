package ui

import (
	"sync"

	"github.com/hindsight-app/hindsight/app/session"
)

// presenter carries snapshots from the session to the main goroutine.
type presenter struct {
	u    *UI
	done chan struct{}
	end  func()

	mu     sync.Mutex
	newest session.Snapshot
	queued bool
	tray   trayKey
}

func (p *presenter) start() {
	snapshots, stop := p.u.parts.Feed.Watch()
	p.end, p.done = stop, make(chan struct{})
	go func() {
		defer close(p.done)
		for s := range snapshots {
			p.offer(s)
		}
	}()
}

func (p *presenter) stop() {
	if p.end != nil {
		p.end()
		<-p.done
	}
}

// offer queues at most one call on the main goroutine, and none when nothing visible would change: Fyne's queue has
// no bound. No lock is held over the call, because Fyne may run it right here while it ends.
func (p *presenter) offer(s session.Snapshot) {
	if p.take(s) {
		p.u.main(p.showNewest)
	}
}

// take keeps the snapshot and returns whether it has to be shown and nothing is queued yet.
func (p *presenter) take(s session.Snapshot) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.newest = s
	key := keyOf(s)
	if p.queued || (!p.u.shown.Load() && key == p.tray) {
		return false
	}
	p.queued, p.tray = true, key
	return true
}

func (p *presenter) showNewest() {
	p.mu.Lock()
	s := p.newest
	p.queued, p.tray = false, keyOf(s)
	p.mu.Unlock()
	p.apply(s)
}

// apply shows a snapshot; it runs on the main goroutine.
func (p *presenter) apply(s session.Snapshot) {
	u := p.u
	u.tray.update(s)
	if u.look.choose(s.Settings.App.Theme.String()) {
		u.app.Settings().SetTheme(u.look)
	}
	if u.shown.Load() && u.firstRun != nil {
		u.firstRun.update(s)
	} else if u.shown.Load() {
		u.nav.update(s)
		u.pages[u.nav.current].update(s)
	}
}
