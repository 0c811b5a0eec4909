package source

import (
	"context"
	"time"
)

// liveness distinguishes a portal that hangs from a still screen. Its methods are called by one goroutine.
type liveness struct {
	// ask returns portal.ErrHung where the portal does not respond; it is called from a goroutine, one at a time.
	ask func(context.Context) error

	// hung says that the portal did not respond when it was asked last, and no new frame came since.
	hung bool

	came  time.Duration // the last frame of any kind
	fresh time.Duration // the last that came too soon to be a repeat
	asked time.Duration // the last reply
	reply chan error    // to what is being asked; nil: nothing is
	stop  context.CancelFunc
}

// frame notes a frame. Repeats come keepAlive after the frame before.
func (l *liveness) frame(now time.Duration) {
	if now-l.came < keepAlive*8/10 {
		l.fresh, l.hung = now, false
	}
	l.came = now
}

// look takes a reply and asks where that is due. It does not block.
func (l *liveness) look(ctx context.Context, now time.Duration) {
	pause := repeatsAlone
	if l.hung {
		pause = hungAgain
	}
	if l.reply != nil {
		select {
		case err := <-l.reply:
			l.hung = err != nil && now-l.fresh > repeatsAlone
			l.asked = now
			l.close()
		default:
		}
		return
	}
	if now-l.fresh <= repeatsAlone || now-l.asked <= pause {
		return
	}
	ctx, l.stop = context.WithCancel(ctx)
	l.reply = make(chan error, 1)
	go func(reply chan<- error) { reply <- l.ask(ctx); close(reply) }(l.reply)
}

// close takes back what is being asked, and waits.
func (l *liveness) close() {
	if l.reply == nil {
		return
	}
	l.stop()
	for range l.reply {
	}
	l.reply = nil
}
