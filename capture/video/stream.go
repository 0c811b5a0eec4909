package video

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// mostPending is how many frames may be inside the encoder before new ones are dropped, and the last one shown in
	// their place; mostPendingFill before repeats are not encoded anymore.
	mostPending     = 6
	mostPendingFill = 3
)

// Stream encodes what the pipeline gives it. Its methods may be called from any goroutine.
type Stream struct {
	name  string // for the log
	now   func() time.Duration
	emit  encode.Emit
	fresh func() // asks the source for a whole frame
	log   *slog.Logger

	// plan is what to encode a shape like.
	plan func(shape, Encoding) encode.VideoConfig
	// wanted says whether it is of use to anybody; nil: always.
	wanted func() bool
	// prefer is an encoder to take without a trial where the user chose none; nil knows none.
	prefer func() string
	open   func(encode.VideoConfig, encode.Emit) (*encode.Video, error)

	wishes wishes
	counts counts
	poke   chan struct{} // work waits

	mu       sync.Mutex // never held while anything is waited for
	waiting  *work
	encoding Encoding
	expected string // the encoder that Info tells while none runs
	encoder  *encode.Video
	err      error
	closed   bool

	// The goroutine's own.
	tries  attempts
	began  bool    // frames were shown
	missed *shared // the newest that found no place, of a source that cannot be asked for it again
}

// counts are frames encoded, repeated because there was no new one, and lost.
type counts struct{ encoded, repeated, dropped atomic.Uint64 }

func newStream(name string, now func() time.Duration, emit encode.Emit, fresh func(), log *slog.Logger) *Stream {
	return &Stream{name: name, now: now, emit: emit, fresh: fresh, log: log, poke: make(chan struct{}, 1),
		open: encode.OpenVideo}
}

// active says whether the stream has use for work: for its end, too.
func (s *Stream) active() bool {
	if s.isWanted() {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.encoder != nil
}

func (s *Stream) isWanted() bool { return s.wanted == nil || s.wanted() }

// give takes work. It never blocks: it is merged with what waits.
func (s *Stream) give(w work) {
	s.mu.Lock()
	var left *shared
	switch {
	case s.closed:
		left = w.frame
	case s.waiting == nil:
		s.waiting = &w
	default:
		left = s.waiting.merge(w)
	}
	s.mu.Unlock()
	if left != nil {
		s.counts.dropped.Add(1)
		left.release()
	}
	media.Poke(s.poke)
}

// take returns what waits.
func (s *Stream) take() (w work, c Encoding, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		return work{}, s.encoding, false
	}
	w, s.waiting = *s.waiting, nil
	return w, s.encoding, true
}

func (s *Stream) loop(ctx context.Context) {
	defer s.end()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.poke:
			s.serve(ctx)
		}
	}
}

// serve does the work that waits.
func (s *Stream) serve(ctx context.Context) {
	w, c, ok := s.take()
	if !ok {
		return
	}
	if !s.isWanted() {
		w.frame.release()
		s.keep(nil)
		s.stop()
		s.tries.closed()
		s.began = false
		return
	}
	v, late := s.ready(ctx, s.plan(w.shape, c))
	switch {
	case v == nil:
		s.miss(w.frame)
		return
	case late > longestFill, late > holdFor && !s.began: // it begins with what comes now
		s.miss(w.frame)
		if w, _, ok = s.take(); ok {
			s.miss(w.frame)
		}
	default:
		s.show(v, w)
	}
	if !v.HasFrame() {
		s.fresh()
	}
}

// show fills slots.
func (s *Stream) show(v *encode.Video, w work) {
	if w.frame != nil {
		s.keep(nil) // this one is newer
		if w.at == noSlot {
			s.miss(w.frame)
			w.frame = nil
		}
	}
	p := pacer{fps: w.shape.fps}
	for n := w.from; n < w.to; n++ {
		var err error
		switch {
		case w.frame != nil && n == w.at:
			err = s.encode(v, w.frame, p.stamp(n))
			w.frame = nil
		case s.missed != nil && v.Pending() <= mostPendingFill:
			f := s.missed
			s.missed = nil
			err = s.encode(v, f, p.stamp(n))
		default:
			err = s.repeat(v, p.stamp(n))
		}
		if err != nil {
			s.miss(w.frame)
			s.lost(v, err)
			return
		}
	}
}

// encode takes a frame, or repeats the last one where the encoder is behind.
func (s *Stream) encode(v *encode.Video, f *shared, stamp time.Duration) error {
	if v.Pending() > mostPending {
		s.miss(f)
		return s.repeat(v, stamp)
	}
	s.key(v)
	if err := v.Encode(f.Frame, stamp); err != nil {
		s.miss(f)
		return err
	}
	f.release()
	s.began = true
	s.counts.encoded.Add(1)
	return nil
}

func (s *Stream) repeat(v *encode.Video, stamp time.Duration) error {
	s.key(v)
	if err := v.Repeat(stamp, v.Pending() > mostPendingFill); err != nil {
		return err
	}
	s.counts.repeated.Add(1)
	return nil
}

// miss takes a frame that is the newest and not shown: where the source cannot be asked again, it is kept for the next
// calm moment.
func (s *Stream) miss(f *shared) {
	if f == nil {
		return
	}
	s.counts.dropped.Add(1)
	if f.Serial != 0 {
		s.fresh() // it may be the last change for long
		f.release()
		return
	}
	s.keep(f)
}

// keep holds a missed frame instead of the one before.
func (s *Stream) keep(f *shared) {
	s.missed.release()
	s.missed = f
}

// RequestKeyframe makes the next frame an IDR. It takes no lock.
func (s *Stream) RequestKeyframe() { s.wishes.ask(key) }

func (s *Stream) key(v *encode.Video) {
	if s.wishes.take(key) {
		v.RequestKeyframe()
	}
}

// ready returns an encoder for a stream like this, opening one where needed, and how long that took; nil where none
// works. Opening may take seconds where encoders have to be tried: the other stream continues.
func (s *Stream) ready(ctx context.Context, want encode.VideoConfig) (v *encode.Video, took time.Duration) {
	began := s.now()
	switch s.tries.next(want, began) {
	case goOn:
		return s.running(), 0
	case wait:
		return nil, 0
	case begin:
	}
	s.stop()
	v, err := s.find(ctx, want)
	if err != nil {
		s.tries.exhausted(s.now())
		if ctx.Err() == nil {
			s.fail(err)
		}
		return nil, 0
	}
	s.tries.opened()
	info := v.Info()
	s.mu.Lock()
	s.encoder, s.err, s.expected = v, nil, info.Encoder
	s.mu.Unlock()
	s.log.Info("encoding the "+s.name, "encoder", info.Encoder, "width", info.Width, "height", info.Height,
		"fps", info.FrameRate, "kbps", info.BitrateKbps)
	return v, s.now() - began
}

// find opens the encoder that the user chose, or one that is known to work, or the first that passes a trial at this
// size. One that has failed is left out.
func (s *Stream) find(ctx context.Context, c encode.VideoConfig) (*encode.Video, error) {
	if c.Encoder == "" && s.prefer != nil {
		c.Encoder = s.prefer()
	}
	if s.tries.may(c.Encoder) {
		v, err := s.open(c, s.emit)
		if err == nil {
			return v, nil
		}
		s.log.Warn("an encoder cannot be opened; the next one is tried", "stream", s.name, "encoder", c.Encoder, "err", err)
		s.tries.lost(c.Encoder)
	}
	c.Encoder = ""
	name, err := encode.Choose(ctx, c, s.tries.failed...)
	if err != nil {
		return nil, err
	}
	c.Encoder = name
	return s.open(c, s.emit)
}

// lost drops an encoder that stopped; the next slot opens another one.
func (s *Stream) lost(v *encode.Video, err error) {
	name := v.Info().Encoder
	s.log.Warn("an encoder stopped; the next one is tried", "stream", s.name, "encoder", name, "err", err)
	s.tries.lost(name)
	encode.Forget(name)
	s.mu.Lock()
	s.expected = ""
	s.mu.Unlock()
	s.stop()
}

// fail tells a failure once.
func (s *Stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil || s.err.Error() != err.Error() {
		s.log.Error("the "+s.name+" cannot be encoded; it is tried again", "err", err)
	}
	s.err = err
}

// running is the encoder, nil while there is none.
func (s *Stream) running() *encode.Video {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.encoder
}

// stop closes the encoder.
func (s *Stream) stop() {
	s.mu.Lock()
	v := s.encoder
	s.encoder = nil
	s.mu.Unlock()
	if v != nil {
		_ = v.Close()
	}
}

// end gives back all that the stream holds.
func (s *Stream) end() {
	s.stop()
	s.keep(nil)
	s.mu.Lock()
	w := s.waiting
	s.waiting, s.closed = nil, true
	s.mu.Unlock()
	if w != nil {
		w.frame.release()
	}
}

func (s *Stream) apply(e Encoding, encoder string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.encoding = e
	if s.encoder == nil {
		s.expected = encoder
	}
}

// SetBitrate changes the target in kb/s of the running encoder.
func (s *Stream) SetBitrate(kbps int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.encoder == nil {
		return
	}
	if err := s.encoder.SetBitrate(kbps); err != nil {
		s.log.Warn("the bitrate stays", "stream", s.name, "err", err)
	}
}

// Info describes the stream. Before the first frame, and while nobody wants it, width and height are 0.
func (s *Stream) Info() media.TrackInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.encoder != nil {
		return s.encoder.Info()
	}
	return media.TrackInfo{Track: media.Video, Encoder: s.expected, BitrateKbps: s.encoding.BitrateKbps}
}

// Err is why the stream cannot be encoded just now; nil where it can.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Counts are frames encoded, repeated because there was no new one, and lost, since the start.
func (s *Stream) Counts() (encoded, repeated, dropped uint64) {
	return s.counts.encoded.Load(), s.counts.repeated.Load(), s.counts.dropped.Load()
}
