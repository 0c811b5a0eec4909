// Package video paces the frames of a source and encodes them.
//
// A Pipeline takes frames, gives each a slot of the frame rate, and hands slots and frames to its two streams: the full
// one and the low-resolution layer. They are equal: each has a goroutine, an encoder and a bounded mailbox of its own,
// so that opening or trying an encoder for one never holds up the other. Slots, and with them the stamps of frames, are
// the same in both.
//
// Goroutines: one that looks for slots without a frame, and one for each stream; the source's own goroutine paces, in
// Offer, and never waits. Close ends all of them and their encoders, waits, and may be called twice.
package video

import (
	"context"
	"image"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mute"
)

// tick is how often slots without a frame are looked for while they are due.
const tick = 50 * time.Millisecond

// Encoding says how frames are encoded; a change of it does not reopen the source.
type Encoding struct {
	// Height scales the video to this many rows, keeping its shape; 0 keeps the size as captured.
	Height int
	// FollowSize changes the size of the stream with that of what is captured, for example a window that is resized.
	// Else the size at the start stays for the session, and other sizes are fitted into it with their shape kept.
	FollowSize bool
	// BitrateKbps is the target in kb/s; 0 chooses it from size and frame rate.
	BitrateKbps int
	// ConstantQuality is a quantiser, 1 (excellent) to 51, that stays as long as the bitrate, then the most that may be
	// spent, suffices; 0 spends the bitrate.
	ConstantQuality int
	// Preset is how much work the encoder spends.
	Preset media.Preset
	// Encoder is one of encode.Names; empty takes the first that passes a trial.
	Encoder string
}

// Config is what a Pipeline begins with.
type Config struct {
	// FrameRate is in frames a second.
	FrameRate int
	Encoding  Encoding
	// Encoder is the one that a trial has found; it is reported until the first frame.
	Encoder string
	// Gate is the screen's; what it does not let pass is not taken. Nil takes everything.
	Gate *mute.Gate
	// Now is the clock that frames are stamped on.
	Now func() time.Duration
	// Full and Low receive the packets of the streams.
	Full, Low encode.Emit
	// WantsFull and WantsLow say whether anybody has use for the stream; without that it is not encoded. A nil WantsFull
	// is always.
	WantsFull, WantsLow func() bool
	Log                 *slog.Logger
}

// Pipeline takes frames from a source for its streams.
type Pipeline struct {
	// Full is what is kept; Low is a second, smaller encode of the same frames, for a connection that does not carry the
	// first.
	Full, Low *Stream

	now    func() time.Duration
	gate   *mute.Gate
	wishes wishes
	shots  shots

	mu     sync.Mutex // never held while anything is waited for
	pacer  pacer
	canvas canvas
	// rest is the newest frame of a source that cannot be asked for it again, while no stream has use for it.
	rest *shared

	cancel context.CancelFunc
	work   sync.WaitGroup
}

// shape is what streams need to know of the frames that come.
type shape struct {
	// size is that of frames that fill the stream, in pixels; others are fitted in.
	size image.Point
	fps  int
}

// canvas decides about the size of the stream, so that a window that is resized does not disturb the encoder, the clip
// or the viewers.
type canvas struct {
	size   image.Point // (0, 0) before the first frame
	follow bool
	refit  bool // a frame from refitAt on sets the size again
	// refitAt is when another target was chosen.
	refitAt time.Duration
}

// see takes the size of a frame.
func (c *canvas) see(f media.Frame) {
	if size := image.Pt(f.Width, f.Height); c.size == (image.Point{}) || c.follow || c.refit && f.PTS >= c.refitAt {
		c.size, c.refit = size, false
	}
}

// Start begins to wait for frames.
func Start(c Config) *Pipeline {
	p := newPipeline(c)
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	for _, s := range p.streams() {
		p.work.Go(func() { s.loop(ctx) })
	}
	p.work.Go(func() { p.loop(ctx) })
	return p
}

func newPipeline(c Config) *Pipeline {
	p := &Pipeline{now: c.Now, gate: c.Gate, pacer: pacer{fps: c.FrameRate}, cancel: func() {},
		canvas: canvas{follow: c.Encoding.FollowSize}}
	fresh := func() { p.wishes.ask(fresh) }
	p.Full = newStream("video", c.Now, c.Full, fresh, c.Log)
	p.Full.plan, p.Full.encoding, p.Full.expected, p.Full.wanted = full, c.Encoding, c.Encoder, c.WantsFull
	p.Low = newStream("low-resolution layer", c.Now, c.Low, fresh, c.Log)
	p.Low.plan, p.Low.encoding, p.Low.wanted = low, c.Encoding, c.WantsLow
	// The full stream's encoder has proven itself.
	p.Low.prefer = func() string { return p.Full.Info().Encoder }
	return p
}

func (p *Pipeline) streams() [2]*Stream { return [...]*Stream{p.Full, p.Low} }

// loop looks for slots without a frame.
func (p *Pipeline) loop(ctx context.Context) {
	t := time.NewTimer(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			t.Reset(p.idle())
		}
	}
}

// idle fills slots that no frame came for. It returns after what time it is to be called again.
func (p *Pipeline) idle() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if n, from := p.pacer.idle(now); n > 0 {
		p.give(work{from: from, to: from + n}, nil)
	}
	return p.pacer.wait(now)
}

// Offer takes a frame from the source. It never blocks.
func (p *Pipeline) Offer(f media.Frame) {
	if p.gate.Closed(f.PTS) {
		p.wishes.ask(fresh) // what has changed in it is asked for again
		release(f)
		return
	}
	p.shots.take(f)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.canvas.see(f)
	fill, _, slot, use := p.pacer.frame(f.PTS)
	w := work{from: slot - fill, to: slot + 1, at: slot}
	switch {
	case !use && f.Same:
		release(f)
		return
	case !use:
		w = work{at: noSlot}
	case f.Same:
		release(f)
		p.give(w, nil)
		return
	}
	p.give(w, &f)
}

// give hands work to the streams that have use for it.
func (p *Pipeline) give(w work, f *media.Frame) {
	w.shape = shape{p.canvas.size, p.pacer.fps}
	var active [2]bool
	readers := 0
	for i, s := range p.streams() {
		if active[i] = s.active(); active[i] {
			readers++
		}
	}
	p.take(&w, f, readers)
	for i, s := range p.streams() {
		if active[i] {
			s.give(w)
		}
	}
}

// take gives work its frame for a number of readers. Where there are none, the frame is kept for those that come: the
// screen may stand still then.
func (p *Pipeline) take(w *work, f *media.Frame, readers int) {
	switch {
	case f != nil && readers == 0 && f.Serial == 0:
		p.rest.release()
		p.rest = share(*f, 1)
		return
	case f != nil:
		w.frame = share(*f, readers)
	case p.rest == nil || readers == 0 || w.from == w.to:
		return
	default: // these are the first slots that are shown
		p.rest.readers.Store(int32(readers)) //nolint:gosec // at most two
		w.frame, w.at, p.rest = p.rest, w.to-1, nil
	}
	p.rest.release()
	p.rest = nil
}

// OfferSame takes a frame that is the same as the one before. It returns false when the whole frame is needed.
func (p *Pipeline) OfferSame(f media.Frame) bool {
	if p.wishes.take(fresh) {
		return false
	}
	p.Offer(f)
	return true
}

// Apply takes another frame rate and encoding, from the next frame on; encoder is the one that a trial has found.
func (p *Pipeline) Apply(fps int, e Encoding, encoder string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fps != p.pacer.fps {
		p.pacer = pacer{fps: fps}
	}
	p.canvas.follow = e.FollowSize
	for _, s := range p.streams() {
		s.apply(e, encoder)
	}
}

// Another says that from now on another target is captured, whose size decides about the stream's.
func (p *Pipeline) Another() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.canvas.refit, p.canvas.refitAt = true, p.now()
}

// Screenshot returns a copy of the next frame, or of the one that is kept for streams to come. It is nil when there is
// none in time.
func (p *Pipeline) Screenshot(ctx context.Context) image.Image {
	img := p.shots.next(ctx, freshWait, func() { p.wishes.ask(fresh) })
	p.mu.Lock()
	defer p.mu.Unlock()
	if img == nil && p.rest != nil {
		img = copyFrame(p.rest.Frame)
	}
	return img
}

// Close ends the streams and their encoders and waits. It may be called twice.
func (p *Pipeline) Close() {
	p.cancel()
	p.work.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest.release()
	p.rest = nil
}

// wish is a set of what can be asked for.
type wish uint32

const (
	key   wish = 1 << iota // an IDR frame
	fresh                  // a whole frame of the source: an encoder lacks what changed last
)

// wishes are what somebody has asked for until it is taken. Asking takes no lock: encoders do so from their own
// goroutines.
type wishes struct{ asked atomic.Uint32 }

func (w *wishes) ask(what wish) { w.asked.Or(uint32(what)) }

// take says whether it was asked for, and forgets that.
func (w *wishes) take(what wish) bool {
	return wish(w.asked.Load())&what != 0 && wish(w.asked.And(^uint32(what)))&what != 0
}

// shared is a frame that several streams read; the last one gives it back.
type shared struct {
	media.Frame
	readers atomic.Int32
}

// share returns the frame for a number of readers; without any it is given back at once.
func share(f media.Frame, readers int) *shared {
	if readers == 0 {
		release(f)
		return nil
	}
	s := &shared{Frame: f}
	s.readers.Store(int32(readers))
	return s
}

// release gives up one reader's part; nil has none.
func (s *shared) release() {
	if s != nil && s.readers.Add(-1) == 0 {
		release(s.Frame)
	}
}

func release(f media.Frame) {
	if f.Release != nil {
		f.Release()
	}
}
