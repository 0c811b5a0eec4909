package x11

import (
	"context"
	"errors"
	"image"
	"time"

	"github.com/jezek/xgb/xproto"

	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// settle is how long a new size must have lasted before it is captured: while a window is dragged to another size,
	// the last frame is held.
	settle = 300 * time.Millisecond
	// patience is how long the target may be away before it is reported.
	patience = 700 * time.Millisecond
	// lookAgain is how often the layout is looked at without an event: not every window manager announces its windows.
	lookAgain = time.Second
)

// Config says what to capture and where frames go.
type Config struct {
	Target media.Target
	// Held remembers which window is captured, where that is to outlast one Capture; it may be nil.
	Held *Held
	// Stay says whether a window that was closed is not replaced with another one that fits the target; nil never does.
	Stay func() bool
	// HidePointer leaves the mouse pointer out.
	HidePointer bool
	// FrameRate is in frames a second. Frames are taken at multiples of a frame's time on the clock.
	FrameRate int
	// Now reads the clock.
	Now func() time.Duration
	// Frame gets each frame with the time at which it was read.
	Frame func(Frame, time.Duration)
	// Same is called instead, with the size in pixels, where nothing has changed since the frame before. It returns
	// whether that is enough: else the frame is read. Nil wants all frames.
	Same func(width, height int, at time.Duration) bool
	// Up is called for each frame, Down with a message when there is nothing to capture for a while:
	// an AwayError while the target is away.
	Up   func()
	Down func(error)
}

// capturer is one run of Capture.
type capturer struct {
	Config
	d       *Display
	viewer  viewer
	pointer pointer
	watcher watcher
	grabber *grabber
	bands   *bands     // with grabber
	shown   media.Rows // of the pointer in the last frame
	had     bool       // a frame of this size
	owed    bool       // changes that were marked and not handed on

	view     view
	there    bool
	lost     time.Duration // since when it is not there
	reported string
	looked   time.Duration // last look at the layout
	size     image.Point   // of the view
	changed  time.Duration // since when it has this size
}

// Capture takes frames until the context ends (nil) or the display does not respond anymore. A target that is away is
// waited for.
func (d *Display) Capture(ctx context.Context, c Config) error {
	if c.Held == nil {
		c.Held = &Held{}
	}
	f := &capturer{Config: c, d: d, viewer: viewer{d: d, target: c.Target, held: c.Held, stay: c.Stay},
		pointer: pointer{d: d}, watcher: watcher{d: d}}
	d.layoutChanged.Store(true)
	defer f.close()
	f.changed = -settle // the first size counts at once
	period := time.Second / time.Duration(c.FrameRate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := c.Now()
		timer.Reset(slotAfter(now, c.FrameRate, period) - now)
		select {
		case <-ctx.Done():
			return nil
		case <-d.done:
			return errGone(d)
		case <-timer.C:
		}
		if err := f.step(c.Now()); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

func errGone(d *Display) error { return errors.New("the X display " + d.Name + " went away") }

// slotAfter is the begin of the first frame after now; frame n begins at n/fps s.
func slotAfter(now time.Duration, fps int, period time.Duration) time.Duration {
	second := now.Truncate(time.Second)
	n := int64(now-second)*int64(fps)/int64(time.Second) + 1
	at := second + time.Duration(n)*time.Second/time.Duration(fps)
	if at <= now { // rounding
		at += period
	}
	return at
}

// step takes one frame, if there is one. The error ends the capture.
func (f *capturer) step(now time.Duration) error {
	if f.d.layoutChanged.Swap(false) || !f.there || now-f.looked > lookAgain {
		if err := f.look(now); err != nil {
			return err
		}
	}
	if !f.there || now-f.changed < settle {
		return nil
	}
	if f.grabber == nil {
		f.grabber, f.bands = f.d.newGrabber(f.size.X, f.size.Y, f.view.form), newBands(f.size.Y)
		f.watcher.forget()
	}
	err := f.take()
	var form formError
	switch {
	case err == nil, errors.Is(err, errNoMemory):
		return nil
	case errors.As(err, &form):
		f.down(err)
		f.there = false
		return nil
	case refused(err): // it is changing right now
		f.there = false
		f.lost = now
		return nil
	}
	return errGone(f.d)
}

// look finds the target.
func (f *capturer) look(now time.Duration) error {
	if !f.there && f.reported != "" && now-f.looked < patience/4 {
		f.d.layoutChanged.Store(true) // seldom is enough while it is away
		return nil
	}
	f.looked = now
	was := f.there
	v, err := f.viewer.locate()
	f.there = err == nil
	var a AwayError
	switch {
	case errors.As(err, &a):
		if was || f.lost == 0 {
			f.lost = now
		}
		if now-f.lost >= patience || f.reported != "" {
			f.down(err)
		}
		return nil
	case refused(err):
		return nil
	case err != nil:
		return err
	}
	if (v.area != f.view.area || v.at != f.view.at) && f.grabber != nil {
		f.watcher.forget()
		f.bands.next()
		f.bands.all()
		f.owed = true
	}
	if v.form != f.view.form {
		f.drop()
	}
	f.view, f.lost = v, 0
	f.watcher.watch(v.watched)
	if size := v.area.Size(); size != f.size {
		if f.size != (image.Point{}) {
			f.changed = now
		}
		f.size = size
		f.drop()
	}
	return nil
}

// take reads what has changed of the frame and hands it on, if anything has. Server and program answer each other as
// seldom as can be: each time wakes both.
func (f *capturer) take() (err error) {
	defer func() { f.owed = f.owed || err != nil }()
	show := !f.HidePointer && f.d.hasPointer
	at := f.Now()
	f.bands.next()
	asked := f.watcher.ask()
	var where xproto.QueryPointerCookie
	if show {
		where = f.pointer.ask()
	}
	look, err := f.watcher.collect(asked, f.view, f.bands, at)
	if err != nil {
		return err
	}
	var p Frame
	if look || f.news() {
		if p, at, err = f.read(look); err != nil {
			return err
		}
	}
	if show {
		moved, err := f.pointer.look(where)
		if err != nil {
			p.free()
			return err
		}
		if moved {
			f.bands.mark(f.shown)
			f.shown = f.pointer.rows(f.view.at)
			f.bands.mark(f.shown)
		}
	}
	if p.Data == nil {
		if !f.news() && f.same(at) {
			return nil
		}
		if p, at, err = f.read(false); err != nil {
			return err
		}
	}
	if look && f.watcher.check(p, f.bands, at) && !f.news() && f.same(at) {
		p.free()
		return nil
	}
	f.bands.give(&p)
	if show {
		f.pointer.draw(p, f.view.at)
	}
	f.reported, f.had, f.owed = "", true, false
	f.Up()
	f.Frame(p, at)
	return nil
}

// news says whether the frame is another than the last that was handed on.
func (f *capturer) news() bool { return f.owed || f.bands.changed() }

// read reads the frame, all of it or what changed. The server reads between request and reply. On a busy machine
// that is a while, and the middle is the best guess of when.
func (f *capturer) read(all bool) (p Frame, at time.Duration, err error) {
	asked := f.Now()
	p, err = f.grabber.grab(f.view.drawable, f.view.area.Min, f.bands, all)
	return p, (asked + f.Now()) / 2, err
}

// same reports that the frame is the one before, and returns whether that is enough.
func (f *capturer) same(at time.Duration) bool {
	return f.had && f.Same != nil && f.Same(f.size.X, f.size.Y, at)
}

// down reports a failure once.
func (f *capturer) down(err error) {
	if f.reported != err.Error() {
		f.reported = err.Error()
		f.Down(err)
	}
}

func (f *capturer) drop() {
	if f.grabber != nil {
		f.grabber.close()
		f.grabber, f.had = nil, false
	}
}

func (f *capturer) close() {
	f.drop()
	f.watcher.close()
	f.viewer.forget()
}
